### cat
printf 'a\nb\n\n\nc\n' > f; cat f; cat -n f; cat -b f; cat -s f 2>/dev/null; cat -A f; cat -e f; printf x | cat f - | tail -1; echo; cat none f 2>&1 | tail -2; cat f f | wc -l
### head-tail
seq 20 > f; head f; head -n 3 f; head -c 7 f; tail -n 3 f; tail -c 5 f; tail -n +18 f; head -n -17 f; tail f | head -2; head -n 1 f f; tail -n 1 -q f f; seq 3 | tail -5
### tail-follow
(for i in 1 2 3; do echo $i; sleep 0.2; done) > f & timeout 3 tail -f f | head -3; wait
### wc
printf 'one two\nthree\n' > f; wc f; wc -l f; wc -w < f; wc -c < f; wc -m < f; wc -L < f; wc f f; printf '' | wc; printf 'nonl' | wc -l
### sort
printf '3 c\n1 b\n2 a\n10 d\n1 b\n' > f; sort f; sort -n f; sort -r f; sort -u f; sort -k2 f; sort -k1,1n -k2,2r f; sort -rn f; sort -c f 2>/dev/null; echo $?; sort -n f | sort -c -n; echo $?
### sort-keys
printf 'b:2:x\na:10:y\nc:1:z\n' > f; sort -t: -k2n f; sort -t: -k2 f; sort -t: -k3r f; printf 'B\na\nC\nb\n' | sort -f; printf 'x1\nx10\nx2\n' | sort -V; printf '  b\na\n' | sort -b; printf '1K\n1M\n5\n' | sort -h; printf 'Mar\nJan\nFeb\n' | sort -M; sort -o f f; cat f; sort -z < /dev/null
### sort-large
awk 'BEGIN{s=42; for(i=0;i<20000;i++){s=(s*1103515245+12345)%2147483648; print s}}' > f; sort -n f | md5sum; sort f | md5sum; sort -r f | head -2; sort -u f | wc -l
### uniq
printf 'a\na\nb\nc\nc\nc\na\n' > f; uniq f; uniq -c f; uniq -d f; uniq -u f; printf 'A\na\n' | uniq -i; printf '1 x\n2 x\n' | uniq -f 1; printf 'ax\nbx\n' | uniq -s 1; sort f | uniq -c | sort -rn
### cut
printf 'a:b:c:d\ne:f\nnodelim\n' > f; cut -d: -f2 f; cut -d: -f2- f; cut -d: -f1,3 f; cut -d: -f-2 f; cut -s -d: -f1 f; cut -c2-4 f; cut -b1 f; echo 'x y z' | cut -d' ' -f3
### paste
seq 3 > a; printf 'x\ny\n' > b; paste a b; paste -d, a b; paste -s a; paste -sd+ a; seq 6 | paste - - -; seq 4 | paste -d'\n' - /dev/null | wc -l
### tr
echo hello | tr a-z A-Z; echo hello | tr -d l; echo aabbcc | tr -s ab; echo abc | tr abc xyz; echo 'a1b2' | tr -cd 0-9; echo; echo abc123 | tr '[:alpha:]' '#'; echo 'a b' | tr ' ' '\n'; echo hello | tr -c 'a-z\n' _; printf '\000\001' | tr '\000\001' ab; echo; seq 5 | tr '\n' ,; echo; echo ABC | tr '[:upper:]' '[:lower:]'
### tac-rev
seq 5 | tac; echo hello | rev; printf 'a\nb' | tac; echo; printf 'ab\ncd\n' | rev
### nl
printf 'a\n\nb\n' | nl; printf 'a\n\nb\n' | nl -ba; printf 'x\n' | nl -w3 -s:
### fold-expand
echo 'the quick brown fox jumps over the lazy dog' > f; fold -w 10 f; fold -s -w 12 f; printf 'a\tb\n' | expand; printf 'a\tb\n' | expand -t4; printf '        x\n' | unexpand | od -c
### tee
echo x | tee a b; cat a b; echo y | tee -a a > /dev/null; cat a; echo z | tee /nodir/x 2>/dev/null; echo $?
### seq
seq 5; seq 2 5; seq 1 2 9; seq 5 -1 1; seq -w 8 11; seq -s, 5; seq 0.5 0.5 2; seq 3 1
### expr
expr 1 + 2; expr 7 \* 6; expr 10 / 3; expr 10 % 3; expr 5 \> 3; expr abc : 'a\(.*\)'; expr length hello; expr substr hello 2 3; expr index hello l; expr 0; echo $?; expr a = a; expr '(' 1 + 2 ')' \* 3; expr 1 / 0 2>/dev/null; echo $?; expr match abc 'a.'
### grep
printf 'apple\nBanana\ncherry\napple pie\n' > f; grep apple f; grep -c apple f; grep -n a f; grep -v apple f; grep -i banana f; grep -o 'an' f; grep -w apple f; grep -x apple f; grep -q cherry f; echo $?; grep zzz f; echo $?; grep -l apple f; grep -L apple f; grep -e cherry -e Banana f; grep -E '^(a|c)' f; grep -F 'apple pie' f; grep -m1 apple f; grep none nofile 2>&1; echo $?
### grep-context
seq 20 > f; grep -A1 5 f; grep -B1 '^10$' f; grep -C1 '^7$' f; grep -h 1 f f | wc -l; grep -H '^3$' f; mkdir d; echo needle > d/x; grep -r needle .; printf 'a.b\naxb\n' | grep -F a.b; grep -f f f | wc -l; egrep '(1|2)0' f; fgrep 10 f
### grep-regex
printf 'foo123\nbar\n  indented\nemail@example.com\nab12cd\n\n' > f; grep -E '[0-9]+' f; grep '^$' f | wc -l; grep -E '^[[:space:]]+' f; grep -oE '[a-z]+@[a-z.]+' f; grep -E 'a{1}b' f; grep '\(o\)\1' f; grep -E 'fo{2}' f; grep -vE '^$' f | wc -l; grep -n '.' f
### sed-1
printf 'one\ntwo\nthree\nfour\n' > f; sed s/o/0/ f; sed s/o/0/g f; sed -n 2p f; sed -n '2,3p' f; sed 2d f; sed '/two/d' f; sed -n '/t/p' f; sed '$d' f; sed '1!d' f; sed -n '$=' f; sed 's/t\(.\)/<\1>/' f; sed -e s/one/1/ -e s/two/2/ f; sed 3q f; sed -n '/two/,/four/p' f; sed 's/.*/[&]/' f
### sed-2
printf 'a b c\nd e f\n' > f; sed 'y/abc/xyz/' f; sed 'a\after' f; sed 'i\before' f; sed 'c\changed' f; sed '1i\top' f; sed -n 'l' f; sed 's/ /\n/g' f; sed = f; sed 'N;s/\n/-/' f; sed -E 's/([a-z]) ([a-z])/\2 \1/' f; sed 's/b/X/w out' f > /dev/null; cat out; sed -i s/a/A/ f; cat f; sed -i.bak s/d/D/ f; cat f.bak; sed 's|/|:|g;s,a,b,' f; echo aaa | sed 's/a/b/2'; echo Hello | sed 's/hello/x/I'
### sed-3
seq 10 | sed -n '1~3p' ; seq 10 | sed '2,4{s/^/x/;/3/d}'; seq 5 | sed ':a;N;$!ba;s/\n/,/g'; seq 5 | sed -n '1!G;h;$p'; seq 5 | sed '$!N;P;D'; printf 'x=1\ny=2\n' | sed 's/\(.*\)=\(.*\)/\2=\1/'; seq 3 | sed '2r /etc/hostname' | wc -l; seq 6 | sed '0~2d'; seq 3 | sed 'n;d'; echo abc | sed 's/b/[&&]/'; seq 5 | sed '/3/q5'; echo $?; echo a | sed 's/a/x\ty/'; echo foo | sed 's/o*$//;t;s/f/F/'; seq 2 | sed '2,$s/^/> /'
### awk-1
printf 'a 1\nb 2\nc 3\n' > f; awk '{print $1}' f; awk '{print $2, $1}' f; awk '{s+=$2} END{print s}' f; awk 'NR==2' f; awk '/b/{print "found"}' f; awk -F: '{print $1}' /etc/passwd; awk 'END{print NR}' f; awk '{print NF}' f; awk '$2>1{print $1}' f; awk 'BEGIN{print 1+1, 2^10, 7%3, 1/4}'; awk -v x=5 'BEGIN{print x*2}'; awk 'BEGIN{OFS="-"} {$1=$1; print}' f
### awk-2
awk 'BEGIN{s="hello"; print length(s), substr(s,2,3), index(s,"l"), toupper(s); n=split("a:b:c",p,":"); print n,p[2]; sub(/l/,"L",s); print s; gsub(/l/,"X",s); print s; print match("foobar","ob"), RSTART, RLENGTH; printf "%05.2f %s %d %x %c|%-5s|\n", 3.14159,"s",42.9,255,65,"ab"}'
awk 'BEGIN{a["x"]=1;a["y"]=2; for(k in a) n++; print n; if("x" in a) print "in"; delete a["x"]; print length(a); while(i<3) print i++; do print i--; while(i>1); for(;;) break; print sprintf("%s-%s",1,2)}'
### awk-3
awk 'function f(n){return n<2?n:f(n-1)+f(n-2)} BEGIN{print f(15)}'; printf '1,2\n3,4\n' | awk -F, '{t+=$1*$2} END{print t}'; awk 'BEGIN{"echo cmd" | getline x; print x; print "b\na" | "sort"; close("sort"); while((getline l < "/etc/hostname")>0) n++; print n; print "x" > "out"; close("out"); system("cat out"); exit 3}'; echo $?; seq 10 | awk 'NR%2{next} {print} NR==6{exit}'; echo 'a b c' | awk '{$2=""; print; print $NF}'; printf 'k1 v1\nk2 v2\nk1 v3\n' | awk '{c[$1]++} END{print c["k1"], c["k2"]}'; awk 'BEGIN{print length(), substr("x",0), -3%2, int(-3.7), sqrt(16), exp(0), log(1), sin(0)}'
### awk-4
printf 'a\n\nb\nc\n\nd\n' | awk 'BEGIN{RS=""}{print NR": "$1" "NF}'; echo a,b,c | awk 'BEGIN{FS=","}{for(i=NF;i>0;i--) printf "%s ", $i; print ""}'; awk 'BEGIN{printf "%s %s %s\n", ARGC, ARGV[1], ENVIRON["HOME"]}' x; seq 5 | awk '{a[NR]=$0} END{for(i=NR;i>0;i--) print a[i]}'; awk 'BEGIN{print "a" < "b", 10 < 9, "10" < "9", 1==1.0, "a" "b"}'; awk 'BEGIN{print substr("hello",2), tolower("ABC"), "x" ~ /x/, "y" !~ /x/}'; echo | awk '{print "A\tB\\n"}'; awk 'BEGIN { while (("ls /etc/passwd" | getline l) > 0) print l }'
### awk-large
seq 20000 | awk '{s+=$1; ss+=$1*$1} END{print s, ss}'; seq 5000 | awk '{a[$1%97]+=$1} END{for(i=0;i<97;i++) printf "%d ", a[i]}' | md5sum
### diff
printf 'a\nb\nc\n' > x; printf 'a\nB\nc\nd\n' > y; diff x y | sed 's/\t.*//'; echo $?; diff -u x y | sed 's/\t.*//'; diff x x; echo $?; diff -q x y; diff -r . . ; echo $?; diff x none 2>&1; echo $?; diff -i x y | tail -1; diff -N x none | wc -l
### patch
printf 'a\nb\nc\n' > f; cp f orig; printf 'a\nX\nc\nd\n' > new; diff -u f new > p; patch f < p; cmp f new; echo $?; patch -R f < p; cmp f orig; echo $?; patch -p0 --dry-run f < p > /dev/null; cmp f orig; printf 'z\n' > f; patch f < p 2>&1; echo $?
### ed
printf 'one\ntwo\nthree\n' > f; printf '2s/two/TWO/\n$a\nfour\n.\n1d\nw\nq\n' | ed f; cat f
printf 'a\nnew\n.\n1,$p\n=\nw g\nQ\n' | ed; cat g
### vi-script
printf 'one\ntwo\nthree\n' > f; vi -c ':2d' -c ':%s/e/E/g' -c ':wq' f > /dev/null 2>&1 < /dev/null; cat f
### vi-keys
printf 'alpha\nbeta\n' > f; printf 'iX\033jddp:wq\n' | TERM=vt100 vi f > /dev/null 2>&1; cat f
### less-more
seq 5 | more; seq 5 | less; seq 30 | more | wc -l
### bc
echo '1+2; 3*4; 10/3; scale=5; 10/3; 2^64; sqrt(2)' | bc; echo 'define f(x) { return x*x }
f(12)' | bc; echo 'for (i=0;i<3;i++) i' | bc; echo 'obase=16; 255; ibase=2; 1010' | bc; echo 's(0); e(1)' | bc -l
### bc-big
echo '2^500' | bc; echo 'scale=50; 4*a(1)' | bc -l; echo 'a=1; for(i=1;i<=30;i++) a*=i; a' | bc
### dc
echo '1 2 + p 3 * p 10 3 / p 2 10 ^ p' | dc; echo '5k 1 3 / p' | dc; dc -e '10 sa la la * p'
### cal
cal 2 2024; cal 9 1752; cal -y 2023 | md5sum; cal -m 1 2024
### date
date -u -d '2024-02-29 12:34:56' '+%Y %m %d %H %M %S %j %a %b %u %s %F %T %y %e %p %I'; date -u -d @0; date -u -d @1700000000 +%c; date -d 'bad date' 2>/dev/null; echo $?; date -u -R -d @86400; date -u -I -d @86400; TZ=EST5EDT date -d @1700000000 '+%H:%M %Z'; TZ=CET-1CEST date -d @1720000000 '+%H:%M %Z'; [ $(date +%s) -gt 1700000000 ] && echo now
### od-hexdump
printf 'hello\000\377\n12345678' > f; od f; od -c f; od -x f; od -b f; od -A d -t x1 f; od -An -tu2 f; hexdump f; hexdump -C f; hexdump -e '4/1 "%02x " "\n"' f; xxd f; xxd -p f; xxd -p f | xxd -r -p | cmp - f; echo $?; od -j 2 -N 3 -c f; hd f 2>/dev/null | head -1
### strings
printf 'ab\000longenough\001xyz\000another string\n' > f; strings f; strings -n 2 f; strings -f f
### checksums
printf 'hello world\n' > f; md5sum f; sha1sum f; sha256sum f; sha512sum f; sha3sum f; crc32 f; md5sum < f; md5sum f > s; md5sum -c s; echo bad >> f; md5sum -c s 2>/dev/null; echo $?; sha256sum /dev/null
### base64-uu
printf 'hello world \001\377' > f; base64 f; base64 f | base64 -d | cmp - f; echo $?; uuencode f name | sed 1d; uuencode f name | uudecode -o g; cmp f g; echo $?; uuencode -m f n; seq 100 | base64 -w 20 | tail -2; echo '!!!' | base64 -d 2>/dev/null | wc -c
### gzip
seq 1000 > f; gzip f; ls; gunzip f.gz; md5sum f; gzip -c f | gzip -dc | cmp - f; echo $?; gzip -9 < f | zcat | md5sum; echo notgz | gunzip 2>/dev/null; echo $?; gzip -t < /dev/null 2>/dev/null; echo $?; gzip -k f; ls
### bzip2-xz
seq 1000 > f; bzip2 -c f | bunzip2 | cmp - f; echo $?; bzip2 f; ls; bzcat f.bz2 | md5sum; bunzip2 f.bz2; printf '/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQAFaGVsbG8KAAAAi7R7ivuq5Y4AAR4GaxAnDx+2830BAAAAAARZWg==' | base64 -d | xzcat 2>/dev/null | wc -c; lzop -c f | lzop -dc | cmp - f; echo $?
### tar
mkdir -p d/e; echo 1 > d/a; echo 2 > d/e/b; ln -s a d/l; ln d/a d/h; chmod 751 d/e; touch -d @1000000000 d/a d/e/b d/e d; tar cf t.tar d/a d/h d/e d/l; tar tf t.tar | sort; mkdir x; tar xf t.tar -C x; cat x/d/a x/d/e/b; readlink x/d/l; stat -c %a x/d/e; stat -c '%a %Y' x/d/a x/d/e/b; [ x/d/a -ef x/d/h ] && echo linked; tar czf t.tgz d; tar tzf t.tgz | sort; tar tvf t.tar d/h | sed 's/  */ /g'; tar xOf t.tar d/e/b; tar cf - d | tar tf - | wc -l
### tar-options
mkdir d; touch d/a d/b d/c.o; tar cf t --exclude '*.o' d; tar tf t | sort; tar cf - -C d a b | tar tf -; printf 'd/a\nd/b\n' > list; tar cf - -T list | tar t; tar xf none 2>/dev/null; echo $?; tar cf u d/a; tar xvf u; echo junk | tar t 2>/dev/null; echo $?
### cpio
mkdir -p d; echo 1 > d/a; ln -s a d/l; find d | sort | cpio -o -H newc 2>/dev/null > c; cpio -t < c 2>/dev/null; mkdir x; cd x; cpio -id < ../c 2>/dev/null; cat d/a; readlink d/l; cpio -i --to-stdout d/a < ../c 2>/dev/null
### ar
echo 1 > a; echo 2 > b; printf '!<arch>\n%-16s%-12s%-6s%-6s%-8s%-10s`\n1\n' a/ 0 0 0 100644 2 > l.a; ar t l.a; ar p l.a a; mkdir x; cd x; ar x ../l.a; ls
### unzip
printf 'UEsDBAoAAAAAAAAAIVgtO69yBgAAAAYAAAAFABwAYS50eHRVVAkAA4AAk2WAAJNldXgLAAEEAAAAAAQAAAAAaGVsbG8KUEsBAh4DCgAAAAAAAAAhWC07r3IGAAAABgAAAAUAGAAAAAAAAQAAAKSBAAAAAGEudHh0VVQFAAOAAJNldXgLAAEEAAAAAAQAAAAAUEsFBgAAAAABAAEASwAAAEUAAAAAAA==' | base64 -d > z.zip; unzip -l z.zip | tail -1 | sed 's/  */ /g'; unzip -q z.zip; echo $?; cat a.txt; unzip -p z.zip a.txt
### dos2unix
printf 'a\r\nb\r\n' > f; dos2unix f; od -c f; unix2dos f; od -c f
### dd
printf 0123456789 > f; dd if=f bs=2 skip=1 count=2 2>/dev/null; echo; dd if=f of=g bs=3 seek=1 2>/dev/null; od -c g; printf abc | dd of=f bs=1 seek=2 conv=notrunc 2>/dev/null; cat f; echo; dd if=f bs=4 conv=sync 2>/dev/null | od -c; dd if=/dev/zero of=h bs=1k count=3 2>&1 | head -2; stat -c %s h; dd if=none 2>&1 | head -1; printf abcd | dd conv=swab 2>/dev/null; echo; dd if=f ibs=1 obs=5 2>&1 >/dev/null | head -2
### factor-misc
factor 12 97 1001 600851475143; basename /a/b/c.txt .txt; basename /; dirname /a/b/c; dirname x; dirname /; yes no | head -2; true; echo $?; false; echo $?; ascii | head -1 | cut -c1-3; tty; echo $?; logname 2>/dev/null; nproc > /dev/null; echo $?; arch
### timeout
timeout 1 true; echo $?; timeout 0.2 sleep 5; echo $?; timeout -s KILL 0.2 sleep 5; echo $?; timeout 5 sh -c 'exit 3'; echo $?; timeout 1 nosuch 2>/dev/null; echo $?
### sleep-time
s=$(date +%s); sleep 1; e=$(date +%s); [ $((e-s)) -ge 1 ] && [ $((e-s)) -le 5 ] && echo ok; sleep 0; usleep 1000; echo $?; sleep x 2>/dev/null; echo $?
### shuf-deterministic
seq 10 | shuf | sort -n | tr '\n' ' '; shuf -e a b c | wc -l; shuf -i 1-100 -n 5 | wc -l
### split-seq-awk
seq 100 | awk '{print > ("o" $1%3)}'; wc -l o0 o1 o2; cat o* | sort -n | md5sum
### ts-watch
echo x | ts '' | wc -l; which ls; which nosuch; echo $?; run-parts --test /nodir 2>/dev/null; echo $?; mkdir rp; printf '#!/bin/sh\necho part $1\n' > rp/one; chmod +x rp/one; run-parts -a arg ./rp
### ipcalc
ipcalc -b -n -m 192.168.1.5/24; ipcalc -p 10.0.0.1 255.255.0.0
### crypt
mkpasswd -m md5 -S abcdefgh secret 2>/dev/null || mkpasswd -m md5 -s abcdefgh secret; mkpasswd -m sha256 secret saltsalt; mkpasswd -m sha512 secret saltsalt
