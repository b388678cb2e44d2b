"""A server that dies at one store after the other, in the middle of requests: programs notice nothing."""

import re

import build

TIME = 240
CPUS = (1, 4)
SCRIPT = r"""
i=0; while [ $i -lt 40 ]; do seq 1 100 | sort -rn | tr 0-9 a-j | tail -n 1; i=$((i+1)); done | uniq -c | tr -s ' '
mkfifo /tmp/f; i=0
while [ $i -lt 12 ]; do cat /tmp/f | wc -c & head -c 70000 /dev/zero > /tmp/f; wait; i=$((i+1)); done | uniq -c | tr -s ' '
for i in 1 2 3 4 5 6; do (sleep 0.05; echo late) | (read -t 5 line; echo "$line"); done | uniq -c | tr -s ' '
yes | head -n 100000 | md5sum
sleep 1 | (exit 3) | true; echo "status $?"
"""


def test(system):
    whole = system.shell(SCRIPT)
    done = system.shell(SCRIPT, replaced={"pipe": build.BUILD / "pipe-counted"})
    system.equal((done.output, done.error, done.status), (whole.output, whole.error, whole.status), "output with deaths")
    deaths = len(re.findall(r"pipe died", done.log))
    assert deaths > 100, f"only {deaths} deaths\n" + "\n".join(done.log.splitlines()[-20:])
    assert "given up" not in done.log and "refused" not in done.log, done.log[-2000:]
