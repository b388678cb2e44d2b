"""Other builds of servers, as a test puts them into the guest."""

import subprocess
from pathlib import Path

import build


def stripped(folder, **names):
    """{name: path} for System.execute: programs of the build directory without what only a debugger needs."""
    found = {}
    for name, program in names.items():
        found[name] = Path(folder) / f"{program}.update"
        subprocess.run(["strip", "-g", "-o", found[name], build.BUILD / program], check=True)
    return found


def wholly_stripped(folder, program):
    path = Path(folder) / f"{program}.stripped"
    subprocess.run(["strip", "-o", path, build.BUILD / program], check=True)
    return path
