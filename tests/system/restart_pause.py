"""From a server's end to its next answer it takes less than 60,000 instructions: no program is loaded."""

import re

TIME = 60
LEAST = 10
SCRIPT = """
i=0; while [ $i -lt 12 ]; do svctl kill pipe; echo x | cat > /dev/null; svctl list | awk '$1 == "pipe" { print "pipe", $5 }'
svctl kill procfs; svctl list | awk '$1 == "procfs" { print "procfs", $5 }'; sleep 0.3; i=$((i+1)); done
"""
MOST = {"pipe": 60, "procfs": 60}   # thousands of instructions, each a nanosecond on this machine


def test(system):
    done = system.shell(SCRIPT, icount=True)
    for name, most in MOST.items():
        pauses = sorted(int(number) for number in re.findall(rf"^{name} (\d+)$", done.output.decode(), re.M))
        assert len(pauses) >= LEAST, f"{name}: {done.output.decode()}"
        assert 0 < pauses[len(pauses) // 2] <= most, f"{name}: {pauses} thousand instructions"
