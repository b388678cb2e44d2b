"""Builds that cannot go on with a server's state are refused, and those that fail are replaced by the old one, under load; nobody
but who asked for it notices."""

import re

from builds import programs

TIME = 150
CPUS = (1, 4)
SCRIPT = r"""
load() { while ! [ -e /tmp/stop ]; do seq 1 200 | sort -rn | tail -n 1; id -u; done 2>&1 | sort | uniq -c | awk '{ print "load", $2, ($1 > 20) }'; }
attempt() { svctl update $1 /bin/$2 2>&1; echo "$2: $?"; svctl list | awk -v name=$1 '$1 == name { print name, $2, $4, $9 }'; }
load &
attempt pipe crashes; attempt pipe pipe
attempt pipe hangs; attempt pipe pipe
attempt pipe silent; attempt pipe pipe
echo "no program" > /bin/text; attempt pipe text
attempt pipe proc
attempt proc changed
attempt pipe stripped
: > /bin/empty; attempt pipe empty
attempt proc grown; attempt proc grown; attempt proc proc
svctl update nothing /bin/pipe 2>&1; echo $?; svctl update pipe 2> /dev/null; echo $?
su user -c 'svctl update pipe /bin/pipe' 2> /dev/null || echo refused
touch /tmp/stop; wait
"""
EXPECTED = """svctl: pipe reverted: the new build failed; the old one goes on
crashes: 1
pipe ready fault reverted
pipe: 0
pipe ready updated done
svctl: pipe reverted: the new build hung; the old one goes on
hangs: 1
pipe ready hung reverted
pipe: 0
pipe ready updated done
svctl: pipe reverted: the new build hung; the old one goes on
silent: 1
pipe ready hung reverted
pipe: 0
pipe ready updated done
svctl: pipe refused: it is no program
text: 1
pipe ready updated refused
svctl: pipe refused: NAME is not as in the running build, and the version is the same
proc: 1
pipe ready updated refused
svctl: proc refused: user is not as in the running build, and the version is the same
changed: 1
proc ready - refused
svctl: pipe refused: its variables are elsewhere, and its relocations have been stripped (strip -g leaves them)
stripped: 1
pipe ready updated refused
svctl: pipe refused: no program has come
empty: 1
pipe ready updated refused
grown: 0
proc ready updated done
grown: 0
proc ready updated done
svctl: proc refused: its version is 1, and the running one 2
proc: 1
proc ready updated refused
svctl: nothing cannot be updated
1
2
refused
load 0 1
load 1 1
"""


def test(system):
    found = programs.stripped(system.folder, pipe="pipe", crashes="pipe-crashes", hangs="pipe-hangs", silent="pipe-silent", proc="proc",
                              changed="proc-changed", grown="proc-grown")
    found["stripped"] = programs.wholly_stripped(system.folder, "pipe-moved")
    done = system.shell(SCRIPT, programs=found)
    output = re.sub(r"refused: \S+ is not as", "refused: NAME is not as", done.output.decode(), count=1)
    system.equal((output, done.status), (EXPECTED, 0), "what is shown")
