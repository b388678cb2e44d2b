#!/usr/bin/env python3
"""Compiles Debian's Lua, unmodified, as recoverable code and links the test of it: `host_lua.py --cache FOLDER --output PROGRAM
--allowed FILE --arguments 'COMPILER ARGUMENTS' LINKED...`. Where its source cannot be had, PROGRAM says so and fails."""

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import debian_source

HERE = Path(__file__).resolve().parent
PACKAGE = "lua5.4"
LEFT_OUT = {"lua.c", "luac.c", "linit.c", "loadlib.c", "liolib.c", "loslib.c", "ldblib.c", "lmathlib.c", "lutf8lib.c",
            "ltests.c"}


def compile_all(sources, objects, arguments):
    def one(source):
        result = objects / (source.stem + ".o")
        subprocess.run(["gcc", *arguments, "-c", str(source), "-o", str(result)], check=True)
        return str(result)
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, sources))


def failing_program(path, reason):
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{reason}\nEND\nexit 1\n")
    path.chmod(0o755)


def main():
    parser = argparse.ArgumentParser()
    for name in ("cache", "output", "allowed", "arguments", "test"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("linked", nargs="+")
    options = parser.parse_args()
    output, tree = Path(options.output), Path(options.cache) / PACKAGE
    try:
        debian_source.fetch(PACKAGE, tree)
    except debian_source.SourceError as error:
        failing_program(output, f"{PACKAGE}: its source cannot be had:\n{error}")
        return
    objects = Path(options.cache) / f"{PACKAGE}.objects"
    objects.mkdir(exist_ok=True)
    sources = sorted(path for path in (tree / "src").glob("*.c") if path.name not in LEFT_OUT)
    compiled = compile_all(sources, objects, options.arguments.split())
    subprocess.run([sys.executable, str(HERE / "stash_check.py"), "--allowed", options.allowed, "--stamp",
                    str(objects / "checked"), *compiled], check=True)
    subprocess.run(["gcc", "-O1", "-g", "-no-pie", "-fno-pie", f"-I{tree / 'src'}", "-I", str(HERE.parent / "lib"),
                    "-I", str(HERE.parent / "tests/host"), options.test, *compiled, *options.linked, "-lm",
                    "-o", str(output)], check=True)


if __name__ == "__main__":
    main()
