### loop-pipe
for i in 1 2 3; do echo $i; done | sort -r | tr 1-3 a-c; exit 7
### arithmetic
a=7; b=3
echo $((a+b)) $((a-b)) $((a*b)) $((a/b)) $((a%b)) $((a<<b)) $((a>b)) $((a==b)) $((a&b)) $((a|b)) $((a^b)) $((-a/b))
echo $((0x1f)) $((017)) $((a>5?1:2)); : $((c=5, c+=2)); echo $c $((2**10)) $((~a))
### expansion
x=/usr/local/lib/libfoo.so.1; unset u; e=
echo ${x##*/} ${x#*/} ${x%.*} ${x%%.*} ${#x} ${u:-dflt} ${u-d2} ${e:-d3} "${e-d4}" ${x:+set} ${u:+set}
echo ${x/lib/LIB} ${x//lib/LIB} ${x:5:5}
: ${u:=assigned}; echo $u
(: ${nope:?is not set}) 2>/dev/null; echo status $?
### quoting
a='single $x `y`'; b="double \$x \`y\` \"q\" \\"; c=$(printf '%s|' a\ b 'c d' "e f")
echo "$a"; echo "$b"; echo "$c"; echo a'b'"c"d; printf '%s\n' "$*" "tab	x"; echo 'it'\''s'
### field-splitting
v='a  b	c
d'; set -- $v; echo $#; printf '<%s>' "$@"; echo
IFS=:; p=/bin:/usr/bin::/sbin; set -- $p; echo $#; printf '<%s>' "$@"; echo
IFS=' ,'; v='a, b ,c,,d'; set -- $v; echo $#
### functions
f() { local v=in; echo "$v $1 $# $0" | sed 's/ [^ ]*$//'; return 3; }
v=out; f one two; echo $? $v
fact() { if [ $1 -le 1 ]; then echo 1; else echo $(( $1 * $(fact $(($1-1))) )); fi; }
fact 10
g() { shift; echo "$@"; }; g a b c
### case
for w in apple banana cherry 42 .hidden '*' ''; do
case $w in a*) echo A;; *an*) echo AN;; [0-9]*) echo N;; .*) echo dot;; '*') echo star;; '') echo empty;; *) echo other $w;; esac
done
### while-until
i=0; while [ $i -lt 5 ]; do i=$((i+1)); [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done
until [ $i -ge 7 ]; do i=$((i+1)); done; echo $i
for a in 1 2; do for b in x y z; do [ $b = y ] && continue 2; echo $a$b; done; done
for a in 1 2; do for b in x y z; do [ $b = y ] && break 2; echo $a$b; done; done
### here-doc
x=val
cat <<A
x=$x $(echo sub) \$x `echo back`
A
cat <<'B'
x=$x $(echo sub)
B
cat <<-C
	tabs
		gone
	C
cat <<A; cat <<B
one
A
two
B
### here-doc-big
cat <<END | wc
$(i=0; while [ $i -lt 3000 ]; do echo "line $i of the document"; i=$((i+1)); done)
END
### redirection
echo out > f; echo more >> f; cat < f; { echo o; echo e >&2; } 2> err > out; cat out err
{ echo o; echo e >&2; } > both 2>&1; cat both
exec 3> three; echo to3 >&3; exec 3>&-; cat three
exec 4< f; read l <&4; read m <&4; echo "$l $m"; exec 4<&-
set -C; echo x > f; echo noclobber $?; echo y >| f; cat f
### redirection-errors
cat < nonexistent; echo $?
echo x > /nodir/x; echo $?
echo x >&9; echo $?
### fd-swap
{ echo out; echo err >&2; } 3>&1 1>&2 2>&3 3>&- 2>/dev/null | cat
( { echo one; echo two >&2; } 2>&1 1>/dev/null ) | tr a-z A-Z
### read-builtin
printf 'a b  c d\nx\\ty\nlast' > f
while read -r p q r; do echo "[$p][$q][$r]"; done < f; echo "[$p][$q][$r]"
printf 'k=v=w\n' | { IFS== read a b; echo "$a $b"; }
printf 'abcdef' | { read -n 3 z; echo $z; }
### command-substitution
echo "$(echo a; echo b)"; echo $(echo a; echo b); x=$(false); echo $?; x=$(exit 9) ; echo $?
echo $(cat /dev/null) end; y=`echo \`echo nested\``; echo $y
echo "$(printf 'trailing\n\n\n')."
### subshell
x=1; (x=2; echo $x; cd /; pwd); echo $x; pwd | sed 's,.*/,,'
(exit 5); echo $?; { x=3; }; echo $x
### pipeline-status
false | true; echo $?; true | false; echo $?; ! true; echo $?; ! false; echo $?
set -o pipefail; false | true; echo $?; (exit 3) | (exit 4) | true; echo $?
### and-or
true && echo a || echo b; false && echo a || echo b; false || true && echo c; [ 1 = 2 ] || { echo d; }
### set-e
sh -ec 'echo a; false; echo b'; echo $?
sh -ec 'if false; then :; fi; false || true; echo c'; echo $?
sh -uc 'echo $undefined_var; echo no' 2>/dev/null; echo $?
### set-x
sh -xc 'a=1; echo $a; [ $a = 1 ]' 2>&1
### positional
set -- a "b c" d; echo $# "$1" "$2" "$3"; shift; echo $# "$*"; shift 2; echo $#
set -- x y; for a; do echo $a; done
f() { echo $#; }; f "$@"; f "$*"; set --; f "$@"; f "$*"
### getopts
parse() { OPTIND=1; while getopts ab:c o; do case $o in a) echo a;; b) echo b=$OPTARG;; c) echo c;; \?) echo bad;; esac; done; shift $((OPTIND-1)); echo rest "$@"; }
parse -a -b val -c x y; parse -abval; parse -z 2>/dev/null; parse -- -a
### globbing
mkdir d; touch d/a1 d/a2 d/b1 d/.h 'd/sp ace' d/[x]
cd d; echo *; echo a*; echo ?1; echo [ab]1; echo [!a]*; echo .*h; echo nomatch*; echo '*'; echo \[x\]; for f in s*; do echo "<$f>"; done
echo ../d/a*; set -f; echo *
### tilde
HOME=/home/x; echo ~ ~/y "~" ; x=~/z; echo $x; echo ~root
### alias-eval
eval 'x=1; y=2'; echo $x$y; cmd='echo "a  b"'; eval $cmd; eval "eval 'echo deep'"
### dot-script
echo 'sourced=$1; echo in $sourced; return 4' > s; . ./s arg; echo $? $sourced
### hash-bang
printf '#!/bin/sh\necho script $0 $1 $#\nexit 6\n' > s; chmod +x s; ./s a b; echo $?
printf '#!/bin/busybox sh -x\necho $1\n' > t; chmod +x t; ./t q 2>&1; echo $?
printf 'echo no bang $1\n' > u; chmod +x u; ./u z; echo $?
printf '#!/nonexistent/x\n' > v; chmod +x v; ./v 2>/dev/null; echo $?
### not-found
nosuchcommand 2>&1; echo $?; ./nofile 2>&1; echo $?; touch nx; ./nx 2>&1; echo $?; mkdir dd; ./dd 2>&1; echo $?
### test-builtin
touch f; mkdir d; ln -s f l; ln -s none broken; echo x > g
for t in '-e f' '-f f' '-d d' '-f d' '-L l' '-h l' '-e broken' '-s f' '-s g' '-r f' '-x f' '-w f' '-p f' '-z ""' '-n x' 'a = a' 'a != a' '1 -lt 2' '2 -le 1' '3 -eq 3' '! -e f' '-e f -a -d d' '-e no -o -d d' 'f -ef l'; do
eval "[ $t ]"; echo "$t $?"; done
[[ abc == a* ]]; echo $?
### string-compare
[ a \< b ]; echo $?; [ b \> a ]; echo $?; [ "" ]; echo $?; [ x ]; echo $?; test 5 -gt 3 && echo gt
[ abc = abc -a 1 -ne 2 ]; echo $?; [ -t 0 ]; echo $?; [ 1 -eq x ] 2>/dev/null; echo $?
### trap-exit
sh -c 'trap "echo bye" EXIT; echo hi; exit 3'; echo $?
sh -c 'trap "echo bye \$?" EXIT; false'; echo $?
(trap 'echo sub' EXIT; echo in)
### trap-signal
sh -c 'trap "echo got term" TERM; kill -TERM $$; echo after'; echo $?
sh -c 'trap "" TERM; kill -TERM $$; echo ignored'; echo $?
sh -c 'trap "echo usr1" USR1; trap "echo usr2" USR2; kill -USR1 $$; kill -USR2 $$; trap - USR1; trap; kill -USR1 $$; echo no'; echo $?
### kill-status
for s in HUP INT QUIT KILL USR1 PIPE ALRM TERM; do sh -c "kill -$s \$\$"; echo $s $?; done 2>/dev/null
### background-wait
(sleep 0.1; exit 5) & p=$!; wait $p; echo $?
sleep 0.2 & a=$!; sleep 0.1 & b=$!; wait $a $b; echo $?; wait; echo $?
wait 99999; echo $?
### background-kill
sleep 100 & p=$!; kill $p; wait $p; echo $?; sleep 100 & kill -9 $!; wait $! 2>/dev/null; echo $?
kill -0 $$; echo $?; kill -0 999999 2>/dev/null; echo $?
### kill-list
kill -l 9; kill -l 15; kill -l TERM; kill -l 137
### jobs
sleep 5 & jobs | sed 's/  */ /g'; kill %1; wait 2>/dev/null; echo done
### trap-wait
trap 'echo alarm' USR1; (sleep 0.2; kill -USR1 $$) & sleep 0.5 & wait $!; s=$?; [ $s -gt 128 ] && echo interrupted; wait; echo end
### trap-child
sh -c 'trap "echo term; exit 9" TERM; while :; do sleep 0.05; done' & p=$!; sleep 0.3; kill $p; wait $p; echo $?
### ulimit-umask
umask; umask 077; umask; umask -S; touch f; stat -c %a f; mkdir d; stat -c %a d; umask u=rwx,g=rx,o=; umask
### export-env
A=1; export B=2; C=3 env | grep '^[ABC]=' | sort; A=9 sh -c 'echo $A$B'; echo $A; unset B; env | grep -c '^B='; export -p | grep -c PATH
### env-applet
env -i A=1 B=2 /bin/env; env -u HOME sh -c 'echo ${HOME-none}'; env A=5 sh -c 'echo $A'; env nosuch 2>/dev/null; echo $?
### exec-replace
sh -c 'exec echo replaced; echo not'; sh -c 'exec nosuchcmd' 2>/dev/null; echo $?
sh -c 'exec > f; echo into; echo file'; cat f
### type-command
type cd | sed 's/ .*is/ is/'; command -v sh; command -v cd; command -v nosuch; echo $?; command echo x
### printf-builtin
printf '%d %5d|%-5d|%05d %x %X %o %c %s %%\n' 1 2 3 4 255 255 8 abc str
printf '%s-' a b c; echo; printf '%b' 'a\tb\n'; printf '%.3s|%10s|%-10s|\n' abcdef x y; printf '\101\x42\n'; printf '%d\n' 0x10 010 "'A"
### printf-float
printf '%f %.2f %e %g %10.3f|%-10.1f|\n' 3.14159 2.71828 12345.678 0.0001 1.5 2.5
### echo-options
echo -n a; echo b; echo -e 'x\ty\n\0101'; echo -e 'stop\chere'; echo; echo -E 'a\tb'; echo -- x
### long-script
i=0; sum=0
while [ $i -lt 500 ]; do
	case $((i % 3)) in 0) sum=$((sum + i));; 1) sum=$((sum ^ i));; *) sum=$((sum - 1));; esac
	i=$((i + 1))
