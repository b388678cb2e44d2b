"""Live updates in a row under load, of four servers in turn, to builds with their variables and their code elsewhere and
back: no call fails, and the pauses are short. With --long a hundred of them."""

import re

from builds import programs

TIME = 600
CPUS = (1, 4)
SERVICES = ("pipe", "tmpfs", "proc", "procfs")   # the load keeps them busy: the others' trials would last a second each
UPDATES, UPDATES_LONG = 24, 104
SCRIPT = r"""
pipes() { while ! [ -e /tmp/stop ]; do seq 1 200 | sort -rn | tail -n 1; done | sort | uniq -c | awk '{ print "pipes", $2, ($1 > 20) }'; }
files() { n=0; while ! [ -e /tmp/stop ]; do
	n=$((n+1)); echo "line $n" > /tmp/f.$n; mv /tmp/f.$n /tmp/g; read -r line < /tmp/g; [ "$line" = "line $n" ] || echo "wrong: $line"
	[ $((n % 50)) -gt 0 ] || echo "said $n" > /dev/kmsg || echo "not said"; read -r name < /proc/self/comm; [ "$name" = sh ] || echo "wrong: $name"
done 2>&1; echo "files $((n > 50))"; }
pipes & files &
i=0; while [ $i -lt UPDATES ]; do
	for service in SERVICES; do
		kind=$((i / COUNT % 2))
		svctl update $service /bin/$service.$kind || echo "failed: $service $kind"
		awk -v name=$service '$1 == name && $5 != "-" { print "pause", name, $5, $9 }' /proc/atoll/services
		i=$((i+1))
	done
done
touch /tmp/stop; wait
"""
MOST = {50: 200, 99: 400}   # thousands of instructions, by per cent of the updates
MOST_BY_CLOCK = 5_000_000    # microseconds, with fewer host cores than CPUs, which do other things as well


def quantile(values, percent):
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def test(system):
    by_instruction, updates = system.smp == 1, UPDATES_LONG if system.long else UPDATES
    other = {f"{name}.0": f"{name}-moved" for name in SERVICES}
    same = {f"{name}.1": name for name in SERVICES}
    script = SCRIPT.replace("UPDATES", str(updates)).replace("SERVICES", " ".join(SERVICES)).replace("COUNT", str(len(SERVICES)))
    done = system.shell(script, programs=programs.stripped(system.folder, **other, **same), icount=by_instruction)
    output = done.output.decode()
    rest = sorted(line for line in output.splitlines() if not line.startswith("pause"))
    system.equal((rest, done.error, done.status), (["files 1", "pipes 1 1"], b"", 0), "what the load and the updates said")
    pauses = [int(pause) for pause in re.findall(r"^pause \w+ (\d+) done$", output, re.M)]
    assert len(pauses) >= updates - 4, f"{len(pauses)} pauses:\n{output}"
    print(f"     {len(pauses)} pauses, {'thousands of instructions' if by_instruction else 'microseconds'}: "
          + ", ".join(f"{name} {quantile(pauses, percent)}" for name, percent in (("p50", 50), ("p99", 99), ("worst", 100))))
    if by_instruction:
        for percent, most in MOST.items():
            assert quantile(pauses, percent) <= most, f"{percent} % of the pauses: {sorted(pauses)}"
    else:
        assert max(pauses) <= MOST_BY_CLOCK, f"{sorted(pauses)}"
