"""Fault tests: faults are injected into servers while a workload runs, whose output must be what it is without (tests/fault).

Everything is counted in instructions of one CPU, so a seed repeats a run to the last one. Where the output differs, the run is
repeated with fewer faults until the one is found after which it does.
"""

import re
import tempfile
import time
from collections import Counter
from pathlib import Path

import archive
import build
import fault_report
import fault_text
import guest
import report_page
import test_system
from test_report import Failure, selected

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
AT_ONCE = 100       # faults in one boot
APART = 2000        # microseconds, at most, between two
LIMIT = 60          # seconds for a boot: several times what it takes,
HANG_LIMIT = 20     # and for each fault that may have a server use all the time until it is found out
TESTS = {           # kinds of faults, and the share of those that show which programs may notice
    "kill": (("kill",), 0.0),
    "again": (("again", "both"), 0.0),
    "root": (("root",), 0.0),
    "hang": (("hang",), 0.0),
    "flips": (("register", "code", "operand", "branch", "skip", "stash"), 0.01),
}
DEATHS = {"kill", "again", "both", "root"}   # kinds that never leave a server that uses all the time
USUAL = ("kill",)   # of them, in a run of all tests
COUNT = {"kill": 100, "again": 100, "root": 100, "hang": 5, "flips": 100}   # faults of each unless --faults says otherwise; each hang takes ten seconds


class Fault:
    """One line of the injector."""

    def __init__(self, match):
        self.number, self.kind, self.victim, self.outcome = int(match[1]), match[2], match[3], match[4]
        self.pause, self.where = int(match[5]), match[6]
        self.showed = self.outcome in ("died", "hung", "lost")
        self.seen = None   # what a program noticed of it


def victims():
    """The services that recover."""
    return [name for name, path in archive.manifests().items()
            if any(line.split("#")[0].split() == ["stash"] for line in path.read_text().splitlines())]


class Campaign:
    """Many boots with faults of some kinds."""

    def __init__(self, kinds, names, apart=APART):
        self.kinds, self.names, self.apart = kinds, names, apart
        self.faults = []
        self.problems = []   # (seed, number, what was seen)
        self.text = WORKLOAD.read_text()
        self.files = {f"text.{name}": fault_text.table(build.BUILD / program(name)) for name in names}
        self.expected = self.boot(None)

    def boot(self, manifest):
        limit = LIMIT + (HANG_LIMIT * AT_ONCE if set(self.kinds) - DEATHS else 0)
        system = test_system.System(1, False, limit)
        with tempfile.TemporaryDirectory(prefix="atoll-") as system.folder:
            services = {"faults": (build.BUILD / "injector", manifest)} if manifest else None
            try:
                return system.shell(self.text, services=services, files=self.files, icount=True)
            except Failure as failure:
                return test_system.Outcome(guest.STATUS_BROKEN, b"", b"", str(failure))

    def run(self, seed, count):
        """One boot: its faults, and what was noticed."""
        manifest = MANIFEST.format(seed=seed, count=count, apart=self.apart, kinds=",".join(self.kinds),
                                   victims=",".join(self.names))
        manifest += "".join(f"file text.{name} text_{name}\n" for name in self.names)
        done = self.boot(manifest)
        faults = {int(match[1]): Fault(match) for match in LINE.finditer(done.log)}
        return [faults[number] for number in sorted(faults)], self.noticed(done)

    def noticed(self, done):
        if done.status == guest.STATUS_BROKEN:
            return "the kernel failed" if "kernel panic" in done.log else "the system did not come to an end: " + done.log
        if (done.output, done.error, done.status) == (self.expected.output, self.expected.error, self.expected.status):
            return None
        return difference(self.expected, done)

    def blame(self, seed, count):
        """The number of the first fault after which the output differs."""
        good, bad = 0, count
        while bad - good > 1:
            middle = (good + bad) // 2
            if self.run(seed, middle)[1]:
                bad = middle
            else:
                good = middle
        return bad - 1

    def inject(self, seed, count, say):
        done = boot = 0
        while done < count:
            now = min(AT_ONCE, count - done)
            faults, seen = self.run(seed + boot, now)
            if seen:
                first = self.blame(seed + boot, now)
                faults = [fault for fault in faults if fault.number <= first]
                if faults:
                    faults[-1].seen = seen
                self.problems.append((seed + boot, first, seen))
                say(f"seed {seed + boot}: after fault {first}: {seen}")
            self.faults += faults
            boot += 1
            done += now
            say(f"{done} of {count} faults, " + ", ".join(
                f"{number} {outcome}" for outcome, number in sorted(Counter(fault.outcome for fault in self.faults).items())))


def program(name):
    return archive.program_of(name, archive.manifests()[name])


def difference(expected, found):
    if found.error != expected.error:
        return "on standard error: " + found.error.decode(errors="replace").strip()[:300]
    for before, after in zip(expected.output.splitlines(), found.output.splitlines()):
        if before != after:
            return f"{before.decode()} became {after.decode(errors='replace')}"
    return f"{len(found.output)} bytes instead of {len(expected.output)}, status {found.status}"


def tests(wanted):
    """Names of those asked for; without a name, what every run has."""
    return [f"fault/{name}" for name in (TESTS if wanted else USUAL) if selected(f"fault/{name}", wanted)]


def judge(campaign, allowed):
    """None, or why the campaign fails."""
    shown = sum(fault.showed for fault in campaign.faults)
    if not shown:
        return "no fault showed"
    if len(campaign.problems) > allowed * shown:
        return f"of {shown} faults that showed, programs noticed {len(campaign.problems)}:\n" + "\n".join(
            f"--seed {seed}, after fault {number}: {seen}" for seed, number, seen in campaign.problems)
    return None


def run(report, names, options):
    campaigns = {}
    for name in names:
        short = name.removeprefix("fault/")
        kinds, allowed = TESTS[short]
        report.say(f"{name}: " + ", ".join(kinds))
        started = time.monotonic()
        campaign = Campaign(kinds, victims())
        campaign.inject(options.seed, options.faults or COUNT[short], report.say if options.faults else lambda text: None)
        campaigns[short] = campaign
        print(fault_report.table(campaign.faults))
        report.result(name, judge(campaign, allowed), time.monotonic() - started)
    if options.markdown:
        path = Path(options.markdown)
        path.write_text(report_page.sections_keep(path, fault_report.page(campaigns, options)))