done
echo $sum
primes=; n=2
while [ $n -lt 100 ]; do p=1; for d in $primes; do [ $((d*d)) -gt $n ] && break; [ $((n%d)) = 0 ] && { p=0; break; }; done; [ $p = 1 ] && primes="$primes $n"; n=$((n+1)); done
echo $primes
### many-forks
i=0; while [ $i -lt 150 ]; do /bin/true || echo fail; i=$((i+1)); done; echo $i
### fork-tree
t() { [ $1 = 0 ] && { echo leaf; return; }; (t $(($1-1))) & (t $(($1-1))) & wait; }
t 5 | wc -l
### parallel
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do (sleep 0.0$((i%4)); echo $i > r$i) & done; wait; cat r* | sort -n | tr '\n' ' '
### pipeline-long
seq 1000 | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | tail -1
### sigpipe
yes | head -3; seq 1 1000000 | head -1; (yes; echo $? >&2) 2>st | head -1 >/dev/null; cat st
### big-pipe
dd if=/dev/zero bs=1024 count=2048 2>/dev/null | md5sum
### time-builtin
{ time true; } 2>&1 | sed 's/[0-9.]*s$/T/;s/m *T/mT/' | sed 's/[0-9]//g'
### ppid
sh -c 'echo $PPID' > p; [ "$(cat p)" = $$ ] && echo same; sh -c '[ $PPID -gt 0 ]; echo $?'
### cd-pwd
mkdir -p a/b; ln -s a/b l; cd a/b; pwd | sed 's,.*/a,a,'; cd ..; pwd | sed 's,.*/,,'; cd - > /dev/null; pwd | sed 's,.*/,,'; cd ../../l; pwd | sed 's,.*/,,'; pwd -P | sed 's,.*/a,a,'; cd nodir 2>/dev/null; echo $?
### removed-directory
mkdir gone; cd gone; rmdir ../gone; /bin/pwd 2>/dev/null; echo $?; ls; touch x 2>/dev/null; echo $?
### arguments-long
a=$(seq 1 5000); echo $a | wc -c; set -- $a; echo $#; /bin/echo $a | md5sum; env X="$a" sh -c 'echo ${#X}'
### background-stdin
cat <<E | sh
echo one
cat /dev/null & wait
echo two
E
### nested-sh
sh -c "sh -c 'sh -c \"exit 42\"; echo \$?; exit 43'; echo \$?; exit 44"; echo $?
### let-source
set -o | grep -c errexit; set -a; Z=1; sh -c 'echo $Z'; set +a; readonly R=5; (R=6) 2>/dev/null; echo $?; echo $R
