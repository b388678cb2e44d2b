#!/usr/bin/env python3
"""Generate everything that follows from abi/kernel.def and protocols/*.proto.

    tools/generate.py --output DIRECTORY [--documents DIRECTORY] [--list]

Files whose content does not change are left alone, so that nothing is rebuilt in vain.
"""

import argparse
import re
from pathlib import Path

import definitions
import generate_fuzz
import generate_kernel
import generate_protocol

ROOT = Path(__file__).resolve().parent.parent


def structure_headers():
    """struct name -> the header under protocols/ that declares it."""
    found = {}
    for path in sorted((ROOT / "protocols").glob("*.h")):
        for name in re.findall(r"^struct (\w+) \{", path.read_text(), re.MULTILINE):
            found[name] = f"protocols/{path.name}"
    return found


def check_names(calls, protocols):
    """A kernel call and a protocol's stub must not share a C name: programs include both."""
    stubs = {call.name for call in calls if not call.is_message}
    for protocol in protocols:
        for operation in protocol.operations:
            if f"{protocol.name}_{operation.name}" in stubs:
                raise SystemExit(f"{protocol.name}_{operation.name} is also a kernel call")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="where the C files go")
    parser.add_argument("--documents", type=Path, help="where the reference pages go")
    parser.add_argument("--list", action="store_true", help="only name the C files that would be written")
    options = parser.parse_args()
    calls = definitions.read_kernel(ROOT / "abi" / "kernel.def")
    protocols = [definitions.read_protocol(path) for path in sorted((ROOT / "protocols").glob("*.proto"))]
    check_names(calls, protocols)
    headers = structure_headers()
    files = generate_kernel.files(calls)
    files["protocol_support.h"] = generate_protocol.SUPPORT
    for protocol in protocols:
        files[f"protocol_{protocol.name}.h"] = generate_protocol.header(protocol, headers)
    files.update(generate_fuzz.files(calls, protocols))
    if options.list:
        print("\n".join(files))
        return
    if options.output:
        for name, text in files.items():
            write(options.output / name, text)
    if options.documents:
        write(options.documents / "kernel-calls.md", generate_kernel.reference(calls))
        for protocol in protocols:
            write(options.documents / f"protocol-{protocol.name}.md", generate_protocol.reference(protocol))


if __name__ == "__main__":
    main()
