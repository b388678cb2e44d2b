"""Debian's own dynamic programs (bash, perl, coreutils with their libraries) run and say what they say here."""

import subprocess
from pathlib import Path

from debian import tree

TIME = 90
PROGRAMS = ["/bin/bash", "/usr/bin/perl", "/bin/ls", "/usr/bin/sort", "/bin/cat", "/bin/grep", "/bin/sed", "/usr/bin/wc",
            "/usr/bin/head", "/usr/bin/env", "/usr/bin/id", "/usr/bin/find", "/bin/date", "/usr/bin/md5sum",
            "/usr/bin/seq", "/usr/bin/tr", "/usr/bin/xargs", "/bin/tar", "/bin/gzip", "/usr/bin/stat", "/bin/sleep",
            "/bin/mkdir", "/usr/bin/touch", "/bin/echo", "/bin/sh"]
SCRIPT = r"""
cd /tmp; declare -A m=([one]=1 [two]=2); echo "${m[one]}${m[two]} ${BASH_VERSINFO[0]}"
for i in {1..5}; do echo $((i * i)); done | sort -rn | head -2
while read -r a b; do echo "$b $a"; done < <(echo x y; echo z w)
coproc cat; echo through >&"${COPROC[1]}"; read -r l <&"${COPROC[0]}"; echo "$l"
seq 1000 | xargs -n 100 | wc -l; seq 50000 | sort | md5sum; echo 'a b' | tr ' ' '\n' | sed 's/./[&]/'
mkdir d; date -u -d @86400 +%F; touch -d @0 d/f; stat -c '%Y %a %F' d/f; tar c d | gzip | gzip -d | tar t
perl -e 'my %h; $h{$_ % 7}++ for 1..1000; print join(",", map {"$_=$h{$_}"} sort keys %h), "\n"; print `echo sub`;
    my $p = fork; if (!$p) { exit 3 } waitpid $p, 0; print $? >> 8, "\n"; local $SIG{ALRM} = sub { print "alarm\n" };
    alarm 1; select undef, undef, undef, 3; open my $f, ">", "x" or die; print $f "y" x 100000; close $f; print -s "x", "\n"'
find d -type f -exec ls -s {} +; env -i A=1 env; id -u; (exit 9); echo $?; trap 'echo bye' EXIT; kill -0 $$ && echo alive
"""


def test(system):
    top = Path(system.folder) / "debian"
    tree.add(top, PROGRAMS)
    script = f"export PATH=/usr/bin:/bin LC_ALL=C; {SCRIPT}"
    scratch = Path(system.folder) / "scratch"
    scratch.mkdir()
    here = subprocess.run(["/bin/bash", "-c", script.replace("cd /tmp;", f"cd {scratch};", 1)], capture_output=True)
    done = system.execute(["/bin/bash", "-c", script], root=str(top), mem="512M")
    system.equal((done.output, done.status), (here.stdout, here.returncode))
