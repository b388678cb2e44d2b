"""proc dies each time it has said that a thread is gone, and says so again: nothing happens to the thread that has the place of that
one by then."""

import subprocess
from pathlib import Path

import build

TIME = 60
CPUS = (1, 4)


def test(system):
    program = Path(system.folder) / "threads"
    subprocess.run(["gcc", "-O2", "-static", "-pthread", build.ROOT / "tests/system/crash/threads.c", "-o", program], check=True)
    done = system.shell("threads", programs={"threads": program}, replaced={"proc": build.BUILD / "proc-gone"})
    system.equal((done.output, done.error, done.status), (b"240 of 240\n", b"", 0), "threads that did what they should")
    assert done.log.count("supervisor: proc died") >= 200, "too few deaths"
