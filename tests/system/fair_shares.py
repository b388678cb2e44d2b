"""Two busy programs share the CPU, whatever they do: one that only calls servers pays for what these do for it, and
neither keeps the other from running."""

TIME = 60
SCRIPT = r"""
used() { cut -d ' ' -f 14,15 /proc/$1/stat | tr ' ' + | xargs -I{} sh -c 'echo $(({}))'; }
sh -c 'while [ -e /tmp ]; do :; done' & caller=$!
sh -c 'while :; do :; done' & computer=$!
sleep 3
kill -STOP $caller $computer
echo $(used $caller) $(used $computer)
kill -KILL $caller $computer
"""


def test(system):
    done = system.shell(SCRIPT)
    caller, computer = map(int, done.output.split())
    assert 0.4 < caller / (caller + computer) < 0.6, (caller, computer)
