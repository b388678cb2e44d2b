"""/proc/atoll shows how the services fare and ends them, for root alone; one that hangs is found out; nobody notices."""

TIME = 120
CPUS = (1, 4)
SCRIPT = r"""
say() { svctl $1; echo "$1: $?"; }
fate() { svctl list | awk -v name=$1 '$1 == name { print $1, $2, $3, $4, ($5 == "-" || $5 < 1000000) ? "soon" : "late" }'; }
found() { for look in $(seq 80); do svctl list | grep -q "^$1 .*hung" && break; sleep 0.1; done; fate $1; } # that it hangs
fate pipe
/usr/local/sbin/svc list | grep -c "^pipe "; sh -lc "svc list" | grep -c "^pipe "
(sleep 5; echo late) | cat > /tmp/late &
say "kill pipe"; seq 1 100 | sort -rn | tail -n 1; fate pipe
say "restart pipe"; seq 1 100 | sort -rn | tail -n 1; fate pipe
say "kill procfs"; fate procfs
say "hang pipe"; seq 1 100 | sort -rn | tail -n 1; found pipe
say "hang procfs"; found procfs
say "hang log"; echo hello > /dev/kmsg; found log
say "hang supervisor"; svctl kill pipe; seq 1 100 | sort -rn | tail -n 1; fate pipe
say "kill nothing" 2> /dev/null; say "maim pipe" 2> /dev/null
wait; cat /tmp/late
su user -c 'svctl kill pipe' 2> /dev/null || echo refused
fate pipe
"""
EXPECTED = b"""pipe ready 0 - soon
1
1
kill pipe: 0
1
pipe ready 1 killed soon
restart pipe: 0
1
pipe ready 2 restarted soon
kill procfs: 0
procfs ready 1 killed soon
hang pipe: 0
1
pipe ready 3 hung late
hang procfs: 0
procfs ready 2 hung late
hang log: 0
log ready 1 hung late
hang supervisor: 0
1
pipe ready 4 killed soon
kill nothing: 1
maim pipe: 2
late
refused
pipe ready 4 killed soon
"""


def test(system):
    done = system.shell(SCRIPT)
    system.equal((done.output.decode(), done.error, done.status), (EXPECTED.decode(), b"", 0), "what is shown")
    for name in ("pipe", "procfs", "log", "the root server"):
        system.contains(done.log, f"{name} hangs")
    system.contains(done.log, "hello")
