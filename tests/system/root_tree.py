"""--root: a directory, a tar and a cpio archive become / with modes, links and empty directories."""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

TIME = 60
SCRIPT = """cat /data/hello; cat /data/link; stat -c '%a %F %n' /data/hello /data/empty /bin/tool; /bin/tool
[ /data/hello -ef /data/hard ] && echo same; [ -c /dev/null ] && echo device; ls /data; exit 5"""
EXPECTED = b"""hi
hi
640 regular file /data/hello
700 directory /data/empty
755 regular file /bin/tool
tool runs
same
device
empty
hard
hello
link
"""


def make(top):
    (top / "bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", top / "bin/busybox")
    for name in ("sh", "cat", "stat", "ls", "echo", "["):
        os.symlink("busybox", top / "bin" / name)
    (top / "bin/tool").write_text("#!/bin/sh\necho tool runs\n")
    os.chmod(top / "bin/tool", 0o755)
    (top / "data/empty").mkdir(parents=True)
    os.chmod(top / "data/empty", 0o700)
    (top / "data/hello").write_text("hi\n")
    os.chmod(top / "data/hello", 0o640)
    os.link(top / "data/hello", top / "data/hard")
    os.symlink("hello", top / "data/link")


def test(system):
    top = Path(system.folder) / "tree"
    make(top)
    with tarfile.open(Path(system.folder) / "tree.tar.gz", "w:gz") as archive:
        archive.add(top, ".")
    names = "\n".join(str(path.relative_to(top)) for path in sorted(top.rglob("*")))
    with open(Path(system.folder) / "tree.cpio", "wb") as output:
        subprocess.run(["busybox", "cpio", "-o", "-H", "newc"], input=names.encode(), stdout=output,
                       stderr=subprocess.DEVNULL, cwd=top, check=True)
    for name in ("tree", "tree.tar.gz", "tree.cpio"):
        done = system.shell(SCRIPT, root=str(Path(system.folder) / name))
        system.equal((done.output, done.status), (EXPECTED, 5), name)
