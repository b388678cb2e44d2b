"""A request that kills its server every time is answered with an error, and it alone."""

import re
import subprocess
from pathlib import Path

import build

SOURCE = build.ROOT / "tests/system/crash/deadly.c"


def test(system):
    root = Path(system.folder) / "root"
    (root / "bin").mkdir(parents=True)
    subprocess.run(["gcc", "-O2", "-static", SOURCE, "-o", root / "bin/deadly"], check=True)
    done = system.execute(["/bin/deadly"], root=str(root), replaced={"pipe": build.BUILD / "pipe-deadly"})
    system.equal((done.output, done.status), (b"1999 1 0, in the end set\n", 0))
    assert len(re.findall("pipe died", done.log)) == 3, done.log
    assert len(re.findall("has killed its server 3 times and is refused", done.log)) == 1, done.log
