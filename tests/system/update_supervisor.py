"""The supervisor dies again and again while servers are updated under load, to builds that go on and to one that fails: each update comes to an
end that is one of an update's, and no call fails."""

import re

from builds import programs

TIME = 400
CPUS = (1, 4)
SCRIPT = r"""
load() { while ! [ -e /tmp/stop ]; do seq 1 200 | sort -rn | tail -n 1; id -u; done 2>&1 | sort | uniq -c | awk '{ print "load", $2, ($1 > 20) }'; }
deaths() { n=0; while ! [ -e /tmp/stop ]; do svctl kill supervisor; n=$((n+1)); sleep 0.0$((n * 7 % 10))$((n * 3 % 10)); [ $((n % 3)) -gt 0 ] || sleep 0.2; done; }
load & deaths &
i=0; while [ $i -lt 8 ]; do
	for kind in pipe.0 pipe.1 proc.0 proc.1 pipe.fails; do
		svctl update ${kind%.*} /bin/$kind > /tmp/said 2>&1; echo "$kind $? $(cat /tmp/said)"
	done
	i=$((i+1))
done
touch /tmp/stop; wait
"""
ENDS = (r"(pipe|proc)\.[01] 0 ",
        r"pipe\.fails 1 svctl: pipe reverted: .*",
        r"(pipe|proc)\.\w+ 1 svctl: (pipe|proc) refused: no program has come")   # the supervisor died between the program and the command


def test(system):
    found = programs.stripped(system.folder, **{"pipe.0": "pipe-moved", "pipe.1": "pipe", "proc.0": "proc-moved", "proc.1": "proc", "pipe.fails": "pipe-crashes"})
    done = system.shell(SCRIPT, programs=found)
    lines = done.output.decode().splitlines()
    system.equal((sorted(line for line in lines if line.startswith("load")), done.error, done.status), (["load 0 1", "load 1 1"], b"", 0), "load")
    ends = [line for line in lines if not line.startswith("load")]
    strange = [line for line in ends if not any(re.fullmatch(end, line) for end in ENDS)]
    system.equal((len(ends), strange), (40, []), "ends of updates")
    assert sum(" 0 " in line for line in ends) >= 16, ends
    assert done.log.count("has died, and goes on") >= 15, "too few deaths of the supervisor"
