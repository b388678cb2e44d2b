"""The status of ./atoll exec is the command's, as a shell tells it."""

import os
import shutil
from pathlib import Path

TIME = 90


def test(system):
    for script, status in (("exit 0", 0), ("exit 255", 255), ("kill -TERM $$", 143), ("kill -KILL $$", 137)):
        done = system.shell(script)
        system.equal(done.status, status, script)
        system.equal(done.output, b"", "standard output")
    done = system.shell("for i in 1 2 3; do echo $i; done | sort -r | tr 1-3 a-c; exit 7")
    system.equal((done.output, done.status), (b"c\nb\na\n", 7))
    root = Path(system.folder) / "tree"
    (root / "bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    os.symlink("busybox", root / "bin/sh")
    for name, text, mode in (("script", "#!/bin/sh\necho $0 $#; exit 3\n", 0o755), ("text", "echo\n", 0o755),
                             ("lost", "#!/nowhere\n", 0o755), ("data", "", 0o644)):
        (root / name).write_text(text)
        os.chmod(root / name, mode)
    for name, status, output, error in (
            ("/script", 3, b"/script 2\n", b""),
            ("/text", 126, b"", b"atoll: /text: not a program\n"), ("/data", 126, b"", b"atoll: /data: permission denied\n"),
            ("/bin", 126, b"", b"atoll: /bin: permission denied\n"), ("/lost", 127, b"", b"atoll: /lost: not found\n")):
        done = system.execute([name, "a", "b c"], root=str(root))
        system.equal((done.status, done.output, done.error), (status, output, error), name)
