"""Boots in which faults are injected while the workload of tests/fault runs, and what was noticed of them.

With one CPU everything is counted in its instructions, so a seed repeats a boot to the last one. Where a part of the output differs,
the boot is repeated with fewer faults, until the one is found after which it does. On more CPUs nothing can be repeated, and in a long run
it may take too long: then the last fault near that part is told."""

import functools
import re
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import archive
import build
import fault_parts
import fault_text
import guest
import test_linux
import test_system

WORKLOAD = build.ROOT / "tests/fault/workload.sh"
MANIFEST = """service faults
program injector
supervise
root root
limit none
priority driver
argument {seed}
argument {count:06}
argument {apart}
argument {kinds}
argument {victims}
"""
LINE = re.compile(r"fault (\d+) (\w+) ([\w-]+) (\w+) (\d+) ?(\S*)")
HEAD = re.compile(r"== (\d+) (\w+)$")
DEATH = re.compile(r"supervisor: ([\w-]+) died: ")
ORDER = "order"
ENDS = ("kill", "again", "both", "root", ORDER)   # kinds that end their victim themselves
EFFECTIVE = (*ENDS, "memory")   # after which an end is surely the fault's: memory that is refused is an error, and that is doubted
APART = 500         # microseconds, at most, between two
LAST_WORDS = (b" is given up after ", b"faults: nobody is busy")   # the system has failed
LIMIT = 120         # seconds for a boot: many times what it takes, on a machine that has more to do,
FAULT_LIMIT = 0.5   # and for each fault,
HANG_LIMIT = 20     # and where that has a server use all the time until it is found out
MESSAGES = {"wake", "request", "reply"}   # kinds that need more traffic with drivers,
LINES, LINES_MESSAGES = 20, 1000          # so many lines of the workload's part for that,
ALARMS = build.ROOT / "tests/fault/alarms.c"   # and somebody who waits for a signal while nothing else happens
ORDERS = build.ROOT / "tests/fault/orders.sh"   # the workload of this kind, and what it has in /bin
ORDERED = {"pipe.0": "pipe-moved", "pipe.1": "pipe", "proc.0": "proc-moved", "proc.1": "proc", "pipe.fails": "pipe-crashes",
           "pipe.silent": "pipe-silent", "link": "link", "teller": "teller"}


@dataclass
class Fault:
    """One line of the injector."""
    number: int
    kind: str
    victim: str
    outcome: str
    pause: int
    where: str
    seen: str = ""   # what a program noticed of it: "error", "wrong" or "stuck"

    @property
    def showed(self):
        return self.outcome in ("died", "hung", "lost", "felt")

    @property
    def manifested(self):
        return self.showed or bool(self.seen)


@dataclass
class Problem:
    """What was noticed, and after which fault (None: after none)."""
    seed: int
    number: int
    name: str
    what: str
    text: str
    kernel: bool   # it is the kernel that failed


@dataclass
class Found:
    """What one boot came to."""
    seed: int
    faults: list
    problems: list = field(default_factory=list)

    def record(self):
        return asdict(self)

    @staticmethod
    def of_record(record):
        return Found(record["seed"], [Fault(**fault) for fault in record["faults"]],
                     [Problem(**problem) for problem in record["problems"]])


@functools.cache
def victims():
    """The services that recover."""
    return tuple(name for name, path in archive.manifests().items() if archive.recovers(path.read_text()))


@functools.cache
def texts():
    """Their instructions, for the injector."""
    return {f"text.{name}": fault_text.table(build.BUILD / archive.program_of(name, archive.manifests()[name])) for name in victims()}


def boot(text, manifest, limit, cpus, services=None, **more):
    system = test_system.System(cpus, False, limit)
    system.last_words += LAST_WORDS
    with tempfile.TemporaryDirectory(prefix="atoll-") as system.folder:
        if manifest:
            services = {"faults": (build.BUILD / "injector", manifest)}
        return system.shell("exec < /dev/null\n" + text, stdin=None, checked=False, services=services, files=texts() if manifest else None,
                            icount=cpus == 1, **more)


def workload(lines, *settings):
    return "\n".join([f"LINES={lines}", *settings, WORKLOAD.read_text()])


class Usual:
    """The workload of most kinds. `verify`: where there are faults, answers of servers are verified."""

    def __init__(self, verify=False):
        self.verify = verify

    def boot(self, manifest, limit, cpus, *settings):
        return boot(workload(LINES, *settings), manifest, limit, cpus, verify=self.verify and bool(manifest))


class Messages:
    """That of faults in messages and signals."""

    def boot(self, manifest, limit, cpus, *settings):
        text = workload(LINES_MESSAGES, "MORE=alarms", *settings)
        return boot(text, manifest, limit, cpus, programs={"alarms": test_linux.program(ALARMS, "musl")})


