"""The supervisor dies before its first step is over, at one place after the other: its successor begins anew, and the system comes up."""

import re

import build

TIME = 60
CPUS = (1, 4)
PLACES = 4
SCRIPT = "svctl list | awk '$2 != \"state\" { print $2, $3 }' | sort -u; seq 1 100 | sort -rn | tail -n 1; svctl kill supervisor; echo alive | cat"


def test(system):
    done = system.shell(SCRIPT, supervisor=build.BUILD / "supervisor-dying")
    system.equal((done.output, done.error, done.status), (b"ready 0\n1\nalive\n", b"", 0), "what programs see")
    system.equal(len(re.findall("the root server is started again", done.log)), PLACES + 1, "deaths of the supervisor")
    system.equal(len(re.findall("has died, and goes on", done.log)), 1, "deaths after the first step")
