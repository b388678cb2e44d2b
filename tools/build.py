"""Configures and builds with Meson and Ninja in build/, quietly unless something fails."""

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import parts

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("ATOLL_BUILD", ROOT / "build"))
CACHE = BUILD / "cache"


class BuildError(Exception):
    """The build failed; the message is the tool's output."""


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode:
        # What the compilers said, without the commands and the progress.
        lines = [line for line in done.stdout.splitlines() if len(line) < 400 and not line.startswith("[")]
        raise BuildError("\n".join(lines).strip())


def configure():
    """Set the build directory up, again when a directory of sources has come or gone."""
    stamp = BUILD / "parts"
    wanted = parts.everything()
    if (BUILD / "build.ninja").exists():
        if stamp.exists() and stamp.read_text() == wanted:
            return
        run(["meson", "setup", "--reconfigure", str(BUILD), str(ROOT)])
    else:
        run(["meson", "setup", str(BUILD), str(ROOT)])
    stamp.write_text(wanted)


def build(*targets):
    """Bring targets up to date. Says that it builds only when it takes a moment."""
    BUILD.mkdir(exist_ok=True)
    notice = threading.Timer(2.0, lambda: print("atoll: building ...", file=sys.stderr, flush=True))
    notice.daemon = True
    with open(BUILD / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        notice.start()
        try:
            configure()
            run(["ninja", "-C", str(BUILD), "-j", str(os.cpu_count() or 1), *targets])
        finally:
            notice.cancel()
