"""The supervisor dies again and again, in the middle of what it does for others, and goes on: nobody notices."""

import re

TIME = 120
CPUS = (1, 4)
SCRIPT = r"""
(sleep 5; echo late) | cat > /tmp/late &
i=0; while [ $i -lt 8 ]; do
	svctl kill supervisor || echo "refused"
	svctl kill pipe; seq 1 100 | sort -rn | tail -n 1
	svctl kill procfs; svctl kill supervisor; svctl kill log
	svctl list | awk '$1 == "pipe" || $1 == "procfs" { print $1, $2, $3, $4 }'
	sleep 0.8; i=$((i+1))
done
svctl hang pipe; svctl kill supervisor; seq 1 100 | sort -rn | tail -n 1
svctl list | awk '$1 == "pipe" { print $1, $2, $3, $4 }'
wait; cat /tmp/late; exit 7
"""


def test(system):
    done = system.shell(SCRIPT)
    expected = "".join(f"1\npipe ready {i} killed\nprocfs ready {i} killed\n" for i in range(1, 9))
    system.equal((done.output.decode(), done.error, done.status),
                 (expected + "1\npipe ready 9 hung\nlate\n", b"", 7), "what programs see")
    restarts = len(re.findall("supervisor: has died, and goes on", done.log))
    system.equal(restarts, 2 * 8 + 1, "deaths of the supervisor")
