"""No hostile program keeps interrupts off for long (ktest/test_latency.c), as the kernel built to tell so counts: one CPU,
one tick of its clock for each instruction."""

import re

import build
import symbols

TARGETS = ["atoll-latency.kernel"]
TIME = 120
LIMIT = 20_000   # instructions
OFF = re.compile(rb"interrupts off for (\d+) cycles: (.*)")


def test(system):
    manifest = (build.ROOT / "tests/system/ktest/manifest").read_text().replace("64M", "256M") + "argument latency:\n"
    outcome = system.boot_services({"ktest": (build.BUILD / "ktest", manifest)}, ["ktest"], kernel="latency", icount=True)
    done = re.search(r"ktest: done: (\d+) passed, (\d+) failed", outcome.log)
    wrong = [line for line in outcome.log.splitlines() if re.search(r"failed: |FAIL|leaked|panic", line)]
    assert done and done[1] != "0" and done[2] == "0" and not wrong, \
        "\n".join(wrong[:40] or outcome.log.splitlines()[-30:])
    longest, place = max((int(cycles), text) for cycles, text in OFF.findall(outcome.log.encode()))
    place = symbols.named(place, build.BUILD / "atoll-latency.kernel").decode()
    assert 0 < longest <= LIMIT, f"interrupts off for {longest:,} instructions: {place}"
