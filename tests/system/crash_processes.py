"""The process server dies at one store after the other, or at any instruction, in the middle of what processes ask of it:
no signal, child, wait status or id is lost or doubled."""

import re
import subprocess
from pathlib import Path

import build

TIME = 150
CPUS = (1, 4)
SOURCE = build.ROOT / "tests/system/crash/processes.c"
ROUNDS = 20
MANIFEST = "service killer\nsupervise\npriority driver\nargument 6000\nargument proc\n"


def expected(rounds):
    return (f"{rounds} rounds: 0 failures, 0 children left, {10 * rounds} queued, {rounds} blocked, {rounds} alarms\n"
            .encode(), 0)


def deaths(log):
    assert "given up" not in log and "refused" not in log, log[-2000:]
    return len(re.findall("proc died", log))


def test(system):
    program = Path(system.folder) / "processes"
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-pthread", SOURCE, "-o", program], check=True)
    done = system.execute(["/bin/processes", str(ROUNDS)], programs={"processes": program},
                          replaced={"proc": build.BUILD / "proc-counted"})
    system.equal((done.output, done.status), expected(ROUNDS), "output with deaths at stores")
    assert deaths(done.log) > 500, f"only {deaths(done.log)} deaths"
    done = system.execute(["/bin/processes", str(ROUNDS)], programs={"processes": program},
                          services={"killer": (build.BUILD / "killer", MANIFEST)})
    system.equal((done.output, done.status), expected(ROUNDS), "output with deaths at any time")
    assert "killer: 100 kills" in done.log, done.log[-2000:]
