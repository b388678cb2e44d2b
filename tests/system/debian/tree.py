"""A root tree of Debian's own programs, as this machine has them: each with its libraries."""

import re
import shutil
import subprocess
from pathlib import Path

HEADERS = ("bits", "sys", "asm", "gnu", "linux", "asm-generic", "x86_64-linux-gnu")
LEFT_OUT = shutil.ignore_patterns("test*", "idlelib", "__pycache__", "ensurepip", "lib2to3", "config-*", "pydoc_data", "distutils", "dist-packages")
COMPILERS = ("cc1", "collect2", "lto-wrapper")
LINKED = ("crtbeginT.o", "crtend.o", "crt1.o", "crti.o", "crtn.o", "libgcc.a", "libgcc_eh.a", "libc.a")


def libraries(program):
    listing = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return re.findall(r"(/\S+)", listing)


def copy(path, top):
    target = top / Path(path).relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copy(Path(path).resolve(), target)


def add(top, programs):
    for program in programs:
        for path in [program, *libraries(program)]:
            copy(path, top)
    copy("/etc/passwd", top)


def folder_add(top, path, ignore=None):
    shutil.copytree(path, top / path[1:], dirs_exist_ok=True, ignore=ignore)


def compiler_add(top):
    """gcc, for C and static programs."""
    def place(kind, name):
        return subprocess.run(["/usr/bin/gcc", f"-print-{kind}-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
    add(top, ["/usr/bin/gcc", "/usr/bin/as", "/usr/bin/ld", *(place("prog", name) for name in COMPILERS)])
    for name in LINKED:
        copy(place("file", name), top)
    folder_add(top, place("file", "include"))
    for name in HEADERS:
        if Path(f"/usr/include/{name}").exists():
            folder_add(top, f"/usr/include/{name}")
    for header in Path("/usr/include").glob("*.h"):
        copy(header, top)


def python_add(top):
    add(top, ["/usr/bin/python3.11"])
    folder_add(top, "/usr/lib/python3.11", LEFT_OUT)
    for library in Path("/usr/lib/python3.11/lib-dynload").glob("*.so"):
        for path in libraries(str(library)):
            copy(path, top)
