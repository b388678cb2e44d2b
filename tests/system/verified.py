"""Services whose answers count only if two incarnations come to them: from the start or from any time on, while they are killed, and no longer."""

import re

import fault_campaign

TIME = 150
CPUS = (1, 4)
SCRIPT = r"""
state() { svctl list | awk -v name=$1 '$1 == name { print $1, $2, ($8 > 10) ? "afresh" : "as it was" }'; }
work() { seq 1 300 | sort -rn | tail -n 1; echo $1 > /tmp/$1; cat /tmp/$1; (exit 7); echo $?; }
state pipe; work before
for name in tmpfs pipe proc procfs tty log; do svctl verify $name || echo cannot; done
work verified; state tmpfs; state pipe; state proc
for name in tmpfs pipe proc; do svctl kill $name; work $name; done
svctl verify supervisor 2> /dev/null || echo refused
for name in tmpfs pipe proc procfs tty log; do svctl trust $name; done
work after; state tmpfs; state log
"""
WORK = "1\n{}\n7\n"
EXPECTED = "pipe ready as it was\n" + WORK.format("before") + WORK.format("verified") + \
    "tmpfs verified afresh\npipe verified afresh\nproc verified afresh\n" + \
    "".join(WORK.format(name) for name in ("tmpfs", "pipe", "proc")) + "refused\n" + WORK.format("after") + \
    "tmpfs ready afresh\nlog ready as it was\n"


def test(system):
    done = system.shell(SCRIPT)
    system.equal((done.output.decode(), done.error, done.status), (EXPECTED, b"", 0), "what is shown")
    if system.smp > 1:
        return
    load = fault_campaign.workload(20, "ROUNDS=1")
    usual, verified = system.shell(load), system.shell(load, verify=True)
    system.equal((verified.output, verified.status), (usual.output, 0), "the load's output")
    listed = system.shell("svctl list", verify=True).output.decode()
    system.equal(set(re.findall(r"^\w+ +(\w+) +\d+ ", listed, re.MULTILINE)), {"verified"}, "states")
