"""docs/reference says what abi/, protocols/ and the Linux call table declare now."""

import subprocess
from pathlib import Path

import archive

TIME = 30


def test(system):
    made = Path(system.folder) / "reference"
    made.mkdir()
    root = archive.ROOT
    subprocess.run(["python3", root / "tools/generate.py", "--documents", made], check=True)
    subprocess.run(["python3", root / "personality/linux/generate_syscalls.py", "--document",
                    made / "linux-system-calls.md"], check=True)
    for page in sorted(made.iterdir()):
        kept = root / "docs/reference" / page.name
        assert kept.exists() and kept.read_text() == page.read_text(), \
            f"{page.name} is out of date: tools/generate.py --documents docs/reference"
