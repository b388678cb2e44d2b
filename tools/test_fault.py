"""Fault tests: faults are injected into servers while a workload runs, whose output must be what it is without (tests/fault).

Everything is counted in instructions of one CPU, so a seed repeats a run to the last one. Where a part of the output differs, the
boot is repeated with fewer faults, until the one is found after which it does.
"""

import re
import tempfile
import time
from collections import Counter
from pathlib import Path

import archive
import build
import fault_parts
import fault_report
import fault_text
import guest
import report_page
import test_system
from test_report import selected

WORKLOAD = build.ROOT / "tests/fault/workload.sh"
MANIFEST = """service faults
program injector
supervise
root root
limit none
priority driver
argument {seed}
argument {count}
argument {apart}
argument {kinds}
argument {victims}
"""
LINE = re.compile(r"fault (\d+) (\w+) ([\w-]+) (\w+) (\d+) ?(\S*)")
HEAD = re.compile(r"== (\d+) (\w+)$")
AT_ONCE = {"kill": 1000, "again": 200, "root": 100, "hang": 100, "flips": 200}   # faults in one boot
APART = 500         # microseconds, at most, between two
LAST_WORDS = (b" is given up after ", b"faults: nobody is busy")   # the system has failed
LIMIT = 60          # seconds for a boot: several times what it takes,
FAULT_LIMIT = 0.5   # and for each fault,
HANG_LIMIT = 20     # and where that has a server use all the time until it is found out
TESTS = {           # kinds of faults, and the share of those with consequences that programs may notice
    "kill": (("kill",), 0.0),
    "again": (("again", "both"), 0.0),
    "root": (("root",), 0.0),
    "hang": (("hang",), 0.0),
    "flips": (("register", "code", "operand", "branch", "skip", "stash"), 0.01),
}
USUAL = ("kill", "again", "root")   # of them, in a run of all tests
COUNT = {"kill": 1500, "again": 300, "root": 300, "hang": 5, "flips": 100}   # faults of each unless --faults says otherwise; each hang takes ten seconds


class Fault:
    """One line of the injector."""

    def __init__(self, match):
        self.number, self.kind, self.victim, self.outcome = int(match[1]), match[2], match[3], match[4]
        self.pause, self.where = int(match[5]), match[6]
        self.showed = self.outcome in ("died", "hung", "lost")
        self.seen = None   # what a program noticed of it, a fault_parts.Notice

    @property
    def manifested(self):
        return self.showed or self.seen


def victims():
    """The services that recover."""
    return [name for name, path in archive.manifests().items()
            if any(line.split("#")[0].split() == ["stash"] for line in path.read_text().splitlines())]


class Boot:
    """One boot with faults: these, and what was noticed of them."""

    def __init__(self, done, expected):
        self.faults = {}
        self.marks = []   # numbers of faults and heads of parts, in the log's order
        for line in done.log.splitlines():
            if match := LINE.search(line):
                fault = Fault(match)
                self.faults[fault.number] = fault
                self.marks.append(fault.number)
            elif match := HEAD.search(line):
                self.marks.append((int(match[1]), match[2]))
        why = None
        if done.status != 0:
            words = [word.decode() for word in (guest.PANIC_WORDS + LAST_WORDS) if word.decode() in done.log]
            why = f"status {done.status}" + "".join(": " + word.strip() for word in words)
        self.notices = fault_parts.notices(expected, done.output, why)
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

    def __init__(self, kinds, names, at_once, apart=APART):
        self.kinds, self.names, self.apart, self.at_once = kinds, names, apart, at_once
        self.faults = []
        self.problems = []   # (seed, number, Notice)
        self.text = WORKLOAD.read_text()
        self.files = {f"text.{name}": fault_text.table(build.BUILD / program(name)) for name in names}
        plain = self.guest("ROUNDS=2\n" + self.text, None, LIMIT)
        self.expected = fault_parts.expectations(plain.output)

    def guest(self, text, manifest, limit):
        system = test_system.System(1, False, limit)
        system.last_words += LAST_WORDS
        with tempfile.TemporaryDirectory(prefix="atoll-") as system.folder:
            services = {"faults": (build.BUILD / "injector", manifest)} if manifest else None
            return system.shell(text, checked=False, services=services, files=self.files, icount=True)

    def run(self, seed, count):
        manifest = MANIFEST.format(seed=seed, count=count, apart=self.apart, kinds=",".join(self.kinds),
                                   victims=",".join(self.names))
        manifest += "".join(f"file text.{name} text_{name}\n" for name in self.names)
        each = HANG_LIMIT if self.kinds == ("hang",) else FAULT_LIMIT
        return Boot(self.guest(self.text, manifest, LIMIT + each * count), self.expected)

    def blame(self, seed, boot, notice):
        """The fault after which this was noticed: the boot is the same up to the last fault that it has."""
        before, suspects = boot.suspects(notice)
        def noticed_with(count):
            return any(notice.same_place(other) for other in self.run(seed, count).notices)
        if suspects and before and len(suspects) < len(boot.faults) and noticed_with(suspects[0]):
            suspects = before   # of earlier harm
        low, high = 0, len(suspects) - 1
        while low < high:
            middle = (low + high) // 2
            if noticed_with(suspects[middle] + 1):
                high = middle
            else:
                low = middle + 1
        return suspects[low] if suspects else None

    def inject(self, seed, count, say):
        done = number = 0
        while done < count:
            now = min(self.at_once, count - done)
            boot = self.run(seed + number, now)
            for notice in boot.notices:
                first = self.blame(seed + number, boot, notice)
                if first in boot.faults:
                    boot.faults[first].seen = notice
                self.problems.append((seed + number, first, notice))
                say(fault_report.told(*self.problems[-1]))
            self.faults += boot.faults.values()
            number += 1
            done += max(len(boot.faults), 1)
            say(f"{done} of {count} faults, " + ", ".join(
                f"{number} {outcome}" for outcome, number in sorted(Counter(fault.outcome for fault in self.faults).items())))


def program(name):
    return archive.program_of(name, archive.manifests()[name])


def tests(wanted):
    """Names of those asked for; without a name, what every run has."""
    return [f"fault/{name}" for name in (TESTS if wanted else USUAL) if selected(f"fault/{name}", wanted)]


def judge(campaign, allowed):
    """None, or why the campaign fails."""
    manifested = sum(bool(fault.manifested) for fault in campaign.faults)
    if not any(fault.showed for fault in campaign.faults):
        return "no fault showed"
    if len(campaign.problems) > allowed * manifested:
        return f"of {manifested} faults that had consequences, programs noticed {len(campaign.problems)}:\n" + "\n".join(
            f"--seed {seed}, fault {number}: {notice.text}" for seed, number, notice in campaign.problems)
    return None


def run(report, names, options):
    campaigns = {}
    for name in names:
        short = name.removeprefix("fault/")
        kinds, allowed = TESTS[short]
        report.say(f"{name}: " + ", ".join(kinds))
        started = time.monotonic()
        campaign = Campaign(kinds, victims(), AT_ONCE[short])
        campaign.inject(options.seed, options.faults or COUNT[short], report.say if options.faults else lambda text: None)
        campaigns[short] = campaign
        print(fault_report.table(campaign.faults))
        report.result(name, judge(campaign, allowed), time.monotonic() - started)
    if options.markdown:
        path = Path(options.markdown)
        path.write_text(report_page.sections_keep(path, fault_report.page(campaigns, options)))
