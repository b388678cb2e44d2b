"""A fork beside a thread that is just ending, on several CPUs: the child can take every lock (tests/linux/programs/joined.c)."""

import subprocess
from pathlib import Path

import build

CPUS = (4,)
TIME = 90
SOURCE = build.ROOT / "tests/linux/programs/joined.c"


def test(system):
    program = Path(system.folder) / "joined"
    subprocess.run(["gcc", "-std=gnu17", "-O1", "-w", "-static", "-pthread", SOURCE, "-o", program], check=True)
    done = system.execute(["/bin/joined"], programs={"joined": program})
    system.equal((done.output, done.status), (subprocess.run([program], capture_output=True, check=True).stdout, 0))
