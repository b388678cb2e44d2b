# The load beside which servers are killed: rounds of what says the same each time, in DIR, until SECONDS_MAX since power-on have passed. A round
# begins and ends with the time; nothing in it waits for time to pass.

tree() { # many small files, written, moved, linked, read again
	mkdir -p tree/source tree/out
	for i in 1 2 3 4 5 6 7 8; do
		seq $i $((i + 60)) | sed "s/.*/int value_&_$i = &;/" > tree/source/part$i.c
	done
	for file in tree/source/*.c; do
		name=${file##*/}
		tr a-z A-Z < "$file" > "tree/out/.$name.new"
		mv "tree/out/.$name.new" "tree/out/${name%.c}.o"
	done
	cat tree/out/*.o > tree/program
	ln tree/program tree/linked
	md5sum < tree/linked
	stat -c '%a %h %s' tree/program
	dd if=tree/program of=tree/copy bs=777 2> /dev/null
	truncate -s 5000 tree/copy
	find tree -type f | sort | xargs md5sum
	rm -r tree
}

pipelines() {
	seq 1 300 | sort -rn | tr 0-9 a-j | tail -n 1
	seq 1 400 | while read -r n; do echo "$((n * 3))"; done | md5sum
	mkfifo fifo
	wc -c < fifo &
	head -c 70000 /dev/zero > fifo
	wait $!
	rm fifo
}

processes() {
	for i in 1 2 3 4 5 6 7 8; do
		(exit $i)
		echo "status $?"
	done
	cat > /dev/null < /dev/null & wait $!
	trap 'echo caught' USR1
	kill -USR1 $$
	trap - USR1
	cat /proc/self/comm /proc/sys/kernel/ostype
}

terminal() { # a pseudo-terminal's echo; and what is told goes through the terminal server, too
	exec 3<> /dev/ptmx
	for i in 1 2 3 4 5; do
		echo "typed $i" >&3
		read -r line <&3
		echo "$line" | tr '\r' '$'
	done
	exec 3>&-
	seq 100 160
}

mkdir -p "$DIR"
cd "$DIR" || exit 1
while :; do
	begin=$EPOCHREALTIME
	echo "begin $begin"
	tree
	pipelines
	processes
	terminal
	echo "end $EPOCHREALTIME"
	read -r since _ < /proc/uptime
	[ ${since%.*} -lt $SECONDS_MAX ] || break
done
echo "clock $EPOCHREALTIME $(cat /proc/uptime)"
