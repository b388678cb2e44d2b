"""A fork beside a thread that is just ending, on several CPUs: the child can take every lock (tests/linux/programs/joined.c)."""

import subprocess

import build
import test_linux

CPUS = (4,)
TIME = 90
SOURCE = build.ROOT / "tests/linux/programs/joined.c"


def test(system):
    program = test_linux.program(SOURCE, "glibc")
    done = system.execute(["/bin/joined"], programs={"joined": program})
    system.equal((done.output, done.status), (subprocess.run([program], capture_output=True, check=True).stdout, 0))
