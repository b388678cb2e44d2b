"""The serial driver and the terminal server die at one store after the other, or are ended again and again, one or both, while
somebody works at the serial terminal: what is shown is the same as without, byte for byte."""

import os
import random
import re
import select
import subprocess
import time
from pathlib import Path

import archive
import build
import machine
import qemu

TIME = 100
CPUS = (1, 4)
MANIFEST = "service killer\nsupervise\nlimit none\npriority driver\nargument 8000\n{victims}"
VICTIMS = ("serial0",), ("tty",), ("serial0", "tty")
COUNTED = {name: build.BUILD / f"{name}-counted" for name in ("uart", "tty")}
PROMPT = b"/ # "
PASTE = [random.Random(3).randbytes(30).hex().encode() for _ in range(300)]

# What to wait for, and what to type then.
STEPS = (
    (PROMPT, b"echo on$((1+1))e\r"), (b"on2e\r\n" + PROMPT, b"abX\x7f\x7f\x7fecho edited\x1b[D\x1b[D\x1b[3~\r"),
    (PROMPT, b"echo g''o; sleep 1\r"), (b"go\r\n", b"echo typed ahead\recho and ag\x7f\x7f\x7fmore\r"),
    (b"typed ahead\r\n" + PROMPT, b""), (b"more\r\n" + PROMPT, b"echo g''o; sleep 100\r"), (b"go\r\n", b"\x03"),
    (PROMPT, b"echo st $?\r"), (b"st 130\r\n" + PROMPT, b"sh -c 'echo g''o; sleep 1; echo woken; sleep 100'\r"), (b"go\r\n", b"\x1a"),
    (b"Stopped", b""), (PROMPT, b"jobs\r"), (b"Stopped", b""), (PROMPT, b"fg\r"), (b"woken\r\n", b"\x03"), (PROMPT, b"jobs; echo none\r"),
    (b"none\r\n" + PROMPT, b"echo g''o; md5sum\r"), (b"go\r\n", b"\r".join(PASTE) + b"\r\x04"),
    (b"  -\r\n" + PROMPT, b"seq 1 4000 | tee /tmp/o; md5sum /tmp/o\r"), (b"/tmp/o\r\n" + PROMPT, b"stty -a | grep -o 'echo '; stty -echo\r"),
    (PROMPT, b"pseudo 2; cat /tmp/hung\r"), (b"hung up\r\nhung up\r\n" + PROMPT, b"stty echo; exit 6\r"))


class Session:
    """A guest whose first serial line is ours."""

    def __init__(self, system, programs, replaced=None, services=None):
        folder = Path(system.folder)
        options = system.options()
        path = machine.archive_for(folder, options, "run", ["/bin/sh"], dict(machine.ENVIRONMENT, TERM="vt102"))
        with open(path, "ab") as output:
            output.write(archive.changed_part(build.BUILD, replaced or {}, services or {}, {}, programs))
        line = machine.command_line(options, machine.kernel(options), path) + qemu.serial(0, "stdio,signal=off")
        self.log = folder / "log"
        for index, name in enumerate(("error", "control", "log"), 1):
            line += qemu.file_serial(index, folder / name)
        self.process = qemu.start(line, stdin=-1, stdout=-1)
        self.limit = time.monotonic() + system.limit
        self.shown, self.seen = b"", 0

    def read(self, what):
        """More of what is shown; False: the machine is off."""
        output = self.process.stdout.fileno()
        ready = select.select([output], [], [], max(0, self.limit - time.monotonic()))[0]
        if not ready:
            self.process.kill()
            raise AssertionError(f"waited for {what!r} in vain; shown: {self.shown[-1500:]!r}; log: {self.log.read_text()[-1500:]}")
        data = os.read(output, 65536)
        self.shown = (self.shown + data).replace(b"\x1b[6n", b"")   # the shell asks where the cursor is
        return data

    def expect(self, text):
        while text not in self.shown[self.seen:]:
            assert self.read(text), f"the machine stopped; shown: {self.shown[-1500:]!r}"
        self.seen = self.shown.index(text, self.seen) + len(text)

    def run(self):
        for text, answer in STEPS:
            self.expect(text)
            time.sleep(0.2)   # the program it is meant for must have started, and set its terminal up
            self.process.stdin.write(answer)
            self.process.stdin.flush()
        while self.read("the end"):
            pass
        self.process.wait()
        return self.shown


def programs(system):
    path = Path(system.folder) / "pseudo"
    source = build.ROOT / "tests/system/crash/pseudo.c"
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", source, "-o", path], check=True)
    return {"pseudo": path}


def test(system):
    needed = programs(system)
    whole = Session(system, needed).run()
    session = Session(system, needed, COUNTED)
    system.equal(session.run(), whole, "what is shown while both die at stores")
    log = session.log.read_text(errors="replace")
    for name, least in ("serial0", 3), ("tty", 40):   # as many as the session has calls, at one CPU some 200
        deaths = len(re.findall(f"{name} died", log))
        assert deaths > least, f"{name}: only {deaths} deaths\n{log[-2000:]}"
    assert "given up" not in log and "refused" not in log, log[-2000:]
    for victims in VICTIMS if system.long else ():
        manifest = MANIFEST.format(victims="".join(f"argument {name}\n" for name in victims))
        session = Session(system, needed, services={"killer": (build.BUILD / "killer", manifest)})
        system.equal(session.run(), whole, f"what is shown while {' and '.join(victims)} are ended")
        log = session.log.read_text(errors="replace")
        kills = [int(number) for number in re.findall(r"killer: (\d+) kills", log)]
        assert kills and "given up" not in log and "refused" not in log, log[-2000:]
