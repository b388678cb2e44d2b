"""Threads move, objects are destroyed and memory is unmapped under load on several CPUs (ktest/test_stress.c); minutes of
it with --long, on the debug kernel and its lock checks."""

import re

import build

KERNEL = "debug"
CPUS = (1, 4)
SECONDS, SECONDS_LONG = 3, 240
TIME = 2 * SECONDS_LONG + 120   # the test runs twice, so that what the first run leaves shows


def test(system):
    milliseconds = 1000 * (SECONDS_LONG if system.long else SECONDS)
    manifest = (build.ROOT / "tests/system/ktest/manifest").read_text() + f"argument stress\nargument {milliseconds}\n"
    outcome = system.boot_services({"ktest": (build.BUILD / "ktest", manifest)}, ["ktest"])
    wrong = [line for line in outcome.log.splitlines() if re.search(r"failed: |FAIL|leaked|panic", line)]
    assert re.search(r"ktest: done: 1 passed, 0 failed", outcome.log) and not wrong, \
        "\n".join(wrong[:40] or outcome.log.splitlines()[-30:])
