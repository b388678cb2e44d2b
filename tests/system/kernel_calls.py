"""The kernel's calls, exercised by a native program (tests/system/ktest) that also counts what it leaves."""

import re

import build

KERNEL = "debug"
CPUS = (1, 4)
TIME = 120


def test(system):
    manifest = (build.ROOT / "tests/system/ktest/manifest").read_text()
    outcome = system.boot_services({"ktest": (build.BUILD / "ktest", manifest)}, ["ktest"])
    done = re.search(r"ktest: done: (\d+) passed, (\d+) failed", outcome.log)
    wrong = [line for line in outcome.log.splitlines() if re.search(r"failed: |FAIL|leaked|panic", line)]
    assert done and done[2] == "0" and not wrong, "\n".join(wrong[:40] or outcome.log.splitlines()[-30:])
