"""A program that takes all memory of the machine dies or gets an error; the system lives and has it back."""

TIME = 240
SCRIPT = r"""
before=$(awk '/^MemFree/{print $2}' /proc/meminfo)
awk 'BEGIN{while (1) a[n++] = "a string of some length that fills memory " n}' > /dev/null 2>&1; [ $? -ne 0 ] && echo ended
head -c 400m /dev/zero > /tmp/full 2>/dev/null; [ $? -ne 0 ] && echo full; rm -f /tmp/full
sleep 1
after=$(awk '/^MemFree/{print $2}' /proc/meminfo)
[ $((before - after)) -le 2048 ] && echo back || echo "lost $((before - after)) KiB"
echo alive | cat
"""


def test(system):
    done = system.shell(SCRIPT, mem="96M")
    system.equal((done.output, done.status), (b"ended\nfull\nback\nalive\n", 0))
