"""A process whose exit ends the process server each time ends all the same: nobody waits for it for ever."""

import re

import build

TIME = 60
SCRIPT = "(exit 5); echo $?; sh -c 'exit 77'; echo $?; (exit 6); echo $?"
DEATHS, CALLS = 3, 3   # of a call that is refused; as often it is asked again
SIGILL = 128 + 4


def test(system):
    done = system.shell(SCRIPT, replaced={"proc": build.BUILD / "proc-poisoned"})
    system.equal((done.output.split(), done.status), ([b"5", b"%d" % SIGILL, b"6"], 0), done.log[-2000:])
    system.equal(len(re.findall(f"has killed its server {DEATHS} times and is refused", done.log)), CALLS, "calls refused")
