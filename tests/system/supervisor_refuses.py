"""A call whose handling ends the supervisor each time is refused at last, and the services are looked after as before."""

import re

import build

TIME = 60
SCRIPT = """
svctl list > /dev/null; svctl hang pipe; sleep 0.5
for name in pipe tmpfs; do svctl kill $name; echo $name | cat; done; svctl list | awk '$1 == "pipe" { print $2, $3, $4 }'
"""
DEATHS = 3


def test(system):
    done = system.shell(SCRIPT, supervisor=build.BUILD / "supervisor-dying")
    system.equal((done.output, done.status), (b"pipe\ntmpfs\nready 1 killed\n", 0), "what programs see")
    tried = done.log.split("services run")[1].split("is refused")[0]
    system.equal(len(re.findall("has died, and goes on", tried)), DEATHS, "deaths of the supervisor")
    system.contains(done.log, "has ended the supervisor three times, and is refused")
