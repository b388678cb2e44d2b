"""A thousand processes in a row and two hundred at once (fewer on four CPUs), on the debug kernel; no page is lost.

The process server's heap keeps the shape of its busiest moment, which on several CPUs is not the same each time: a few pages
of it may come late, but not in each of two stretches. A loss of 48 bytes a process would show in both."""

from test_system import FREE_PAGES

KERNEL = "debug"
TIME = 200
CPUS = (1, 4)
MOST_LOST = 56   # KiB
SCRIPT = FREE_PAGES + """
row() { i=0; while [ $i -lt $1 ]; do /bin/busybox true || echo failed; i=$((i+1)); done; }
crowd() { i=0; while [ $i -lt $1 ]; do sleep 2 & i=$((i+1)); done; wait; }
row 50; crowd $CROWD
for stretch in 1 2; do before=$(free_pages); row $ROW; crowd $CROWD; echo $((before - $(free_pages))); done
"""


def test(system):
    row, crowd = (1000, 200) if system.smp == 1 else (300, 80)
    done = system.shell(f"ROW={row} CROWD={crowd}\n{SCRIPT}")
    lost = [int(line) for line in done.output.split()]
    assert done.status == 0 and len(lost) == 2 and min(lost) <= MOST_LOST, f"KiB lost in two stretches: {done.output.decode()}"
