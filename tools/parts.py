#!/usr/bin/env python3
"""The parts of the tree that have something to build, one a line: `parts.py servers drivers ...`.

The build asks this when it is configured; the front door asks again before each build and
reconfigures when the answer has changed.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def parts(folder):
    return sorted(path.parent.name for path in (ROOT / folder).glob("*/meson.build"))


def everything():
    """What the configuration depends on: every folder with a list, every protocol's name."""
    lists = sorted(str(path.relative_to(ROOT)) for pattern in
                   ("kernel/**/meson.build", "lib/*/meson.build", "servers/*/meson.build", "drivers/*/meson.build",
                    "personality/*/meson.build", "tests/*/meson.build", "bench/*/meson.build", "protocols/*.proto")
                   for path in ROOT.glob(pattern))
    return "\n".join(lists)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print("\n".join(parts(name)))
