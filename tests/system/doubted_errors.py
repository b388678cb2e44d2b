"""An error that a server seldom answers is asked for twice, of two incarnations; the caller sees the error, and the rest nothing."""

TIME = 60

SCRIPT = r"""
restarts() { awk '$1 == "tmpfs" { print $3, $4, $8 }' /proc/atoll/services; }
cd /tmp
echo kept > file
restarts
rmdir /tmp/file 2> /dev/null || echo refused
restarts
i=0
while [ $i -lt 200 ]; do rmdir /tmp/file 2> /dev/null; i=$((i + 1)); done
restarts
cat file
mkdir full; touch full/one
i=0
while [ $i -lt 300 ]; do # of many kinds, one after the other
	rmdir full; rmdir full/one; mkdir full; ln file file; cat full/none; cat full; cat file/none; mv full full/one; i=$((i + 1))
done 2>&1 | sort | uniq -c | sed 's/^ *//'
cat file
restarts
"""


def test(system):
    done = system.shell(SCRIPT, icount=True)
    lines = done.output.decode().splitlines()
    before, first, then, last = (int(lines[index].split()[2]) for index in (0, 2, 3, -1))
    system.equal(lines[1], "refused")
    system.equal(first, before + 1, "doubts, one of them about the first error of its kind")
    system.equal(then, first, "doubts, and none about those that follow")
    system.equal(lines[4], "kept")
    system.equal([line.split()[0] for line in lines[5:-2]], ["300"] * len(lines[5:-2]), "each error comes out as often as it was asked for")
    assert len(lines[5:-2]) >= 7, lines
    system.equal(lines[-2], "kept")
    assert first < last <= first + 30, f"{last} doubts: callers whose calls fail take the time of others"
    system.equal(lines[-1].split()[:2], ["0", "-"], "restarts that are told of")
    assert " died" not in done.log, done.log
