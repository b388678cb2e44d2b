# GNU's tools, and bash with pipes, jobs, traps and time-outs.
seq 30000 | gzip -9 | gzip -d | md5sum
seq 30000 | xz -1 | xz -d | md5sum
tar cf a.tar --sort=name --mtime=@0 --owner=0 --group=0 -C /usr/include/asm-generic .
mkdir x
tar xf a.tar -C x
diff -r x /usr/include/asm-generic && echo equal
find x -name '*.h' | sort | xargs cat | sha256sum
mawk 'BEGIN { for (i = 0; i < 20000; i++) s[i % 97] += i; for (k = 0; k < 97; k += 24) print k, s[k] }'
perl -e 'for my $i (1..5) { my $p = open(my $f, "-|"); if (!$p) { print "child $i\n"; exit $i } print <$f>; close $f; print $? >> 8, "\n" }'
mkfifo p
(for i in 1 2 3 4 5; do echo $i; sleep 0.02; done > p) &
cat p | paste -sd+
wait
(set -m; sleep 0.1 & sleep 0.1 & jobs -p | wc -l; wait)
(trap 'echo term; exit 3' TERM; kill -TERM $BASHPID; sleep 1)
echo $?
timeout 0.2 sleep 50
echo $?
for i in {1..30}; do (exit $((i % 7))); printf %s $?; done
echo
split -l 7000 <(seq 30000) part
ls part*
cat part* | md5sum
yes abc | head -c 2000000 | md5sum
exec 7<>f; echo hi >&7; exec 7>&-
cat f
ln -s f l
readlink l
cp -a x y
rm -rf x y
ls
