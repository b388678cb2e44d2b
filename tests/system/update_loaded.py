"""A service that was loaded is updated, one build fails, and it is unloaded: nothing of any of its builds is left."""

from builds import programs
from test_system import FREE_PAGES

TIME = 90
SLACK = 64   # KiB
SCRIPT = FREE_PAGES + r"""
attempt() { svctl update other /bin/$1 2> /dev/null; echo "$1 $?" >> /tmp/said; }
once() { svctl load other /bin/pipe stash "memory 4M" || echo "not loaded"; attempt moved; attempt pipe; attempt silent; svctl unload other || echo "not unloaded"; }
once; free_pages; once; once; once; free_pages; sort /tmp/said | uniq -c
"""


def test(system):
    done = system.shell(SCRIPT, programs=programs.stripped(system.folder, pipe="pipe", moved="pipe-moved", silent="pipe-silent"))
    first, then, *said = done.output.decode().splitlines()
    system.equal(([line.split() for line in said], done.error), ([["4", "moved", "0"], ["4", "pipe", "0"], ["4", "silent", "1"]], b""), "ends of updates")
    assert int(first) - int(then) <= SLACK, f"{int(first) - int(then)} KiB are gone"
