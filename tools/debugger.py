"""Servers attacked from outside of the machine, as a person with gdb would: QEMU's gdb stub stops the guest at instructions of
theirs, chosen by chance among all that they have, and what makes them end is done there.

The protocol is gdb's remote serial protocol (gdb's manual, appendix E). Breakpoints of the stub do not change memory.
"""

import difflib
import random
import re
import socket
import struct
import threading
import time
from pathlib import Path

import archive
import build
import fault_campaign
import fault_text

PACKET = re.compile(rb"\$([^#]*)#..")
RIP = 16                    # number of the register; in the answer to `g` each up to it has 16 digits
NOWHERE = (0, 1 << 63)      # not mapped; not an address (SDM 1, 3.3.7.1)
LINKED_AT = 0x400000        # native programs
SEGMENTS = slice(64, 400)   # bytes of a program's file and image: its segments (ELF-64, after the header), by which it is known
POINTS = 60                 # breakpoints at a time
WAIT = 0.3                  # seconds for one of them to be met
REST = 0.5                  # seconds of the guest's in which a server that was ended comes back and answers: a call that ends its
                            # server three times is refused
ANSWER = 20                 # seconds for the stub to say anything
SEED = 1
LINES = 20                  # to serial lines, in each round of the load


class Stub:
    """The connection to a guest, which runs or is stopped."""

    def __init__(self, path):
        self.socket, self.kept = socket.socket(socket.AF_UNIX), b""
        end = time.monotonic() + ANSWER
        while self.socket.connect_ex(str(path)) != 0:
            if time.monotonic() > end:
                raise OSError("no gdb stub")
            time.sleep(0.02)
        self.ask("qSupported")
        self.ask("qXfer:features:read:target.xml:0,1000")   # before that QEMU sets no single register

    def send(self, text):
        self.socket.sendall(b"$%s#%02x" % (text.encode(), sum(text.encode()) & 255))

    def receive(self, seconds=ANSWER):
        """A packet; None: it has not come."""
        end = time.monotonic() + seconds
        while not (match := PACKET.search(self.kept)):
            self.socket.settimeout(max(end - time.monotonic(), 0.001))
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                return None
            if not data:
                raise OSError("the guest is gone")
            self.kept += data
        self.kept = self.kept[match.end():]
        self.socket.sendall(b"+")
        return match[1].decode()

    def ask(self, text):
        self.send(text)
        return self.receive()

    def stop(self):
        self.socket.sendall(b"\x03")
        return self.receive()

    def go(self, seconds):
        """Until it stops by itself: why, the CPU in question chosen; None: it did not, and is stopped now."""
        self.send("c")
        stopped = self.receive(seconds)
        if stopped is None:
            self.stop()
        elif match := re.search("thread:([^;]+)", stopped):
            self.ask("Hg" + match[1])
        return stopped

    def place(self):
        return struct.unpack("<Q", bytes.fromhex(self.ask("g")[16 * RIP:16 * RIP + 16]))[0]

    def memory(self, address, size):
        """None: not all of it is there."""
        answer = self.ask(f"m{address:x},{size:x}")
        return bytes.fromhex(answer) if len(answer) == 2 * size else None


class Program:
    """A server's file: its functions, each a list of instructions."""

    def __init__(self, name):
        path = build.BUILD / name
        self.name, self.image, self.functions, self.names = name, path.read_bytes(), [], []
        for address, _, symbol in fault_text.listing(path):
            if symbol:
                self.functions.append([])
                self.names.append(symbol)
            else:
                self.functions[-1].append(int(address, 16))

    def place(self, function):
        return self.functions[self.names.index(function)][0]

    def point(self, chance):
        return chance.choice(chance.choice(self.functions))

    def runs_at(self, stub):
        """Or another program, at the same address? What is about the place says little: much of a server is lib/server, the same in all."""
        return stub.memory(LINKED_AT + SEGMENTS.start, SEGMENTS.stop - SEGMENTS.start) == self.image[SEGMENTS]


