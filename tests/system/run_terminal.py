"""run: the first serial line is a terminal with echo, editing and signals; leaving the shell stops the machine."""

import os
import pty
import select
import subprocess
import time

import archive

TIME = 60


def converse(master, steps, seconds):
    """Wait for each text, then type the answer. Everything that was shown."""
    shown, end, position = b"", time.monotonic() + seconds, 0
    for expected, answer in steps:
        while expected not in shown[position:]:
            if time.monotonic() > end:
                raise AssertionError(f"waited for {expected!r} in vain; shown: {shown[-1500:]!r}")
            if select.select([master], [], [], 0.5)[0]:
                try:
                    # QEMU leaves the host's own CR before LF on; the shell asks where the cursor is.
                    shown = (shown + os.read(master, 4096)).replace(b"\r\r\n", b"\r\n").replace(b"\x1b[6n", b"")
                except OSError:
                    return shown
        position = shown.index(expected, position) + len(expected)
        time.sleep(0.7)   # the program it is meant for must have started, and set its terminal up
        os.write(master, answer)
    return shown


def test(system):
    master, slave = pty.openpty()
    process = subprocess.Popen([archive.ROOT / "atoll", "run"], stdin=slave, stdout=slave, stderr=subprocess.DEVNULL)
    os.close(slave)
    try:
        converse(master, [
            (b"# ", b"echo on$((1+1))e\r"), (b"on2e\r\n", b""), (b"# ", b"sleep 100\r"), (b"sleep 100\r\n", b"\x03"),
            (b"# ", b"echo st $?\r"), (b"st 130\r\n", b""), (b"# ", b"sleep 50\r"), (b"sleep 50\r\n", b"\x1a"),
            (b"# ", b"jobs; kill -9 %1\r"), (b"Stopped", b""), (b"# ", b"tty; stty -a\r"), (b"/dev/ttyS0\r\n", b""),
            (b"# ", b"cat\r"), (b"cat\r\n", b"abX\x7fc\r"), (b"abc\r\n", b"\x04"), (b"# ", b"exit 6\r")], TIME)
        system.equal(process.wait(20), 6, "status")
    finally:
        process.kill()
        process.wait()
        os.close(master)
