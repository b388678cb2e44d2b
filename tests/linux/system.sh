### proc-self
cat /proc/self/comm; tr '\0' ' ' < /proc/self/cmdline; echo; readlink /proc/self/exe; ls -l /proc/self/cwd | sed 's/.*-> //;s,.*/,,'; [ -d /proc/self ] && echo dir; cat /proc/$$/comm; readlink /proc/self | grep -c '^[0-9]*$'
### proc-status
grep -E '^(Name|State|PPid|Uid|Gid|Threads)' /proc/self/status | sed 's/PPid:.*/PPid/'; wc -w < /proc/self/stat; cut -d' ' -f2,3 /proc/self/stat; wc -w < /proc/self/statm
### proc-fd
exec 5</etc/passwd; readlink /proc/self/fd/5; cat < /proc/self/fd/5 | head -1; echo x > f; exec 6>>f; readlink /proc/self/fd/6 | sed 's,.*/,,'; cat /dev/fd/5 | head -1; echo via | cat /dev/stdin; echo e > /dev/stderr 2>/dev/null; echo o >> /dev/stdout
### proc-fd-reopen
echo gone; exec 7> g; echo one >&7; echo two > /proc/self/fd/7; cat g; echo three >&7; od -c g | head -2; echo truncates > /dev/stdout
### proc-files
for f in uptime loadavg meminfo stat version mounts filesystems cpuinfo; do [ -r /proc/$f ] && [ -n "$(cat /proc/$f)" ] && echo $f; done; grep -c MemTotal /proc/meminfo; wc -w < /proc/uptime; wc -w < /proc/loadavg; grep -q '^processor' /proc/cpuinfo && echo cpu; cat /proc/sys/kernel/ostype
### proc-environ
A=1 B=2 sh -c 'cat /proc/self/environ' | tr '\0' '\n' | grep -E '^[AB]=' | sort; env -i X=y cat /proc/self/environ | tr '\0' '\n'; tr '\0' '\n' < /proc/$$/environ | grep -c PATH; export NEW=1; tr '\0' '\n' < /proc/$$/environ | grep -c NEW
### ps
ps | head -1; ps -o pid,args | grep -c '[p]s -o'; sleep 30 & sleep 0.3; ps -o pid,comm | grep -c "^ *$! sleep"; kill $!; wait 2>/dev/null; ps -o pid | grep -c "^ *$!\$"
### pidof-pgrep
sleep 31 & p=$!; sleep 0.1; pidof sleep | grep -qw $p && echo found; kill $p; wait 2>/dev/null; pidof nosuchprogram; echo $?
### killall
cp /bin/busybox ./sleep; ./sleep 32 & ./sleep 33 & sleep 0.1; killall sleep; echo $?; wait 2>/dev/null; killall nosuch 2>/dev/null; echo $?
### free-uptime
free | head -1 | tr -s ' '; free | grep -c Mem; uptime | grep -c load; top -b -n 1 | grep -c CPU: ; vmstat 2>/dev/null; true
### stopped
sleep 34 & p=$!; kill -STOP $p; sleep 0.1; cut -d' ' -f3 /proc/$p/stat; kill -CONT $p; sleep 0.1; cut -d' ' -f3 /proc/$p/stat; kill $p; wait $p; echo $?
### zombie
sh -c 'sleep 0.01 & exec sleep 0.6' & p=$!; sleep 0.3; c=$(ps -o pid,ppid,stat | awk -v p=$p '$2==p{print $3}'); echo $c | cut -c1; wait
### orphan
(sh -c 'sleep 0.3; set -- $(cat /proc/$$/stat); echo $4 > pp' &) ; until [ -s pp ]; do sleep 0.1; done; cat pp
### process-group
sh -c 'set -m; sleep 35 & p=$!; ps -o pid,pgid | awk -v p=$p "\$1==p{print (\$2==p)}"; kill $p' 2>/dev/null
sh -c 'sleep 36 & p=$!; a=$(awk "{print \$5}" /proc/$p/stat); b=$(awk "{print \$5}" /proc/$$/stat); [ $a = $b ] && echo same; kill $p' 2>/dev/null
### setsid
setsid sh -c 'awk "{print (\$1==\$6), (\$1==\$5)}" /proc/self/stat; set -- $(cat /proc/$$/stat); [ $1 = $6 ] && echo leader'; setsid true; echo $?
### kill-group
setsid sh -c 'sleep 37 & sleep 38 & wait; echo no' & p=$!; sleep 0.4; kill -- -$p; wait $p; echo $?; ps -o args | grep -c '[s]leep 3[78]'
### signals-ignored
sh -c 'trap "" INT; sh -c "kill -INT \$\$; echo survived"'; (trap '' HUP; sh -c 'kill -HUP $$; echo alive'); nohup sh -c 'kill -HUP $$; echo hup' 2>/dev/null || echo none
### signal-default
sh -c 'kill -CHLD $$; kill -URG $$; kill -WINCH $$; kill -CONT $$; echo fine'; sh -c 'kill -SEGV $$' 2>/dev/null; echo $?; sh -c 'kill -ABRT $$' 2>/dev/null; echo $?; sh -c 'kill -ILL $$' 2>/dev/null; echo $?
### timeout-read
mkfifo p; (sleep 2 > p) & timeout 0.3 cat p; echo $?; wait
### read-timeout
read -t 0.2 x < /dev/zero; echo $?; mkfifo p; (sleep 1 > p) & read -t 0.2 x < p; echo $?; wait
### nice
renice -n 3 -p $$; cut -d' ' -f19 /proc/$$/stat; ps -o nice,comm 2>/dev/null | head -0; renice 10 $$ ; sh -c 'cut -d" " -f19 /proc/$$/stat'
### affinity
allowed() { sed -n 's/^Cpus_allowed_list:\t//p' /proc/$1/status; }; taskset 1 sh -c 'renice -n 4 -p $$; sed -n "s/^Cpus_allowed_list:\t//p" /proc/self/status; :'; taskset -p 0 $$ >/dev/null 2>&1; echo $?; taskset -p 1 999999 2>/dev/null; echo $?; taskset -p 1 $$ > /dev/null; allowed $$
### ulimit
ulimit -n > /dev/null; echo $?; (ulimit -n 20; ulimit -n); (ulimit -c 0; ulimit -c); (ulimit -f 1; dd if=/dev/zero of=big bs=512 count=10 2>/dev/null; echo $?; stat -c %s big)
### fd-limit
(ulimit -n 10; exec 3</dev/null 4</dev/null 5</dev/null 6</dev/null 7</dev/null; sh -c 'exec 8</dev/null 9</dev/null; echo eight; exec 3<&-; cat /etc/hostname' 2>&1; echo $?; exec 8</dev/null 2>/dev/null; echo in) 2>&1 | tail -3
### hostname-uname
uname -s; uname -m; uname -o; hostname > /dev/null; echo $?; uname -r | grep -c .; [ "$(hostname)" = "$(uname -n)" ] && echo same; hostid | wc -c
### chroot
mkdir -p r/bin r/tmp; cp /bin/busybox r/bin/sh; echo inside > r/tmp/f; chroot r /bin/sh -c 'cat /tmp/f 2>/dev/null || /bin/sh -c "echo x"; echo /*; cd /..; pwd; read x < /tmp/f; echo $x'; echo $?
### getopt
getopt -o ab:c -- -a -b val x -c; getopt -o a --long alpha,beta: -- --alpha --beta=2 y; getopt -o a -- -z 2>/dev/null; echo $?
### which-install
install -m 750 /etc/hostname f 2>/dev/null; ls; start-stop-daemon -S -t -x /bin/nosuch >/dev/null 2>&1; echo $?; start-stop-daemon -S -b -m -p pid -x /bin/sleep -- 40; sleep 0.2; kill $(cat pid); echo $?
### logger-dmesg
logger hello 2>/dev/null; echo $?; dmesg > /dev/null; echo $?; dmesg | wc -l | grep -c '^0$'
### stty-not-tty
stty 2>&1 < /dev/null; echo $?; tty < /dev/null; echo $?
### su-sh
su -s /bin/sh nobody -c 'id -un; pwd'; su user -s /bin/sh -c 'kill -0 1 2>/dev/null; echo $?; kill -TERM $$'; echo $?; setpriv --dump 2>/dev/null | head -0
### user-processes
su user -s /bin/sh -c 'sleep 41 & p=$!; kill $p; wait $p; echo $?'; sleep 42 & p=$!; su user -s /bin/sh -c "kill $p 2>/dev/null; echo \$?"; kill $p; wait $p; echo $?
### mount-list
mount | awk '{print $3}' | grep -xE '/|/proc' | sort -u; grep -c ' /proc proc ' /proc/mounts; mountpoint /proc 2>/dev/null
### exec-elf-error
printf '\177ELFgarbage' > bad; chmod +x bad; ./bad 2>/dev/null; echo $?; head -c 100 /bin/busybox > short; chmod +x short; ./short 2>/dev/null; echo $?; cp /bin/busybox ./true; ./true; echo $?; chmod -x true; ./true 2>/dev/null; echo $?
### many-files-open
i=0; while [ $i -lt 50 ]; do echo $i > f$i; i=$((i+1)); done; cat f* | sort -n | tail -1; paste f1 f2 f3 f4 f5 f6 f7 f8 f9; tail -q -n 1 f* | wc -l
### memory-large
awk 'BEGIN{for(i=0;i<200000;i++) a[i]=i; s=0; for(i=0;i<200000;i++) s+=a[i]; print s}'; dd if=/dev/zero bs=8M count=1 2>/dev/null | wc -c; dd if=/dev/zero bs=16M count=2 of=big 2>/dev/null; stat -c %s big; md5sum big
### vfork-exec-env
env -i /bin/sh -c 'echo $PATH | wc -c; /bin/env | sort | cut -d= -f1'; xargs --help 2>&1 | head -1 | cut -c1-7; sh -c 'echo $0 $1' zero one
### sh-stdin
echo 'echo from stdin; exit 4' | sh; echo $?; sh -s a b <<'E'
echo $1 $2 $#
E
sh - <<'E'
read x
this is data
echo "$x"
E
### time-applet
/usr/bin/time -f '%x' true 2>&1; /usr/bin/time -f 'st %x' sh -c 'exit 3' 2>&1; echo $?
### inode-numbers
printf 'x' > a; inode=$(stat -c %i a); mv a b; [ $(stat -c %i b) = $inode ] && echo kept; ln b c; [ $(stat -c %i c) = $inode ] && echo linked; cp b d; [ $(stat -c %i d) != $inode ] && echo new
### times-order
touch -d '2020-01-01 00:00:00' a; touch -d '2020-01-01 00:00:02' b; [ b -nt a ] && echo newer; [ a -ot b ] && echo older; echo x > a; [ a -nt b ] && echo now; m=$(stat -c %Y .); touch c; [ $(stat -c %Y .) -ge $m ] && echo dir; chmod 600 b; [ $(stat -c %Z b) -ge $(stat -c %Y b) ] && echo ctime; touch -a -d '2021-01-01 00:00:00' b; stat -c '%X %Y' b; mkdir d; touch -d '2000-01-01 00:00:00' d; : > d/f; [ $(stat -c %Y d) -gt 1600000000 ] && echo dirtime
### pipe-stress
for i in 1 2 3 4 5 6 7 8; do seq 2000 | sed s/1/one/ | sort | md5sum & done | sort -u; wait
### process-many
i=0; while [ $i -lt 40 ]; do sleep 4 & i=$((i+1)); done; sleep 2; ps -o args | grep -c '^sleep 4'; wait; ps -o args | grep -c '^sleep 4'; echo done
### proc-fd-list
exec 3</etc/passwd 4>f 5>>f 6<>f; ls /proc/self/fd | tr '\n' ' '; ls -l /proc/self/fd | awk '$9 > 2 && $9 < 7 { print $1, $9, $11 }'; ls -l /dev/fd/ | wc -l; ls /dev/fd | tr '\n' ' '; cd /proc/self; ls -l fd/4 2>/dev/null | cut -c1-10
### proc-fd-of-another
sleep 30 < /etc/passwd > f 2>> f & p=$!; sleep 0.3; ls /proc/$p/fd | tr '\n' ' '; for i in 0 1 2; do readlink /proc/$p/fd/$i | sed 's,/tmp/t/,,'; done; head -n 1 /proc/$p/fd/0; echo put > /proc/$p/fd/1; cat f; ls -l /proc/$p/fd | awk 'NR > 1 { print $1, $9 }'; kill $p; wait $p; ls /proc/$p/fd 2>/dev/null; echo $?
