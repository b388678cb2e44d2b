"""Servers die at instructions chosen by chance among all that they have, twice there, or two of them at once, by a debugger's hand; a
load's output stays what it is without."""

import re

import debugger
import debian_work

TIME = 250
CPUS = (1, 4)
LEAST = 20


def ends(system, load, seconds):
    done, log = debugger.attacked(system, load, seconds=seconds, harms=[debugger.jump_nowhere], times=2, apart=0.02)
    deaths = len(re.findall(r" died: exception|: has died, and goes on", log))
    assert min(len(done), deaths) >= LEAST, (deaths, done)
    if system.long:
        print(f"{system.smp} CPUs, {len(done)} jumps to nowhere, {deaths} deaths: the same output", flush=True)


def test(system):
    rounds, seconds = (40, 100) if system.long else (3, 8)
    ends(system, debugger.usual_load(rounds), seconds)
    if system.long:
        top = debian_work.root_tree(system.folder)
        ends(system, lambda system, **more: debian_work.run(system, top, rounds // 4, **more), seconds)
