"""Files that several threads or processes may make at the same time."""

import contextlib
import tempfile
from pathlib import Path


@contextlib.contextmanager
def whole(path):
    """A name to write to. The file is at `path` when all of it has been written, and not before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        partial = Path(folder) / path.name
        yield partial
        partial.replace(path)