def programs():
    """Those of all services, and the supervisor."""
    manifests = archive.manifests()
    return [Program(name) for name in sorted({archive.program_of(name, text) for name, text in manifests.items()} | {"supervisor"})]


def must(answer):
    if answer != "OK":
        raise RuntimeError(f"the stub would not: {answer!r}")


def jump_nowhere(stub, place):
    must(stub.ask(f"P{RIP:x}={struct.pack('<Q', NOWHERE[place % len(NOWHERE)]).hex()}"))


def breakpoint_into_code(stub, place):
    """Into memory that all incarnations share."""
    must(stub.ask(f"M{place:x},1:cc"))


def loop_into_code(stub, place):
    must(stub.ask(f"M{place:x},2:ebfe"))


class Attack(threading.Thread):
    """`harms`: what is done, one of them each time; `times`: at most so often in a row at one place; `apart`: seconds, about; `spared`:
    the program to which nothing is done."""

    def __init__(self, socket_path, seed, seconds, harms, times, apart, spared=None):
        super().__init__(daemon=True)
        self.path, self.chance, self.seconds = socket_path, random.Random(seed), seconds
        self.harms, self.times, self.apart, self.spared = harms, times, apart, spared
        self.done = []   # (program, place, harm)
        self.ran, self.ended = 0, {}   # seconds of the guest's; the last end of each program

    def run(self):
        try:
            self.go_on([program for program in programs() if program.name != self.spared], Stub(self.path))
        except OSError:
            pass   # the guest has come to its end

    def go_on(self, targets, stub):
        stub.stop()
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            self.go(stub, self.apart * 2 * self.chance.random() if self.chance.random() < 0.5 else 0.001)
            rested = [target for target in targets if self.ran - self.ended.get(target.name, -REST) >= REST]
            if rested:
                self.once(stub, rested)
        stub.send("c")
        stub.receive(self.seconds * 1000)

    def go(self, stub, seconds):
        before = time.monotonic()
        stopped = stub.go(seconds)
        self.ran += time.monotonic() - before
        return stopped

    def once(self, stub, targets):
        points = {}
        for _ in range(POINTS):
            target = self.chance.choice(targets)
            points[target.point(self.chance)] = target
        for place in points:
            stub.ask(f"Z0,{place:x},1")
        self.harm(stub, points, self.chance.randint(1, self.times))
        for place in points:
            stub.ask(f"z0,{place:x},1")

    def harm(self, stub, points, times):
        only, end = None, time.monotonic() + WAIT
        while times and time.monotonic() < end and self.go(stub, max(end - time.monotonic(), 0.001)):
            place = stub.place()
            if place not in points or place != (only or place) or not points[place].runs_at(stub):
                stub.ask(f"z0,{place:x},1")
                continue
            harm = self.chance.choice(self.harms)
            harm(stub, place)
            self.done.append((points[place].name, place, harm.__name__))
            self.ended[points[place].name] = self.ran
            only, times = place, times - 1


def usual_load(rounds):
    """The fault campaign's."""
    script = fault_campaign.workload(LINES, f"ROUNDS={rounds}")
    return lambda system, **more: system.shell(script, **more)


def difference(attack, expected, done):
    lines = [outcome.output.decode(errors="replace").splitlines() for outcome in (expected, done)]
    refused = [line for line in done.log.splitlines() if "and is refused" in line]
    return "\n".join([f"status {done.status}; last of {len(attack.done)}: {attack.done[-5:]}", done.error.decode(errors="replace")[-1000:],
                      *list(difflib.unified_diff(*lines, "expected", "found", lineterm="", n=1))[:20], *refused, done.log[-2000:]])


def attacked(system, load, **attack):
    """What a load says under an attack is what it says without: what was done, and the log."""
    expected = load(system)
    system.stub = Path(system.folder) / "gdb"
    attack = Attack(system.stub, SEED, **attack)
    attack.start()
    done = load(system, checked=False)
    system.stub = None
    if (done.status, done.output, done.error) != (expected.status, expected.output, expected.error):
        raise AssertionError(difference(attack, expected, done))
    return attack.done, done.log
