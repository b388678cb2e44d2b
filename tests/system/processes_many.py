"""A thousand processes in a row and two hundred at once, on the debug kernel; no page is lost.

The process server's heap keeps the shape of its busiest moment, which on several CPUs is not the same each time: a few pages
of it may come late. A loss of 48 bytes a process would show."""

from test_system import FREE_PAGES

KERNEL = "debug"
TIME = 200
CPUS = (1, 4)
SCRIPT = FREE_PAGES + """
row() { i=0; while [ $i -lt $1 ]; do /bin/busybox true || echo failed; i=$((i+1)); done; }
crowd() { i=0; while [ $i -lt $1 ]; do sleep 2 & i=$((i+1)); done; wait; }
row 50; crowd 200
before=$(free_pages)
row 1000; crowd 200
after=$(free_pages)
lost=$((before - after))
[ $lost -le 56 ] && echo kept || echo "lost $lost KiB: $before then $after"
"""


def test(system):
    done = system.shell(SCRIPT)
    system.equal((done.output, done.status), (b"kept\n", 0))
