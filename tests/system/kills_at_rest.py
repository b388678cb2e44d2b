"""Servers that nobody uses, and the supervisor, are ended many times in a row, as fast as a shell can: none is held to be broken for
that, each is there at once."""

import re

TIME = 60
CPUS = (1, 4)
TIMES = 40
SCRIPT = f"""
i=0; while [ $i -lt {TIMES} ]; do svctl kill serial1 && svctl kill log; i=$((i+1)); done
i=0; while [ $i -lt {TIMES} ]; do svctl kill supervisor; i=$((i+1)); done
svctl list | awk '$2 != "state" {{ print $1, $2, $3 }}'
"""


def test(system):
    done = system.shell(SCRIPT, icount=system.smp == 1)
    services = dict(re.findall(r"^(\S+) (\S+ \d+)$", done.output.decode(), re.M))
    assert done.status == 0 and not done.error, (done.status, done.error, done.log[-2000:])
    assert services["serial1"] == services["log"] == f"ready {TIMES}", services
    assert {state.split()[0] for state in services.values()} == {"ready"}, services
    system.equal(len(re.findall("the root server is started again", done.log)), TIMES, "deaths of the supervisor")
