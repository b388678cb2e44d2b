# What runs while faults are injected, round after round until they are done: each says the same, whenever it runs, and what
# it says depends on every byte it handles.

tree() { # a compile-like load: many small files, read again and checked
	mkdir -p "$1/src" "$1/out"
	i=0
	while [ $i -lt 12 ]; do
		seq $i $((i + 60)) | sed "s/.*/int value_&_$i = &;/" > "$1/src/part$i.c"
		i=$((i + 1))
	done
	for file in "$1"/src/*.c; do
		name=${file##*/}
		tr a-z A-Z < "$file" > "$1/out/.$name.new"
		mv "$1/out/.$name.new" "$1/out/${name%.c}.o"
	done
	cat "$1"/out/*.o > "$1/program"
	ln "$1/program" "$1/linked"
	chmod 640 "$1/program"
	md5sum < "$1/linked"
	ls -1 "$1/out" | wc -l
	stat -c '%a %h %s' "$1/program"
	head -c 3000 "$1/program" | tail -c 100 | md5sum
	dd if="$1/program" of="$1/copy" bs=777 2> /dev/null
	truncate -s 5000 "$1/copy"
	echo end >> "$1/copy"
	md5sum < "$1/copy"
	find "$1" -type f | sort | xargs cat | md5sum
	rm -r "$1" || echo "rm: status $?" # it has no words for a directory that cannot be opened
	ls "$1" 2> /dev/null | wc -l
}

pipes() {
	seq 1 300 | sort -rn | tr 0-9 a-j | tail -n 1
	seq 1 2000 | while read -r n; do echo "$((n * 3))"; done | md5sum
	yes | head -n 20000 | md5sum
	mkfifo "$1.fifo"
	cat "$1.fifo" | wc -c &
	head -c 70000 /dev/zero > "$1.fifo"
	wait
	rm "$1.fifo"
	(sleep 0.01; echo late) | (read -t 99 -r line; echo "$line")
}

processes() {
	i=0
	while [ $i -lt 12 ]; do
		(exit $i)
		echo "status $?"
		i=$((i + 1))
	done
	for i in 1 2 3 4 5 6; do (sleep 0.0$i; exit $i) & done
	wait
	sleep 30 &
	kill -TERM $!
	wait $! 2> /dev/null
	echo "ended $?"
	trap 'echo caught' USR1
	kill -USR1 $$
	trap - USR1
	sh -c 'kill -STOP $$; echo continued' &
	until grep -q "^State:.T" "/proc/$!/status"; do sleep 0.01; done   # however long it takes
	kill -CONT $!
	wait $!
}

proc() {
	cat /proc/self/comm /proc/1/comm /proc/sys/kernel/ostype
	ls /proc/self/fd | wc -l
	while read -r name value; do [ "$name" = Name: ] && echo "$value"; done < /proc/self/status
}

lines() { # to the terminal's line and the log's
	i=0
	while [ $i -lt ${LINES:-20} ]; do
		echo "line $i of a text that is long enough to wait for the line"
		[ $((i % 5)) = 0 ] && echo "line $i of the log" > /dev/kmsg
		i=$((i + 1))
	done
}

operations() { # what the other parts ask of no server (tools/fault_stores.py)
	for program in $PROGRAMS; do
		mkdir "/tmp/$program"
		cd "/tmp/$program"
		"/bin/$program" > /tmp/said 2>&1
		echo "$program $?"
		sed "s/^/$program: /" /tmp/said
		cd /
		chmod -R 777 "/tmp/$program" 2> /dev/null
		rm -rf "/tmp/$program"
	done
	rm /tmp/said
	cp /bin/busybox /tmp/elevated
	chmod 4755 /tmp/elevated
	su user -c "/tmp/elevated id -u"
	ls /proc | grep -c "^1$"
	rm /tmp/elevated
}

part() { # its head is in the log as well, among the faults
	echo "== $round $1" > /dev/kmsg
	echo "== $round $1"
	"$@"
}

exec 2>&1
round=0
while [ $round -lt ${ROUNDS:-1000} ]; do
	part tree /tmp/tree$round
	part pipes /tmp/pipe$round
	part processes
	part proc
	part lines
	for name in $MORE; do part "$name"; done
	dmesg | grep -q "faults: .* done$" && break
	before=$swept
	swept=$(dmesg | grep "swept " | md5sum)
	[ "${SWEPT:-}" ] && [ "$before" = "$swept" ] && break
	round=$((round + 1))
done
echo "== $round end"
