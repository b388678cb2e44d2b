"""A server that dies at one store after the other, in the middle of requests: programs notice nothing."""

import re

import build
from crash import workload

TIME = 240
FEWER = ("serial0", "tty")   # how many calls they have depends on how the host's bytes come
COUNTS = dict(sorts=40, fifos=12, looks=30, lines=100, rounds=100, beside=4)


def test(system):
    replaced = {name: build.BUILD / f"{name}-counted" for name in workload.SERVERS}
    log = workload.compare(system, COUNTS, replaced=replaced)
    for name in workload.SERVERS.values():
        deaths = len(re.findall(f"{name} died", log))
        assert deaths > (10 if name in FEWER else 50), f"{name}: only {deaths} deaths\n" + "\n".join(log.splitlines()[-20:])
