"""A program stays on the CPUs it was given, whatever its nice value becomes; what it starts stays there too, and /proc
tells where each ran last."""

CPUS = (4,)
SCRIPT = r"""
processor() { cut -d ' ' -f 39 /proc/$1/stat; }
allowed() { sed -n 's/^Cpus_allowed_list:\t//p' /proc/$1/status; }
taskset 0x4 sh -c 'while :; do :; done' & busy=$!
sleep 0.3
echo started $(allowed $busy) $(processor $busy) $(processor $busy/task/$busy)
renice -n 5 -p $busy
sleep 0.2
echo reniced $(allowed $busy) $(processor $busy)
taskset -p 0x8 $busy > /dev/null
sleep 0.2
echo moved $(allowed $busy) $(processor $busy)
kill $busy
taskset 0x6 sh -c 'sh -c "grep Cpus_allowed_list /proc/self/status; exit"; exit'
echo self $(allowed $$)
taskset -p 0x10 $$ > /dev/null 2>&1 || echo refused
"""
EXPECTED = b"""started 2 2 2
reniced 2 2
moved 3 3
Cpus_allowed_list:\t1-2
self 0-3
refused
"""


def test(system):
    system.equal(system.shell(SCRIPT).output, EXPECTED)
