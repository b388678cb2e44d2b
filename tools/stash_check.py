#!/usr/bin/env python3
"""Is everything in recoverable code recoverable? `stash_check.py --allowed FILE --stamp STAMP OBJECT...`

Every object must carry the mark of the compiler plugin (a section), must keep no variable outside of the stash, and
must call nothing but objects in the same list, what replaces the C library's functions, and functions named in FILE: those
that keep no state of the server and write nothing of the stash.
"""

import argparse
import subprocess
import sys
from pathlib import Path

MARK = ".stash_hooks"
EMPTY_SECTIONS = (".data", ".bss")
NOT_STATE = ".bss.not_state"   # lib/server/server.h


def lines(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def sections(path):
    """Name and size of each."""
    found = {}
    for line in lines("readelf", "-SW", path):
        if "]" not in line:
            continue
        fields = line.split("]", 1)[1].split()
        if len(fields) > 5 and fields[0].startswith("."):
            found[fields[0]] = int(fields[4], 16)
    return found


def symbols(path):
    defined, undefined = set(), set()
    for line in lines("nm", "-P", path):
        name, kind = line.split()[:2]
        if kind in "Uw":
            undefined.add(name)
        elif kind.isupper() or kind == "u":
            defined.add(name)
    return defined, undefined


def allowed_names(path):
    return {word for line in Path(path).read_text().splitlines() for word in line.split("#")[0].split()}


def complaints(objects, allowed):
    defined, wanted = set(), {}
    for path in objects:
        if path.endswith(".S.o"):
            continue   # assembly has no hooks: who calls it must be allowed to
        found = sections(path)
        name = Path(path).name
        if MARK not in found:
            yield f"{name}: compiled without the hooks"
        for section, size in found.items():
            if section == NOT_STATE:
                continue
            if size and (section in EMPTY_SECTIONS or section.startswith(tuple(f"{one}." for one in EMPTY_SECTIONS))
                         and not section.startswith(".data.rel.ro")):
                yield f"{name}: variables outside of the stash, in {section}"
        here, missing = symbols(path)
        defined |= here
        for symbol in missing:
            wanted.setdefault(symbol, name)
    for symbol, name in sorted(wanted.items()):
        if symbol not in defined | allowed and not symbol.startswith("stash_"):
            yield f"{name}: calls {symbol}, which is not recoverable and not in the list of what may be called"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--allowed", required=True)
    parser.add_argument("--stamp", required=True)
    parser.add_argument("objects", nargs="+")
    options = parser.parse_args()
    found = list(complaints(options.objects, allowed_names(options.allowed)))
    if found:
        sys.exit("\n".join(found))
    Path(options.stamp).write_text("")


if __name__ == "__main__":
    main()
