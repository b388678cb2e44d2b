# What runs while the supervisor dies in orders: services are updated, to builds that go on and to ones that fail, and others are loaded
# and unloaded, while programs use them. What an order needs may be lost with the supervisor's predecessor (a program, before the
# order that it is for; why an update was refused): then it is given again.

order() { # COMMAND...: its status, and what it came to without the reason
	tries=0
	until
		svctl "$@" > /tmp/said 2>&1
		status=$?
		! grep -q "no program has\|refused: $" /tmp/said || [ $tries -gt 20 ]
	do tries=$((tries + 1)); done
	echo "$1 $2 ${3##*/} $status $(sed 's/\(reverted\|refused\|stuck\): .*/\1/; s/: $//' /tmp/said)"
}

use() { while [ ! -e /tmp/stop ]; do seq 1 200 | sort -rn | tail -n 1; id -u; done 2>&1 | sort | uniq -c | awk '{ print "used", $2, ($1 > 5) }'; }

updates() {
	use > /tmp/used &
	for kind in pipe.0 proc.0 pipe.fails pipe.1 proc.1 pipe.silent pipe.1; do order update ${kind%.*} /bin/$kind; done
	: > /tmp/stop
	wait
	cat /tmp/used
	rm /tmp/stop
}

fate() { svctl list | awk '$1 ~ /^(link|teller)/ { print $1, $2 }'; }
heard() { dmesg | sed "1,/== $round loads/d" | sed -n 's/.*teller0: teller: \(link.*\)/\1/p'; }

loads() {
	order load link1 /bin/link stash "memory 8M"
	order load link0 /bin/link stash "memory 8M" "gate link1 1 next"
	order unload link1
	order load teller0 /bin/teller "gate link0 2 link0" "gate link1 2 link1" "priority normal" "argument 300" "argument 2"
	tries=0
	until [ $(heard | wc -l) = 2 ] || [ $tries -gt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
	heard
	fate
	for name in teller0 link0 link1; do order unload $name; done
	fate
}

part() { # its head is in the log as well, among the faults
	echo "== $round $1" > /dev/kmsg
	echo "== $round $1"
	"$@"
}

free_pages() { sync; for look in 1 2 3 4; do sleep 0.5; awk '/^MemFree/{print $2}' /proc/meminfo; done | sort -n | head -n 1; }

memory() { # what the first round took stays
	lost=$((before - $(free_pages)))
	[ $lost -le 128 ] && echo "nothing lost" || echo "lost $lost KiB"
}

exec 2>&1
round=0
while [ $round -lt ${ROUNDS:-1000} ]; do
	part updates
	part loads
	[ "$before" ] || before=$(free_pages)
	dmesg | grep -q "faults: .* done$" && break
	round=$((round + 1))
done
part memory
echo "== $round end"
