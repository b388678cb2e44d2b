#!/usr/bin/env python3
"""The upstream source of a Debian package, unpacked: `debian_source.py PACKAGE FOLDER`.

apt on most machines knows where binary packages come from and not where sources do. Both are in the same archive, so the
machine's own entries are read again as entries for sources, into lists of their own beside FOLDER; the machine's are
left as they are.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

APT = Path("/etc/apt")


class SourceError(Exception):
    pass


def one_line(text):
    """Entries of a .list file: `deb [options] address suite components`."""
    return [re.sub(r"^deb\s", "deb-src ", line) for line in text.splitlines() if re.match(r"deb\s", line)]


def stanza_entries(stanza):
    fields = {}
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.split()
    if "deb" not in fields.get("types", []):
        return []
    options = f"[signed-by={fields['signed-by'][0]}] " if fields.get("signed-by") else ""
    return [f"deb-src {options}{address} {suite} {' '.join(fields.get('components', []))}"
            for address in fields.get("uris", []) for suite in fields.get("suites", [])]


def source_entries():
    entries = []
    for path in [APT / "sources.list", *sorted((APT / "sources.list.d").glob("*"))]:
        if not path.is_file():
            continue
        text = path.read_text()
        if path.suffix == ".list":
            entries += one_line(text)
        elif path.suffix == ".sources":
            for stanza in re.split(r"\n\s*\n", text):
                entries += stanza_entries(stanza)
    # Only Debian's own archive has the package; others are not asked.
    debian = [entry for entry in entries if re.search(r"/debian(-security)?/? ", entry)]
    return debian or entries


def run(command, folder):
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode:
        raise SourceError("\n".join(done.stdout.splitlines()[-8:]))


def download(package, work):
    (work / "lists/partial").mkdir(parents=True, exist_ok=True)
    (work / "sources.list").write_text("\n".join(source_entries()) + "\n")
    options = ["-o", f"Dir::Etc::SourceList={work}/sources.list", "-o", "Dir::Etc::SourceParts=-",
               "-o", f"Dir::State::Lists={work}/lists", "-o", f"Dir::Cache={work}", "-o", "APT::Sandbox::User="]
    if os.geteuid() == 0:
        options += ["-o", "Debug::NoLocking=1"]
    run(["apt-get", *options, "-q", "update"], work)
    run(["apt-get", *options, "-q", "source", "--download-only", package], work)


def fetch(package, folder):
    """Unpack into the folder, unless it is there; it appears when all of it is there."""
    folder = Path(folder).resolve()
    if folder.exists():
        return
    work = folder.with_name(folder.name + ".download")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    download(package, work)
    archives = sorted(work.glob("*.orig.tar.*"))
    archives = [path for path in archives if not path.name.endswith(".asc")]
    if not archives:
        raise SourceError(f"{package}: no upstream archive came")
    (work / "tree").mkdir()
    run(["tar", "-xf", str(archives[0]), "-C", "tree", "--strip-components=1"], work)
    (work / "tree").rename(folder)
    shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    try:
        fetch(sys.argv[1], sys.argv[2])
    except SourceError as error:
        sys.exit(f"{sys.argv[1]}: its source cannot be had: {error}")
