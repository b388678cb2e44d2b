"""A build with a structure that has one field more converts the state of a running server, and the conversion may end at any store of it:
the old build goes on with what there was, and nobody notices. So does one that has converted it, served, and fails while it reverts."""

import re

from builds import programs

TIME = 300
SCRIPT = r"""
load() { while ! [ -e /tmp/stop ]; do seq 1 50 | sort -rn | tail -n 1; su user -c 'id -u'; done 2>&1 | sort | uniq -c | awk '{ print "load", $2, ($1 > 20) }'; }
load &
n=0; until svctl update proc /bin/stopped 2> /tmp/said; do
	n=$((n+1)); grep -q '^svctl: proc reverted: the new build failed; the old one goes on$' /tmp/said || cat /tmp/said
	[ $n -lt 1000 ] || break
done
echo "$n deaths"
svctl update proc /bin/grown; echo "then: $?"
svctl list | awk '$1 == "proc" { print $1, $2, $9 }'
touch /tmp/stop; wait
"""
LEAST = 60           # updates: two for each store of the first step
LEAST_REVERTING = 10 # deaths in the step that reverts


def test(system):
    found = programs.stripped(system.folder, stopped="proc-stopped", grown="proc-grown")
    done = system.shell(SCRIPT, programs=found)
    deaths = int(re.search(r"^(\d+) deaths$", done.output.decode(), re.M)[1])
    system.equal((re.sub(rb"\d+ deaths", b"", done.output), done.error, done.status),
                 (b"\nthen: 0\nproc ready done\nload 1 1\nload 1000 1\n", b"", 0), "what is shown")
    reverting = done.log.count("proc died") - deaths
    assert deaths >= LEAST and deaths % 2 == 0 and reverting >= LEAST_REVERTING, f"{deaths} and {reverting} deaths"
