"""A kernel panic says what is wrong, and the log that is kept names the functions it came through."""

import re
from pathlib import Path

import machine

KERNEL = "debug"


def test(system):
    archive = Path(system.folder) / "archive"
    archive.write_bytes(bytes(512))   # nothing to start
    options = system.options()
    log = system._boot(machine.command_line(options, machine.kernel(options), archive), b"").log
    system.contains(log, "kernel panic on CPU 0: the boot archive")
    called = re.findall(r"^  ffffffff8[0-9a-f]{7} (\w+)\+0x[0-9a-f]+$", log, re.MULTILINE)
    for name in ("panic", "root_start", "kernel_main", "boot_main"):
        assert name in called, f"{name} is not in the backtrace:\n{log[-2000:]}"
    assert not re.search(r"^  ffffffff8\w+$", log, re.MULTILINE), "an address without a name"
