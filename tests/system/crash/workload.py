"""What the crash tests run: programs that use every server that recovers, and say the same if they notice no death."""

import random
import re
import subprocess
from pathlib import Path

import build

# A program, and a service that runs it.
SERVERS = {"proc": "proc", "pipe": "pipe", "procfs": "procfs", "log": "log", "tmpfs": "tmpfs", "uart": "serial0", "tty": "tty"}
SCRIPT = r"""
cat > /tmp/typed; md5sum /tmp/typed; cat /tmp/typed
i=0; while [ $i -lt {sorts} ]; do seq 1 100 | sort -rn | tr 0-9 a-j | tail -n 1; i=$((i+1)); done | uniq -c | tr -s ' '
mkfifo /tmp/f; i=0
while [ $i -lt {fifos} ]; do cat /tmp/f | wc -c & head -c 70000 /dev/zero > /tmp/f; wait; i=$((i+1)); done | uniq -c | tr -s ' '
for i in 1 2 3 4 5 6; do (sleep 0.05; echo late) | (read -t 5 line; echo "$line"); done | uniq -c | tr -s ' '
yes | head -n 100000 | md5sum
sleep 1 | (exit 3) | true; echo "status $?"
i=0; while [ $i -lt {looks} ]; do cat /proc/self/comm /proc/1/comm /proc/sys/kernel/ostype; ls /proc/self/fd | wc -l; i=$((i+1))
done | sort | uniq -c | tr -s ' '
i=0; while [ $i -lt {lines} ]; do echo "line $i of the log" > /dev/kmsg; i=$((i+1)); done
exec 5< /proc/self/status; while read -r name value <&5; do [ "$name" = Name: ] && echo "$value"; done; exec 5<&-
mkdir /tmp/tree /tmp/1 /tmp/2; cd /tmp/tree
for i in 1 2 3 4 5 6 7 8; do mkdir -p $i/a/b; seq 1 ${{i}}00 > $i/a/b/numbers; done
tar cf - . | tar xf - -C /tmp/1; cp -r . /tmp/2; mv 3 4/a/; rm -r 5; (cd /tmp; diff -r 1 2); find . | sort | tr '\n' ' '
cat 8/a/b/numbers 1/a/b/numbers >> 2/a/b/numbers; find . -type f | sort | xargs md5sum; cd /tmp/1; files {rounds} alone
(cd /tmp/1; files {beside}) & (cd /tmp/2; files {beside}) & wait
"""


def programs(system):
    """The Linux programs that the script needs."""
    path = Path(system.folder) / "files"
    source = build.ROOT / "tests/system/crash/files.c"
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", source, "-o", path], check=True)
    return {"files": path}


def compare(system, counts, **deadly):
    """The script without deaths, and with what makes servers die: nobody has noticed. The log of the second."""
    script, needed, typed = SCRIPT.format(**counts), programs(system), random.Random(1).randbytes(200000)
    whole = system.shell(script, stdin=typed, programs=needed)
    assert whole.status == 0 and whole.output.count(b" 0 surprises") == 3 and not whole.error, whole.output[-3000:] + whole.error
    done = system.shell(script, stdin=typed, programs=needed, **deadly)
    system.equal((done.output[-5000:], done.error, done.status), (whole.output[-5000:], whole.error, whole.status), "output with deaths")
    system.equal(done.output == whole.output, True, "all of the output the same")
    assert "given up" not in done.log and "refused" not in done.log, done.log[-2000:]
    lines = re.findall(r"line (\d+) of the log", done.log)
    system.equal([int(line) for line in lines], list(range(counts["lines"])), "lines of the log")
    return done.log
