"""/proc/atoll/program takes a program's file of up to 16 MiB from root alone, one writer at a time; nobody's death loses a part."""

TIME = 120
CPUS = (1, 4)
SCRIPT = r"""
objects() { awk '$1 == "supervisor" { print $8 }' /proc/atoll/memory; }
kept() { now=$(objects); echo "$1: $(( (now - before + 512) / 1024 )) MiB"; }
pieces() { for i in 1 2 3 4 5 6 7 8; do head -c 1m /dev/urandom; svctl kill procfs; svctl kill supervisor; sleep 0.3; done; }
objects > /dev/null; before=$(objects)
head -c 5m /dev/urandom > /proc/atoll/program; kept "written"
head -c 3m /dev/urandom > /proc/atoll/program; kept "replaced"
pieces > /proc/atoll/program; kept "with kills between"
head -c 17m /dev/urandom > /proc/atoll/program 2> /dev/null; echo "too large: $?"; kept "all that fits"
(exec 3> /proc/atoll/program; head -c 1m /dev/urandom >&3; svctl kill procfs; echo 2> /dev/null > /proc/atoll/program || echo busy)
kept "busy"
echo x > /proc/atoll/program; kept "small"
cat /proc/atoll/program; ls -l /proc/atoll/program | cut -c 1-10
su user -c 'echo x > /proc/atoll/program' 2> /dev/null || echo refused
"""
EXPECTED = """written: 5 MiB
replaced: 3 MiB
with kills between: 8 MiB
too large: 1
all that fits: 16 MiB
busy
busy: 1 MiB
small: 0 MiB
--w-------
refused
"""


def test(system):
    done = system.shell(SCRIPT)
    system.equal((done.output.decode(), done.error, done.status), (EXPECTED, b"", 0), "what is shown")
