"""From the file server's death to its answer there are few instructions, whatever it has open."""

import re
import subprocess
from pathlib import Path

import build

FILES = 3000
MOST = 300_000   # instructions, which are nanoseconds here
SOURCE = build.ROOT / "tests/system/crash/answer.c"


def test(system):
    program = Path(system.folder) / "answer"
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", SOURCE, "-o", program], check=True)
    done = system.shell(f"cd /tmp; answer {FILES}", programs={"answer": program},
                        replaced={"tmpfs": build.BUILD / "tmpfs-counted"}, icount=True)
    assert done.status == 0 and not done.error, (done.status, done.error)
    deaths, longest = len(re.findall("tmpfs died", done.log)), int(done.output)
    assert deaths > 100, deaths
    assert 50_000 < longest <= MOST, f"{longest} instructions with {FILES} files open"
