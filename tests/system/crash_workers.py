"""The supervisor's worker threads die, each in the middle of what it does: the first program starts, and ends, as ever, and what
hangs is found out."""

import re
import subprocess

import build

TIME = 120
CPUS = (1, 4)
TIMES = 2
SCRIPT = r"""
(sleep 4; echo late) | cat > /tmp/late &
sleep 3; svctl hang pipe; seq 1 100 | sort -rn | tail -n 1
svctl list | awk '$1 == "pipe" { print $1, $2, $3, $4 }'
wait; cat /tmp/late; exit 7
"""


def address_of(symbol):
    told = subprocess.run(["nm", build.BUILD / "supervisor"], check=True, capture_output=True, text=True).stdout
    return re.search(rf"^([0-9a-f]+) \w {symbol}$", told, re.MULTILINE)[1]


def test(system):
    manifest = f"service ender\nroot table\npriority driver\nlimit none\nargument {TIMES}\nargument {address_of('state')}\n"
    done = system.shell(SCRIPT, services={"ender": (build.BUILD / "ender", manifest)})
    system.equal((done.output, done.error, done.status), (b"1\npipe ready 1 hung\nlate\n", b"", 7), "what programs see")
    ended = re.findall(r"ender: (\w+) is ended", done.log)
    stop = system.smp == 1   # on several CPUs it may be done before it has been seen twice
    for worker, least in (("start", 1), ("wait", 1), ("stop", stop), ("watcher", TIMES)):   # an end comes late for one that is done
        assert ended.count(worker) >= least, (worker, ended)
    assert len(re.findall("supervisor: a worker died", done.log)) >= len(ended) - 1, done.log[-3000:]
