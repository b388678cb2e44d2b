"""Services are loaded and unloaded while the system runs: they call each other, come back when killed, and leave nothing behind;
what cannot be is refused, says why, and changes nothing."""

import re

import build
import test_system

TIME = 300
CPUS = (1, 4)
LINK = """
link() { svctl load link$1 /bin/link stash "memory 8M" $2 "$3"; }
teller() { svctl load teller$1 /bin/teller "gate link0 2 link0" "gate link1 2 link1" "priority normal" "argument $2" "argument 2"; }
said() { dmesg | sed -n 's/.*teller\\([0-9]\\): teller: \\(link.*\\)/\\1 \\2/p'; }
heard() { i=0; until [ $(said | wc -l) -eq $1 ] || [ $i -gt 300 ]; do sleep 0.1; i=$((i+1)); done; said; }
fate() { svctl list | awk '$1 ~ /link|teller/ { print $1, $2, $3, $4 }'; }
"""

# Each call once, whoever dies meanwhile; and the supervisor knows its services afterwards.
CALLS = LINK + r"""
link 1; link 0 "" "gate link1 1 next"; teller 0 6000
for i in 1 2 3 4 5 6; do for victim in link0 link1 procfs supervisor; do svctl kill $victim; done; sleep 0.4; done
heard 2; fate
for name in link1 link0 teller0 link0 link1; do svctl unload $name; done
fate; svctl kill link0 2> /dev/null || echo gone
link 1; teller 1 100; link 0 "" "gate link1 1 next"; teller 1 100; heard 4; fate
"""
CALLS_OUTPUT = """0 link0 heard 6000 of 6000: right
0 link1 heard 8000 of 8000: right
link1 ready 6 killed
link0 ready 6 killed
teller0 ready 0 -
gone
0 link0 heard 6000 of 6000: right
0 link1 heard 8000 of 8000: right
1 link0 heard 100 of 100: right
1 link1 heard 134 of 134: right
link1 ready 0 -
link0 ready 0 -
teller1 ready 0 -
"""

UNLOADED = b"svctl: link0 depends on link1\nsvctl: teller0 depends on link0\nsvctl: there is no service link0\n"

REFUSED = LINK + r"""
before=$(svctl list | cut -c 1-32)
try() { svctl load "$@" || echo; }
try tmpfs /bin/link stash; try supervisor /bin/link stash; try -x /bin/link stash; try a/b /bin/link stash
try aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa /bin/link stash
head -c 9000 /bin/link > /tmp/short; try a /tmp/short stash; try a /bin/busybox; try a /etc/passwd; try a /dev/null
try a /bin/link; try a /bin/teller stash
try a /bin/link stash nonsense; try a /bin/link stash "memory 1"; try a /bin/link stash "service b"; try a /bin/link stash "program b"
try a /bin/link stash supervise; try a /bin/link stash "root table"; try a /bin/link stash "system control system"
try a /bin/link stash "gate b 1 b"; try a /bin/link stash "gate proc 2 proc"; try a /bin/link stash "gate log 0x105 log"
try a /bin/link stash "irq 4 line"; try a /bin/link stash "ioport 0x3f0 16 ports"; try a /bin/link stash "file none none"
for name in tmpfs proc pipe log tty none; do svctl unload $name; done
(exec 3> /proc/atoll/program; svctl load a /bin/link stash || echo "refused" >&2)
su user -c 'svctl load a /bin/link stash; svctl unload tmpfs' 2> /dev/null
[ "$before" = "$(svctl list | cut -c 1-32)" ] && echo same
"""
REASONS = """there is a service tmpfs
not a name for a service
not a name for a service
not a name for a service
the name is too long
the program cannot be used: it is cut short, or damaged
the program cannot be used: it is a program for Linux, no service's
the program cannot be used: it is not a static ELF program for x86-64
no program has been written, or the supervisor has begun anew since
the program cannot be used: it recovers: its manifest must say stash
the program cannot be used: it does not recover: no stash
line 2 of the manifest is not understood
there is no memory for it, or its limit is too small
the manifest is of another service or program
the manifest is of another service or program
a loaded service cannot supervise
a loaded service cannot have the supervisor's captable
a loaded service can only read the system
there is no service b
a loaded service cannot have a gate to proc with label 2
a loaded service cannot have a gate to log with label 261
serial0 has line
serial0 has ports
there is no file system/none
proc depends on tmpfs
procfs depends on proc
tmpfs depends on pipe
log is a part of the system
tty is a part of the system
there is no such service
"""

# Nothing is left, whoever dies meanwhile. The numbers of services are used again.
ROUNDS = test_system.FREE_PAGES + LINK + r"""
rounds() { i=0; while [ $i -lt $1 ]; do link 0; link 1 "" "gate link0 1 next"; svctl unload link1; svctl unload link0; i=$((i+1)); done; }
rounds 3; before=$(free_pages); rounds 50; after=$(free_pages)
[ $((before - after)) -le 64 ] && echo "nothing lost" || echo "lost $((before - after)) KiB"
(while [ ! -e /tmp/done ]; do svctl kill procfs; svctl kill supervisor; sleep 0.35; done) & rounds 25; touch /tmp/done; wait; rm /tmp/done
after=$(free_pages)
[ $((before - after)) -le 64 ] && echo "nothing lost" || echo "lost $((before - after)) KiB"
fate; link 0; svctl list | wc -l
"""

# The supervisor dies at each of its places once (tests/system/crash/dying.c): four before its first step is over, six in these.
DYING_PLACES = 4, 6
DYING = test_system.FREE_PAGES + LINK + r"""
svctl list > /dev/null; before=$(free_pages)
link 1; link 0 "" "gate link1 1 next"; teller 0 100; heard 2; fate
for name in teller0 link0 link1; do svctl unload $name; done
after=$(free_pages)
[ $((before - after)) -le 128 ] && echo "nothing lost" || echo "lost $((before - after)) KiB"
fate
"""
DYING_OUTPUT = b"""0 link0 heard 100 of 100: right
0 link1 heard 134 of 134: right
link1 ready 0 -
link0 ready 0 -
teller0 ready 0 -
nothing lost
"""


def test(system):
    programs = {name: build.BUILD / name for name in ("link", "teller")}
    done = system.shell(CALLS, programs=programs)
    system.equal((done.output.decode(), done.error), (CALLS_OUTPUT, UNLOADED), "calls to loaded services")
    done = system.shell(REFUSED, programs=programs)
    told = done.error.decode().replace("svctl: ", "")
    assert told.startswith(REASONS) and re.fullmatch(r"[^\n]*atoll/program: Device or resource busy\nrefused\n", told[len(REASONS):]), told
    system.equal(done.output.strip(), b"same", "services after all refusals")
    done = system.shell(ROUNDS, programs=programs)
    system.equal((done.output, done.error), (b"nothing lost\nnothing lost\n12\n", b""), "rounds of loading and unloading")
    assert len(re.findall("supervisor: has died, and goes on", done.log)) >= 3, done.log[-3000:]
    done = system.shell(DYING, programs=programs, supervisor=build.BUILD / "supervisor-dying")
    system.equal((done.output, done.error), (DYING_OUTPUT, b""), "a supervisor that dies in loading and unloading")
    deaths = [len(re.findall(words, done.log)) for words in ("the root server is started again", "has died, and goes on")]
    system.equal(deaths, [sum(DYING_PLACES), DYING_PLACES[1]], "its deaths")
