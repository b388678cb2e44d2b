"""A build that can be neither kept nor reverted runs on, and it is said that it does: nobody else notices, the build
before it leaves nothing, and another one follows it."""

from builds import programs
from test_system import FREE_PAGES

TIME = 120
CPUS = (1, 4)
SCRIPT = FREE_PAGES + r"""
load() { while ! [ -e /tmp/stop ]; do seq 1 200 | sort -rn | tail -n 1; id -u; done 2>&1 | sort | uniq -c | awk '{ print "load", $2, ($1 > 2) }'; }
attempt() { svctl update pipe /bin/$1 2>&1; echo "$1: $?"; svctl list | awk '$1 == "pipe" { print $1, $2, $4, $9 }'; }
compare() { lost=$((before - $(free_pages))); [ $lost -le 64 ] && echo "nothing lost" || echo "lost $lost KiB"; }
attempt crashes; attempt pipe
load & sleep 2; touch /tmp/stop; wait; rm /tmp/stop; before=$(free_pages)
load &
attempt stuck; grep pipe /proc/atoll/updates; svctl kill pipe; sleep 2
touch /tmp/stop; wait; compare
attempt pipe; compare
"""
EXPECTED = """svctl: pipe reverted: the new build failed; the old one goes on
crashes: 1
pipe ready fault reverted
pipe: 0
pipe ready updated done
load 0 1
load 1 1
svctl: pipe stuck: it failed, and failed to go back: it runs on
stuck: 1
pipe ready fault stuck
pipe stuck: it failed, and failed to go back: it runs on
load 0 1
load 1 1
nothing lost
pipe: 0
pipe ready updated done
nothing lost
"""


def test(system):
    found = programs.stripped(system.folder, crashes="pipe-crashes", pipe="pipe", stuck="pipe-stuck")
    done = system.shell(SCRIPT, programs=found)
    system.equal((done.output.decode(), done.error, done.status), (EXPECTED, b"", 0), "what is shown")
