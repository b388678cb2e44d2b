"""Servers that are ended again and again, at any instruction, while programs use them: nobody notices."""

import random
import re

import build

TIME = 240
CPUS = (1, 4)
MANIFEST = "service killer\nsupervise\npriority driver\nargument {apart}\n{victims}"
VICTIMS = ("pipe", "procfs", "log", "serial0", "serial1", "serial3")
SCRIPT = r"""
cat > /tmp/typed; md5sum /tmp/typed; cat /tmp/typed
i=0; while [ $i -lt 30 ]; do seq 1 100 | sort -rn | tr 0-9 a-j | tail -n 1; i=$((i+1)); done | uniq -c | tr -s ' '
mkfifo /tmp/f; i=0
while [ $i -lt 8 ]; do cat /tmp/f | wc -c & head -c 70000 /dev/zero > /tmp/f; wait; i=$((i+1)); done | uniq -c | tr -s ' '
for i in 1 2 3 4 5 6; do (sleep 0.05; echo late) | (read -t 5 line; echo "$line"); done | uniq -c | tr -s ' '
yes | head -n 100000 | md5sum
sleep 1 | (exit 3) | true; echo "status $?"
i=0; while [ $i -lt 15 ]; do cat /proc/self/comm /proc/1/comm /proc/sys/kernel/ostype; ls /proc/self/fd | wc -l; i=$((i+1))
done | sort | uniq -c | tr -s ' '
i=0; while [ $i -lt 40 ]; do echo "line $i of the log" > /dev/kmsg; i=$((i+1)); done
exec 5< /proc/self/status; while read -r name value <&5; do [ "$name" = Name: ] && echo "$value"; done; exec 5<&-
"""


def test(system):
    manifest = MANIFEST.format(apart=4000, victims="".join(f"argument {name}\n" for name in VICTIMS))
    typed = random.Random(1).randbytes(200000)
    whole = system.shell(SCRIPT, stdin=typed)
    done = system.shell(SCRIPT, stdin=typed, services={"killer": (build.BUILD / "killer", manifest)})
    system.equal((done.output, done.error, done.status), (whole.output, whole.error, whole.status), "output with deaths")
    kills = [int(number) for number in re.findall(r"killer: (\d+) kills", done.log)]
    assert kills and kills[-1] >= 100, done.log[-2000:]
    system.equal(kills, list(range(100, kills[-1] + 1, 100)), "lines of the log")
    assert "given up" not in done.log and "refused" not in done.log, done.log[-2000:]
    lines = re.findall(r"line (\d+) of the log", done.log)
    system.equal([int(line) for line in lines], list(range(40)), "lines of the log")