class Orders:
    """That of faults in what the supervisor is told to do."""

    def boot(self, manifest, limit, cpus, *settings):
        with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
            for name, program in ORDERED.items():
                subprocess.run(["strip", "-g", "-o", Path(folder) / name, build.BUILD / program], check=True)
            return boot("\n".join([*settings, ORDERS.read_text()]), manifest, limit, cpus,
                        programs={name: Path(folder) / name for name in ORDERED})


@functools.cache
def workload_of(kinds, verify):
    if ORDER in kinds:
        return Orders()
    return Messages() if MESSAGES & set(kinds) else Usual(verify)


@functools.cache
def expectations(load):
    return fault_parts.expectations(load.boot(None, LIMIT, 1, "ROUNDS=2").output)


class Boot:
    """One boot with faults: these, and what was noticed."""

    def __init__(self, done, expected):
        self.faults = {}
        self.marks = []   # numbers of faults and heads of parts, in the log's order
        died = set()      # since the last fault
        for line in done.log.splitlines():
            if match := LINE.search(line):
                fault = Fault(int(match[1]), match[2], match[3], match[4], int(match[5]), match[6])
                if fault.outcome == "died" and fault.kind not in EFFECTIVE and fault.victim not in died:
                    fault.outcome = "doubted"   # the supervisor tells of every other end
                died.clear()
                self.faults[fault.number] = fault
                self.marks.append(fault.number)
            elif match := DEATH.search(line):
                died.add(match[1])
            elif match := HEAD.search(line):
                self.marks.append((int(match[1]), match[2]))
        why = None
        if done.status != 0:
            words = [word.decode() for word in (guest.PANIC_WORDS + LAST_WORDS) if word.decode() in done.log]
            why = f"status {done.status}" + "".join(": " + word.strip() for word in words)
        self.kernel = any(word.decode() in done.log for word in guest.PANIC_WORDS)
        self.notices = fault_parts.notices(expected, done.output, why,
                                           done.status not in (guest.STATUS_TIME_OUT, guest.STATUS_BROKEN))
        self.log = done.log

    def suspects(self, notice):
        """The faults before this part, and those in it: told in it, and one more, which may have been told late."""
        place = (notice.round, notice.name)
        start = self.marks.index(place) if place in self.marks else 0
        found, ended = [], False
        for mark in self.marks[start:]:
            if isinstance(mark, int):
                found.append(mark)
                if ended:
                    break
            ended = ended or mark != place and not isinstance(mark, int)
        return [mark for mark in self.marks[:start] if isinstance(mark, int)], found


class Campaign:
    """Many boots with faults of some kinds."""

    def __init__(self, kinds, at_once, cpus=1, apart=APART, verify=False, blames=True):
        self.kinds, self.at_once, self.cpus, self.apart = kinds, at_once, cpus, apart
        self.load = workload_of(kinds, verify)
        self.blames = blames and cpus == 1
        self.boots = {}   # the Found of each, by its seed
        self.seconds = 0.0

    @property
    def found(self):
        return [self.boots[seed] for seed in sorted(self.boots)]

    @property
    def faults(self):
        return [fault for found in self.found for fault in found.faults]

    @property
    def problems(self):
        return [problem for found in self.found for problem in found.problems]

    @property
    def done(self):
        return sum(max(len(found.faults), 1) for found in self.found)

    def run(self, seed, count):
        manifest = MANIFEST.format(seed=seed, count=count, apart=self.apart, kinds=",".join(self.kinds), victims=",".join(victims()))
        manifest += "".join(f"file text.{name} text_{name}\n" for name in victims())
        each = HANG_LIMIT if self.kinds == ("hang",) else FAULT_LIMIT
        return Boot(self.load.boot(manifest, LIMIT + each * count, self.cpus), expectations(self.load))

    def blame(self, seed, found, notice):
        """The fault after which this was noticed: the boot is the same up to the last fault that it has."""
        before, suspects = found.suspects(notice)
        if not self.blames:
            near = suspects or before or [None]
            return ([number for number in near if number in found.faults and found.faults[number].showed] or near)[-1]

        def noticed_with(count):
            return any(notice.same_place(other) for other in self.run(seed, count).notices)
        if suspects and before and len(suspects) < len(found.faults) and noticed_with(suspects[0]):
            suspects = before   # of earlier harm
        low, high = 0, len(suspects) - 1
        while low < high:
            middle = (low + high) // 2
            if noticed_with(suspects[middle] + 1):
                high = middle
            else:
                low = middle + 1
        return suspects[low] if suspects else None

    def inject(self, seed, count):
        """One more boot: its Found, which whoever asked puts among `boots`."""
        started = time.monotonic()
        done = self.run(seed, count)
        found = Found(seed, list(done.faults.values()))
        for notice in done.notices:
            number = self.blame(seed, done, notice)
            if number in done.faults:
                done.faults[number].seen = notice.what
            found.problems.append(Problem(seed, number, notice.name, notice.what, notice.text, done.kernel))
        self.seconds += time.monotonic() - started
        return found

    def outcomes(self):
        return ", ".join(f"{number} {outcome}" for outcome, number in sorted(Counter(fault.outcome for fault in self.faults).items()))
