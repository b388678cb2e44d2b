"""Servers that are ended again and again, at any instruction, while programs use them: nobody notices."""

import re

import build
from crash import workload

TIME = 240
CPUS = (1, 4)
MANIFEST = "service killer\nsupervise\nlimit none\npriority driver\nargument {apart}\n{victims}"
VICTIMS = ("pipe", "procfs", "log", "tmpfs", "serial0", "serial1", "serial3")
COUNTS = dict(sorts=20, fifos=5, looks=10, lines=40, rounds=15, beside=5)


def test(system):
    manifest = MANIFEST.format(apart=4000, victims="".join(f"argument {name}\n" for name in VICTIMS))
    log = workload.compare(system, COUNTS, services={"killer": (build.BUILD / "killer", manifest)})
    kills = [int(number) for number in re.findall(r"killer: (\d+) kills", log)]
    assert kills and kills[-1] >= 100, log[-2000:]
    system.equal(kills, list(range(100, kills[-1] + 1, 100)), "lines of the log")
