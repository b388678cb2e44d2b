#!/usr/bin/env python3
"""A server's sources with one field more in one of its structures: `grow.py STRUCTURE MEMBER FIELD OUTPUT SOURCE...`: FIELD is put before MEMBER."""

import re
import sys
from pathlib import Path

structure, member, field, output, *sources = sys.argv[1:]
folder = Path(sources[0]).parent
changed = 0
for path in {Path(source) for source in sources} | set(folder.glob("*.h")):
    text, count = re.subn(rf"(\nstruct {structure} {{[^}}]*?\n)(\t{member};)", rf"\1\t{field};\n\2", path.read_text())
    changed += count
    (Path(output) / path.name).write_text(text)
if changed != 1:
    sys.exit(f"struct {structure} was found {changed} times")
