"""Runs one command in a guest and passes its streams through, byte for byte.

COM1 carries standard input and output, COM2 standard error, COM3 control lines (`ready`,
`exit N`), COM4 the log. Standard input is escaped: 0x10 0x10 is the byte 0x10, 0x10 'E' its end.
Each stream has a thread of its own, so none waits for another; after the guest has ended every
stream is read to its end before the status is returned.
"""

import os
import re
import select
import sys
import threading
import time

import qemu
import symbols

ESCAPE = b"\x10"
STATUS_TIME_OUT = 124
STATUS_BROKEN = 125      # the guest did not come as far as saying how the command ended
STOP_GRACE = 10.0        # seconds from `exit N` to the machine being off
PANIC_GRACE = 1.0        # for the last words of a panic
PANIC_WORDS = (b"kernel panic on CPU",)
OFF = re.compile(rb"kernel: interrupts off for (\d+) cycles: (.*)\n")


def escape(data):
    return data.replace(ESCAPE, ESCAPE + ESCAPE)


class Streams:
    """Where the guest's input comes from and its outputs go: file descriptors."""

    def __init__(self, stdin=0, stdout=1, stderr=2):
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr


def write_all(descriptor, data):
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view):]
        except BlockingIOError:   # somebody else made our output non-blocking
            select.select([], [descriptor], [])


class Guest:
    """One running machine."""

    longest_off = (0, "")   # of all guests: cycles with interrupts off, and where; kernels of the right build tell

    def __init__(self, line, streams, log_path, last_words=PANIC_WORDS):
        self.last_words = last_words   # in the log, after which nothing good comes
        self.streams = streams
        self.log_path = log_path
        self.kernel = line[line.index("-kernel") + 1] if "-kernel" in line else None   # else it is on a disk
        self.status = None             # of the command, once COM3 has told it
        self.output_gone = False       # whoever read our output went away
        self.ready = threading.Event()
        self.finished = threading.Event()   # something to look at: exit line, panic, output gone, machine off
        self.panicked = False
        self.pipes = {name: os.pipe() for name in ("error", "control", "log")}
        self.process = self._start(line)
        self.threads = [threading.Thread(target=target, args=arguments, daemon=True) for target, arguments in (
            (self._copy, (self.process.stdout.fileno(), streams.stdout)),
            (self._copy, (self.pipes["error"][0], streams.stderr)),
            (self._control, ()), (self._log, ()))]
        for thread in self.threads:
            thread.start()
        threading.Thread(target=self._feed, daemon=True).start()
        threading.Thread(target=self._wait, daemon=True).start()

    def _start(self, line):
        line = list(line) + qemu.serial(0, "stdio,signal=off")
        for index, name in enumerate(("error", "control", "log"), 1):
            descriptor = self.pipes[name][1]
            line += ["-add-fd", f"fd={descriptor},set={index}"]
            line += qemu.serial(index, f"file,path=/dev/fdset/{index},append=on")
        process = qemu.start(line, stdin=-1, stdout=-1, pass_fds=[pipe[1] for pipe in self.pipes.values()])
        for pipe in self.pipes.values():
            os.close(pipe[1])
        return process

    def _copy(self, source, target):
        while data := os.read(source, 65536):
            if self.output_gone:
                continue
            try:
                write_all(target, data)
            except OSError:
                self.output_gone = True
                self.finished.set()

    def _control(self):
        buffer = b""
        while data := os.read(self.pipes["control"][0], 4096):
            buffer += data
            *lines, buffer = buffer.split(b"\n")
            for line in lines:
                self._control_line(line.strip())

    def _control_line(self, line):
        words = line.split()
        if words[:1] == [b"ready"]:
            self.ready.set()
        elif len(words) == 2 and words[0] == b"exit" and words[1].isdigit():
            self.status = int(words[1]) & 255
            self.finished.set()

    def _log(self):
        tail = b""
        with open(self.log_path, "wb", buffering=0) as log:
            while data := os.read(self.pipes["log"][0], 65536):
                log.write(data)
                tail = (tail + data)[-4096:]
                for match in OFF.finditer(tail):
                    if int(match[1]) > Guest.longest_off[0]:
                        Guest.longest_off = int(match[1]), self._named(match[2]).decode()
                if any(word in tail for word in self.last_words):
                    self.panicked = True
                    self.finished.set()

    def _named(self, text):
        return symbols.named(text, self.kernel) if self.kernel else text

    def _feed(self):
        """Standard input, once the guest's driver can take it. QEMU reads no faster than the line."""
        self.ready.wait()
        target = self.process.stdin.fileno()
        try:
            while data := os.read(self.streams.stdin, 65536):
                write_all(target, escape(data))
            write_all(target, ESCAPE + b"E")
        except OSError:
            pass   # the guest ended first, or there is no input at all
        if self.streams.stdin < 0:
            write_all(target, ESCAPE + b"E")

    def _wait(self):
        self.process.wait()
        self.finished.set()

    def stop(self):
        self.process.kill()
        self.process.wait()

    def drain(self):
        for thread in self.threads:
            thread.join()
        if self.kernel:
            symbols.name_file(self.log_path, self.kernel)

    def wait(self, limit):
        """Until the command has ended; its status, or one of ours."""
        if not self.finished.wait(limit):
            self.stop()
            self.drain()
            return STATUS_TIME_OUT
        if self.status is None and self.panicked:
            time.sleep(PANIC_GRACE)
        elif self.status is not None:
            try:
                self.process.wait(STOP_GRACE)
            except qemu.subprocess.TimeoutExpired:
                print("atoll: the machine did not stop by itself", file=sys.stderr)
        elif not self.output_gone:
            self.process.wait()
        self.stop()
        self.drain()
        if self.output_gone:
            return 128 + 13
        return STATUS_BROKEN if self.status is None else self.status


def tail(path, lines=40):
    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.rstrip().splitlines()[-lines:])


def explain(status, guest, limit):
    """Say on standard error why there is no status of the command."""
    if status == STATUS_TIME_OUT:
        print(f"atoll: no end after {limit:g} seconds; the guest was stopped", file=sys.stderr)
    elif status == STATUS_BROKEN and guest.status is None:
        why = "the kernel panicked" if guest.panicked else "the machine stopped before the command had ended"
        print(f"atoll: {why}; the end of its log:", file=sys.stderr)
        print(tail(guest.log_path), file=sys.stderr)
