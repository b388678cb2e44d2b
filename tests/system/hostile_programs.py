"""A fork bomb under `ulimit -u` and a memory hog under `ulimit -v`: a shell beside them goes on working, one
signal ends the bomb's whole group, and every page comes back."""

from test_system import FREE_PAGES

TIME = 240
CPUS = (1, 4)
SCRIPT = FREE_PAGES + r"""
storm() {
	setsid su user -c 'ulimit -u 40; bomb() { bomb | bomb & }; bomb; sleep 1000' > /dev/null 2> /tmp/refused &
	bomb=$!
	su user -c 'ulimit -v 40000; exec awk "BEGIN { while (1) a[n++] = \"some memory \" n }"' > /dev/null 2>&1 &
	hog=$!
	i=0
	while [ $i -lt 8 ] || ! [ -s /tmp/refused ]; do
		[ "$(echo $i | sed s/^/=/ | cat)" = "=$i" ] || echo wrong
		i=$((i+1))
	done
	kill -9 -$bomb
	wait $hog; [ $? -ne 0 ] && echo hog ended
	wait $bomb; echo bomb $?
	grep -o -m 1 "can't fork: Resource temporarily unavailable" /tmp/refused | head -n 1
	ps -o user | grep -c user
}
storm > /dev/null
before=$(free_pages)
storm
after=$(free_pages)
for again in 1 2; do # tables grow to the most that was ever needed, which is another each time; a leak goes on
	[ $((before - after)) -le 64 ] && break
	before=$after
	storm > /dev/null
	after=$(free_pages)
done
[ $((before - after)) -le 64 ] && echo kept || echo "lost $((before - after)) KiB: $before then $after"
"""
EXPECTED = b"""hog ended
bomb 137
can't fork: Resource temporarily unavailable
0
kept
"""


def test(system):
    done = system.shell(SCRIPT)
    system.equal((done.output, done.status), (EXPECTED, 0))
