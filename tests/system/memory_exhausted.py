"""A program that takes all memory of the machine dies or gets an error; the system lives and has it back. While it holds all, servers
and the supervisor come back when they are killed."""

import re
import subprocess
from pathlib import Path

import build

TIME = 240
CPUS = (1, 4)
SOURCE = build.ROOT / "tests/system/crash/exhaust.c"
LEFT = 3072 + 256   # KiB at most that no program gets
KILLS = 5
SCRIPT = r"""
before=$(awk '/^MemFree/{print $2}' /proc/meminfo)
awk 'BEGIN{while (1) a[n++] = "a string of some length that fills memory " n}' > /dev/null 2>&1; [ $? -ne 0 ] && echo ended
head -c 400m /dev/zero > /tmp/full 2>/dev/null; [ $? -ne 0 ] && echo full; rm -f /tmp/full
sleep 1
after=$(awk '/^MemFree/{print $2}' /proc/meminfo)
[ $((before - after)) -le 2048 ] && echo back || echo "lost $((before - after)) KiB"
echo alive | cat
"""

# Neither programs nor files alone can have all of it.
HELD = rf"""
head -c 30m /dev/zero > /tmp/full; exhaust {KILLS}; rm /tmp/full
svctl list | awk '$2 != "state" && $2 != "ready"'; echo alive | cat
"""


def test(system):
    done = system.shell(SCRIPT, mem="96M")
    system.equal((done.output, done.status), (b"ended\nfull\nback\nalive\n", 0))
    program = Path(system.folder) / "exhaust"
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", SOURCE, "-o", program], check=True)
    done = system.shell(HELD, mem="96M", programs={"exhaust": program})
    found = re.fullmatch(r"(\d+) MiB, (\d+) KiB free, 0 failed\nalive\n", done.output.decode())
    assert found and int(found[1]) > 30 and int(found[2]) <= LEFT, (done.output, done.error, done.log[-3000:])
    system.equal(len(re.findall("supervisor: has died, and goes on", done.log)), KILLS, "deaths of the supervisor")
