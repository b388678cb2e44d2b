"""Servers die at instructions chosen by chance among all that they have, twice there, or two of them at once, by a debugger's hand; a
load's output stays what it is without."""

import re

import debugger

TIME = 120
CPUS = (1, 4)
LEAST = 20


def test(system):
    rounds, seconds = (40, 100) if system.long else (3, 8)
    done, log = debugger.attacked(system, rounds, seconds=seconds, harms=[debugger.jump_nowhere], times=2, apart=0.02)
    deaths = len(re.findall(r" died: exception|: has died, and goes on", log))
    assert min(len(done), deaths) >= LEAST, (deaths, done)
