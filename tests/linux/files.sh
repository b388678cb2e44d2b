### mkdir-rmdir
mkdir a; mkdir -p b/c/d; mkdir a 2>&1; echo $?; mkdir -m 700 e; stat -c '%a %n' e; rmdir a; rmdir b 2>&1; echo $?; rmdir -p b/c/d; ls
### rm
touch f g; mkdir -p d/e; touch d/e/f; rm f; rm nofile 2>&1; echo $?; rm -f nofile; echo $?; rm d 2>&1; echo $?; rm -r d; ls; rm -rf g none; ls | wc -l
### mv
echo 1 > a; mv a b; cat b; mkdir d; mv b d; ls d; echo 2 > d/x; echo 3 > x; mv x d/x; cat d/x; mv d e; ls e; mv none z 2>&1; echo $?; mv e/b e/c; ls e; mv e e/sub 2>&1; echo $?
### cp
echo data > a; cp a b; cmp a b; echo $?; chmod 750 a; cp -p a c; stat -c %a c; mkdir d; cp a b d; ls d; cp -r d e; ls e; cp d x 2>&1; echo $?; ln -s a l; cp l m; stat -c %F m; cp -P l n; stat -c %F n; cp -a d f; ls f
### ln
echo x > a; ln a b; stat -c %h a; rm a; cat b; ln -s target l; readlink l; ls -l l | sed 's/.* l/l/'; ln -s x l 2>&1; echo $?; ln -sf new l; readlink l; ln none z 2>&1; echo $?; mkdir d; ln d e 2>&1; echo $?
### links-same
echo x > a; ln a b; ln a c; [ a -ef c ] && echo same; echo more >> c; cat a; stat -c '%h %s' b; rm b; stat -c %h a; find . -links 2 | sort
### symlink-loop
ln -s a b; ln -s b a; cat a 2>&1; echo $?; ls -L a 2>&1; echo $?; ln -s . self; cat self/self/self/none 2>&1; readlink -f self/self; echo $?
### symlink-relative
mkdir -p x/y; echo in > x/y/f; ln -s y/f x/l; ln -s ../x/l x/m; cat x/l x/m; ln -s x/y dl; ls dl; ls dl/; cat dl/../l; rm dl; ls x/y
### readlink-realpath
mkdir -p a/b; touch a/b/c; ln -s a/b/c l; readlink l; readlink -f l | sed 's,.*/a/,a/,'; realpath l | sed 's,.*/a/,a/,'; realpath a/../a/./b | sed 's,.*/a/,a/,'; readlink a; echo $?; realpath none/x 2>/dev/null; echo $?
### chmod
touch f; for m in 644 755 4755 2755 1777 u+x g-r,o-r a=rw +x u=rwx,go= u+s g+s o+t a-s -t 0; do chmod $m f; stat -c '%a %A' f; done
mkdir -p d/e; touch d/f; chmod -R 700 d; stat -c '%a %n' d d/e d/f; chmod 999 f 2>&1; echo $?
### chown
touch f; chown 1000:1000 f; stat -c '%u %g %U %G' f; chown 0 f; chgrp 100 f; stat -c '%u %g' f; chown user:users f; stat -c '%U:%G' f; mkdir d; touch d/x; chown -R 1:2 d; stat -c '%u %g' d d/x; chown nosuch f 2>&1; echo $?
### chown-clears-setuid
touch f; chmod 6755 f; chown 1000:1000 f; stat -c %a f
### permissions
touch f; chmod 000 f; echo x > g; chmod 600 g; mkdir d; chmod 700 d; echo in > d/f; chmod 755 .
su user -s /bin/sh -c "cat $PWD/g; cat $PWD/d/f; echo x > $PWD/new; ls $PWD/d" 2>&1 | sed "s,$PWD/,,g"; echo root can: $(cat g)
### sticky
mkdir -m 1777 t; echo r > t/root; su user -s /bin/sh -c "cd $PWD/t; rm -f root 2>/dev/null; echo \$?; echo u > mine; rm mine; echo \$?"; ls t
### ids
id; id -u; id -un; id user; whoami; groups; su user -s /bin/sh -c 'id; whoami; id -g'
### setuid-program
cp /bin/busybox id; cp /bin/busybox su; chmod 4755 id su; chmod 755 .; su user -s /bin/sh -c "$PWD/id -u; $PWD/id; stat -c '%A %U' $PWD/id"; echo $?
### touch-stat
touch -d '2020-01-02 03:04:05' f; stat -c '%Y %y %s %F %b' f; date -r f '+%Y-%m-%d %H:%M:%S'; touch -r f g; stat -c %Y g; touch -c none; ls none 2>/dev/null; echo $?; touch -t 202101010000 h; stat -c %Y h
### stat-formats
printf hello > f; mkdir d; ln -s f l; mkfifo p; stat -c '%n %s %F %h %a %u %g' f l p; stat -c '%F %h %a' d; stat -L -c '%F' l; stat -c '%t %T %F' /dev/null; stat none 2>&1; echo $?; stat -c %B f
### ls
mkdir d; printf 12345 > b; touch -d '2021-05-06 07:08:09' b; ln -s b c; touch .h; mkfifo p; chmod 640 b
ls; ls -a; ls -A; ls -1; ls -F; ls -p; ls -r; ls -d d; ls -s b | sed 's/^ *//'; ls -l b c p | sed 's/ .*root/ root/;s/[A-Z][a-z][a-z] .* \([bcp]\)/\1/'; ls none 2>&1; echo $?
### ls-sort
printf 1 > a; printf 123 > b; printf 12 > c; touch -d 2020-01-01 c; touch -d 2020-01-02 a; touch -d 2020-01-03 b; ls -S; ls -t; ls -tr; ls -X; ls -C; ls -x -w 20
### ls-recursive
mkdir -p a/b/c; touch a/f a/b/g; ls -R; ls -R1 a | md5sum
### ls-ln
touch -d '2021-05-06 07:08:09' f; chmod 4751 f; chown 1000:100 f; ls -ln f; ls -l f; ls --full-time f; ls -lh f
### find
mkdir -p a/b; touch a/1.txt a/b/2.txt a/b/3.c .h; printf 0123456789 > a/big; ln -s a/big l
find . | sort; find . -name '*.txt' | sort; find . -type d | sort; find . -type l; find a -size +0 -type f; find . -maxdepth 1 | sort; find . -mindepth 2 | sort; find . -path '*b*' | sort
find . -name '*.c' -o -name 'b' | sort; find . ! -name '*.txt' -type f | sort; find . -empty -type f | sort
### find-exec
for i in 1 2 3; do echo $i > f$i; done; find . -name 'f*' -exec cat {} \; | sort; find . -name 'f*' -exec echo {} + | tr ' ' '\n' | sort; find . -name f1 -delete; ls; find . -name 'f*' -print0 | xargs -0 cat | sort; find . -newer f2 -type f | sort; find . -perm 644 -type f | sort; find . -user root -type f | sort; find . -mtime +1; find . -prune
### find-prune
mkdir -p a/skip/x a/keep/y; find a -name skip -prune -o -print | sort; find a -type d -name y -printf '' 2>/dev/null; find none 2>&1; echo $?; find a -inum 0; find a -depth | head -1 | sed 's/skip.x/L/;s/keep.y/L/'
### xargs
seq 10 | xargs; seq 10 | xargs -n 3; echo a b c | xargs -n1 echo x; printf 'a b\nc d\n' | xargs -I{} echo '<{}>'; echo | xargs echo none; echo | xargs -r echo none; printf '1\n2\n' | xargs -t echo 2>&1; echo 1 2 3 | xargs sh -c 'exit 1'; echo $?; seq 5000 | xargs | md5sum; echo a | xargs nosuch 2>/dev/null; echo $?; seq 3 | xargs -P 2 -n 1 | sort
### du
mkdir d; dd if=/dev/zero of=d/f bs=4096 count=25 2>/dev/null; dd if=/dev/zero of=g bs=4096 count=1 2>/dev/null; du -k d/f g; du -s -k d/f; du -h g
### truncate-fallocate
truncate -s 100 f; stat -c %s f; printf abc > g; truncate -s 6 g; od -c g; truncate -s 1 g; cat g; echo; truncate -s 1M s; stat -c '%s %b' s; fallocate -l 8192 h; stat -c '%s %b' h; truncate -s +10 g; stat -c %s g
### sparse
dd if=/dev/zero of=s bs=1 count=1 seek=1048576 2>/dev/null; stat -c %s s; [ $(stat -c %b s) -lt 100 ] && echo sparse; md5sum < s; printf x | dd of=s bs=1 seek=500000 conv=notrunc 2>/dev/null; cmp -n 500000 s /dev/zero; dd if=s bs=1 skip=500000 count=1 2>/dev/null | od -c
### unlink-open
exec 3> f; echo before >&3; rm f; echo after >&3; ls; exec 3>&-; exec 4<> g; echo abc >&4; rm g; ls /proc/self/fd/4 >/dev/null && echo still; exec 4>&-
### append-two
exec 3>>f 4>>f; echo a >&3; echo b >&4; echo c >&3; cat f; exec 3>&- 4>&-; (echo 1; sh -c 'echo 2'; echo 3) > g; cat g
### shared-offset
exec 3< /etc/passwd; head -c 5 <&3 > /dev/null; sh -c 'dd bs=1 count=4 <&3 2>/dev/null'; echo; exec 3<&-; (dd bs=1 count=2; dd bs=1 count=2) 2>/dev/null < /etc/passwd; echo
### mktemp
f=$(mktemp); [ -f $f ] && stat -c %a $f; rm $f; d=$(mktemp -d); stat -c %a $d; rmdir $d; mktemp -u -p . | sed 's/tmp\.[A-Za-z0-9]*/T/'; f=$(mktemp ./x.XXXXXX); echo ${#f}
### mkfifo
mkfifo p; stat -c '%F %a' p; (echo through > p) & cat p; wait; (cat < p > out) & echo one > p; wait; cat out; [ -p p ]; echo $?; mkfifo p 2>&1; echo $?
### fifo-many
mkfifo p; (for i in 1 2 3; do echo $i; done > p) & while read x; do echo got $x; done < p; wait; seq 20000 > p & wc < p; wait
### mknod
mknod n c 1 3; stat -c '%F %t %T' n; echo x > n; cat n; mknod z c 1 5; head -c 4 z | od -c; mknod p p; stat -c %F p; rm n z p; ls
### devices
echo x > /dev/null; cat /dev/null; head -c 8 /dev/zero | od -x; head -c 16 /dev/urandom | wc -c; head -c 10 /dev/random | wc -c; echo x 2>/dev/null > /dev/full; echo $?; [ -c /dev/null ] && echo char; dd if=/dev/zero bs=1M count=3 2>/dev/null | wc -c
### rename-open
echo old > a; exec 3< a; echo new > b; mv b a; cat <&3; cat a; exec 3<&-; mkdir x y; mv x y; ls y; mkdir -p y/x/z; mkdir x; mv -T x y/x 2>&1; echo $?
### hidden-names
touch -- -dash 'sp ace' 'new
line' 'q"uote' $'t\tab'; ls | od -c | head -3 | tail -1; ls -b 2>/dev/null | wc -l; rm -- -dash; ls | wc -l; find . -type f | wc -l; printf '%s\n' *[[:space:]]* | wc -l
### long-names
n=$(printf '%0255d' 0); touch $n; ls | wc -c; touch ${n}x 2>/dev/null; echo $?; mkdir -p $(printf 'd/%.0s' $(seq 50)); find . -type d | wc -l; p=$(printf '%01000d/' 1 2 3 4 5); ls $p 2>/dev/null; echo $?
### directory-large
i=0; while [ $i -lt 300 ]; do : > file$i; i=$((i+1)); done; ls | wc -l; ls | head -1; ls | tail -1; rm file1*; ls | wc -l; rm -f *; ls | wc -l
### trailing-slash
touch f; mkdir d; ls f/ 2>&1; echo $?; cat d 2>&1; echo $?; cd d/; cd ..; mkdir e/; ls -d e; rmdir e/; ln -s d l; ls -d l/; cat f/x 2>&1; : > newf/ ; echo $?
### dot-dot
mkdir -p a/b/c; cd a/b/c; cd ../../..; ls; ls a/b/../../a/b; ls /.. | grep -xE 'bin|etc|tmp'; cd /; cd ..; pwd; cd /../../tmp/..; pwd
### tree-copy
mkdir -p t/a t/b/c; echo 1 > t/a/f; echo 2 > t/b/c/g; ln -s ../a/f t/b/l; chmod 700 t/b; cp -a t u; diff -r t u; echo $?; (cd u; find . | sort | while read f; do stat -c '%a %F %n' "$f"; done)
### cmp
printf abc > a; printf abd > b; printf ab > c; cmp a a; echo $?; cmp a b; echo $?; cmp -s a b; echo $?; cmp a c; echo $?; cmp -l a b
### split-like
seq 100 > f; head -c 50 f | tail -c 10 | od -c; dd if=f bs=10 skip=2 count=1 2>/dev/null | od -c; shred -n 1 -u f; ls
### who-df
df / | head -1 | tr -s ' '; mount | grep -c ' / '; sync; echo $?
