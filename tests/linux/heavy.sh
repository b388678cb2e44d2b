### sort-10-megabytes
awk 'BEGIN{s=7; for(i=0;i<130000;i++){s=(s*1103515245+12345)%2147483648; printf "%d a line of some length that makes ten megabytes of them all, %x\n", s, i}}' > f; wc -c < f; sort f | md5sum; sort -n f | tail -1
### tar-pipeline
mkdir -p a/b/c; i=0; while [ $i -lt 200 ]; do seq $i > a/f$i; seq $((i*3)) > a/b/g$i; i=$((i+1)); done; cp /bin/busybox a/b/c/big; ln -s f1 a/l
tar c a | gzip | gunzip | tar t | sort | md5sum; mkdir x; tar c a | (cd x; tar x); find x -type f | wc -l; (cd x; find . -type f | sort | xargs md5sum) | md5sum; (find . -path ./x -prune -o -type f -print | sort | xargs md5sum) | md5sum; diff -r a x/a && echo same; du -s x | cut -f2; rm -rf x a; ls
### root-walk
find /bin /sbin /usr /etc -type f | grep -v mtab | sort | xargs md5sum | md5sum; find /bin /sbin /usr -type l | wc -l; tar c /bin /usr /sbin /etc 2>/dev/null | wc -c; ls -R /bin /usr | md5sum
### thousand-processes
i=0; while [ $i -lt 1000 ]; do /bin/busybox true || echo failed $i; i=$((i+1)); done; echo $i
### two-hundred-at-once
i=0; while [ $i -lt 200 ]; do (sleep 1; echo $i) & i=$((i+1)); done | sort -n | md5sum; wait; echo done
### pipeline-deep
s=cat; i=0; while [ $i -lt 60 ]; do s="$s | cat"; i=$((i+1)); done; seq 10000 | eval "$s" | md5sum
### signals-storm
trap 'n=$((n+1))' USR1; n=0; (i=0; while [ $i -lt 300 ]; do kill -USR1 $$; i=$((i+1)); done) & p=$!; while kill -0 $p 2>/dev/null; do :; done; wait $p; echo $?; [ $n -gt 0 ] && [ $n -le 300 ] && echo counted
### signals-during-pipes
trap ':' USR1; (while kill -USR1 $$ 2>/dev/null; do sleep 0.01; done) & k=$!; i=0; while [ $i -lt 40 ]; do seq 2000 | gzip | gunzip | md5sum; i=$((i+1)); done | uniq -c | sed 's/^ *//'; kill $k; wait $k 2>/dev/null; echo done
### reader-writers
mkfifo p; for w in 1 2 3 4 5; do (i=0; while [ $i -lt 100 ]; do echo "writer $w line $i"; i=$((i+1)); done > p) & done; sort p | md5sum; wait
### locks-by-mkdir
c() { i=0; while [ $i -lt 30 ]; do while ! mkdir lock 2>/dev/null; do :; done; n=$(cat n); echo $((n+1)) > n; rmdir lock; i=$((i+1)); done; }; echo 0 > n; c & c & c & c & wait; cat n
### append-race
for w in 1 2 3 4 5 6; do (i=0; while [ $i -lt 100 ]; do echo "$w $i" >> log; i=$((i+1)); done) & done; wait; wc -l < log; sort log | md5sum; for w in 1 2 3 4 5 6; do grep "^$w " log | cut -d' ' -f2 | sort -nc && echo ordered; done
### rename-race
echo start > f; (i=0; while [ $i -lt 200 ]; do echo "version $i" > f.new; mv f.new f; i=$((i+1)); done) & p=$!; bad=0; while kill -0 $p 2>/dev/null; do [ -s f ] || bad=$((bad+1)); done; wait; echo $bad; cat f
### directory-race
m() { i=0; while [ $i -lt 100 ]; do mkdir -p d/e/f; touch d/e/f/x$1 2>/dev/null; rm -rf d/e 2>/dev/null; i=$((i+1)); done; }; m 1 & m 2 & m 3 & wait; rm -rf d; ls
### script-hundred-lines
cat > bank <<'E'
#!/bin/sh
# A small ledger: reads transactions, keeps balances in files, reports.
set -eu
mkdir -p accounts
fail() { echo "error: $*" >&2; return 1; }
balance() { [ -f "accounts/$1" ] && cat "accounts/$1" || echo 0; }
deposit() {
	case $2 in
	''|*[!0-9]*) fail "bad amount $2" ;;
	*) echo $(( $(balance "$1") + $2 )) > "accounts/$1" ;;
	esac
}
withdraw() {
	have=$(balance "$1")
	if [ "$have" -lt "$2" ]; then fail "$1 has only $have"; return 1; fi
	echo $(( have - $2 )) > "accounts/$1"
}
transfer() { withdraw "$1" "$3" && deposit "$2" "$3"; }
line=0
while read -r verb a b c; do
	line=$((line + 1))
	case $verb in
	\#*|'') continue ;;
	deposit) deposit "$a" "$b" || echo "line $line skipped" ;;
	withdraw) withdraw "$a" "$b" || echo "line $line skipped" ;;
	transfer) transfer "$a" "$b" "$c" || echo "line $line skipped" ;;
	report)
		for file in accounts/*; do
			printf '%-10s %6d\n' "${file##*/}" "$(cat "$file")"
		done | sort -k2 -rn ;;
	total) cat accounts/* | awk '{t += $1} END {print "total", t}' ;;
	*) echo "line $line: unknown verb $verb" ;;
	esac
done
trap 'rm -rf accounts; echo cleaned' EXIT
E
chmod +x bank; ./bank <<'E' 2>&1
# opening
deposit alice 100
deposit bob 50
transfer alice bob 30
withdraw bob 500
deposit carol x1
report

transfer bob carol 75
total
dance
report
E
echo $?
### here-documents-many
i=0; while [ $i -lt 100 ]; do cat <<E
$i: $(echo nested $i)
E
i=$((i+1)); done | md5sum
### checksum-agreement
dd if=/dev/urandom of=r bs=4096 count=100 2>/dev/null; a=$(md5sum < r); b=$(cat r | md5sum); c=$(dd if=r bs=777 2>/dev/null | md5sum); d=$(cp r s; md5sum < s); e=$(tail -c +1 r | md5sum); [ "$a" = "$b" ] && [ "$b" = "$c" ] && [ "$c" = "$d" ] && [ "$d" = "$e" ] && echo agree; split -b 10000 r part 2>/dev/null || { i=0; while [ $i -lt 41 ]; do dd if=r of=part$(printf %02d $i) bs=10000 skip=$i count=1 2>/dev/null; i=$((i+1)); done; }; cat part* | md5sum | grep -c "${a%% *}"
### killed-while-it-starts
i=0; while [ $i -lt 150 ]; do sleep 100 & kill $!; wait $!; echo $?; i=$((i+1)); done | uniq -c | sed 's/^ *//'
