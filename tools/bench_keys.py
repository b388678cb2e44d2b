"""How long a key takes, from the serial line to the answer of a program that has busy ones beside it.

The guest's clock counts its instructions, and stands still while the machine is stopped. So the machine is stopped,
its power-management timer is read, the key is put into the serial line, and the machine goes on; the program tells the
clock's time when its answer was out (bench/linux/terminal.c). Whatever this machine does meanwhile, only the moment of
the key is left to chance.
"""

import json
import re
import socket
import tempfile
import time
from pathlib import Path

import archive
import bench_guest
import build
import machine
import qemu

KEYS, BUSY = 40, 8
TIME_SLICE = 4_000_000          # nanoseconds: kernel/sched/scheduler.h
PATIENCE = 60                   # seconds
TIMER_PORT, TIMER_HERTZ, TIMER_MASK = 0x608, 3_579_545, (1 << 24) - 1   # ACPI's, where the firmware puts it


class Monitor:
    """QEMU's QMP."""

    def __init__(self, end):
        self.file = end.makefile("rw")
        self.file.readline()
        self.tell("qmp_capabilities")

    def tell(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "return" in answer:
                return answer["return"]
            assert "error" not in answer, answer

    def timer(self):
        text = self.tell("human-monitor-command", **{"command-line": f"i /w {TIMER_PORT:#x}"})
        return int(re.search(r"= (0x\w+)", text)[1], 16) & TIMER_MASK


class Line:
    """Our end of the guest's serial line."""

    def __init__(self, end):
        self.end, self.text = end, b""

    def until(self, pattern):
        """Read on until it matches; what comes behind is left for the next."""
        limit = time.monotonic() + PATIENCE
        while not (match := re.search(pattern, self.text)):
            self.end.settimeout(max(0.1, limit - time.monotonic()))
            data = self.end.recv(4096)
            assert data, f"the line is closed; it said {self.text[-300:]!r}"
            self.text += data
        self.text = self.text[match.end():]
        return match


def press(monitor, line):
    """One key: nanoseconds until its answer was out."""
    monitor.tell("stop")
    pressed = monitor.timer()
    line.end.sendall(b"x")
    monitor.tell("cont")
    answered = int(line.until(rb"x (\d+)\s")[1]) * TIMER_HERTZ // 1_000_000_000
    return ((answered - pressed) & TIMER_MASK) * 1_000_000_000 / TIMER_HERTZ


def start(folder):
    """A guest whose terminal is ours: (process, monitor, line)."""
    folder = Path(folder)
    tree, path = folder / "tree", folder / "archive"
    (tree / "bin").mkdir(parents=True)
    program = tree / "bin/bench"
    program.write_bytes(archive.stripped(build.BUILD / "linux-bench", build.BUILD))
    program.chmod(0o755)
    options = bench_guest.options(True, "max")
    options.root = str(tree)
    path = machine.archive_for(folder, options, "run", ["/bin/bench", "echo"], dict(machine.ENVIRONMENT))
    ends = {name: socket.socketpair() for name in ("line", "monitor")}
    command = machine.command_line(options, machine.kernel(options), path)
    for index, name in enumerate(("error", "control", "log"), 1):
        command += qemu.file_serial(index, folder / name)
    command += qemu.serial(0, f"socket,fd={ends['line'][1].fileno()}")
    command += ["-chardev", f"socket,id=monitor,fd={ends['monitor'][1].fileno()}", "-mon", "chardev=monitor,mode=control"]
    process = qemu.start(command, pass_fds=[ends[name][1].fileno() for name in ends], stdin=-3)
    for name in ends:
        ends[name][1].close()
    return process, Monitor(ends["monitor"][0]), Line(ends["line"][0])


def answers(keys=KEYS):
    """The time of each key."""
    with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
        process, monitor, line = start(folder)
        try:
            line.until(rb"keys\r?\n")
            press(monitor, line)   # until then it has its start to pay for, which the busy ones have not
            times = []
            for _ in range(keys):
                time.sleep(0.02)   # the programs beside it run on
                times.append(press(monitor, line))
            line.end.sendall(b"q")
            busy = int(line.until(rb"busy (\d+)\r?\n")[1])
            assert busy == BUSY, f"{busy} programs were busy"
            return times
        finally:
            process.kill()
            process.wait()
