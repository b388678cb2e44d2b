"""Fault tests: faults are injected into servers while a workload runs, whose output must be what it is without (tests/fault).

`--faults N` is a long run: N faults shared among the tests that were asked for, boot by boot in turn, so that whenever it is cut off
all of them have had their share; the page and the file with what was found are written after each boot."""

import concurrent.futures
import itertools
import json
import os
from pathlib import Path

import fault_report
import fault_stores
from fault_campaign import Campaign, Found, victims   # noqa: F401 (victims: tools/endurance.py)
from test_report import selected

# What programs say of ENOMEM, ENFILE and, where a process cannot be made, EAGAIN. ("can't create pipe" is followed by another reason:
# before busybox says it, it closes descriptor -1; and a shell that may not read a directory leaves a pattern as it is.)
MEMORY_WORDS = ("Out of memory", "Cannot allocate memory", "Resource temporarily unavailable", "can't fork", "can't create pipe",
                "Too many open files in system", "/out/.*.c.new'", "rm: status 1")


class Test:
    def __init__(self, kinds, at_once, usual, share, allowed=0.0, told=(), more=None, verify=False):
        self.kinds = kinds
        self.at_once = at_once   # faults in one boot
        self.usual = usual       # faults without --faults
        self.share = share       # in ten thousand of a long run; a kill takes 30 ms, a flip 1 s, a hang 10 s
        self.allowed = allowed   # share of those with consequences that programs may notice
        self.long = more or usual   # without --faults, with --long
        self.told = told         # an error that the one caller may be told of
        self.verify = verify     # answers of servers are verified


FLIPS = ("register", "code", "operand", "branch", "skip", "stash")
TESTS = {
    "kill": Test(("kill",), 1000, 1000, 8361, more=1500),
    "again": Test(("again", "both"), 200, 200, 792, more=300),
    "root": Test(("root",), 100, 100, 297, more=300),
    "order": Test(("order",), 20, 20, 30, more=1000),
    "hang": Test(("hang",), 5, 3, 2, more=5),
    "idle": Test(("sleep", "poll"), 20, 8, 18, more=20),
    "wake": Test(("wake",), 50, 12, 10, more=60),
    "memory": Test(("memory",), 200, 100, 396, told=MEMORY_WORDS, more=200),
    "message": Test(("request", "reply"), 100, 100, 69, allowed=0.01),
    "flips": Test(FLIPS, 200, 100, 25, allowed=0.01),
    "verified": Test(FLIPS, 200, 60, 50, allowed=0.01, more=200, verify=True),
}
STORES = "stores"   # fault_stores.py
USUAL = ("kill", "again", "root", "order", "hang", "idle", "wake", "memory", "verified")   # in a run of all tests


def tests(wanted):
    """Names of those asked for; without a name, what every run has."""
    return [f"fault/{name}" for name in ((*TESTS, STORES) if wanted else USUAL) if selected(f"fault/{name}", wanted)]


def is_told(test, problem):
    return problem.what == "error" and any(words in problem.text for words in test.told)


def judge(test, campaign):
    """None, or why the campaign fails."""
    manifested = sum(fault.manifested for fault in campaign.faults)
    problems = [problem for problem in campaign.problems if not is_told(test, problem)]
    if not any(fault.showed for fault in campaign.faults):
        return "no fault showed"
    if len(problems) > test.allowed * manifested:
        return f"of {manifested} faults that had consequences, programs noticed {len(problems)}:\n" + "\n".join(
            fault_report.told(problem) for problem in problems)
    return None


class Run:
    """The campaigns of one command."""

    def __init__(self, report, names, options):
        self.report, self.options = report, options
        self.campaigns = {name: Campaign(TESTS[name].kinds, TESTS[name].at_once, options.smp, verify=TESTS[name].verify,
                                         blames=not options.no_blame) for name in names}
        weight = sum(TESTS[name].share for name in names)
        self.counts = {name: max(1, options.faults * TESTS[name].share // weight) if options.faults else
                       TESTS[name].long if options.long else TESTS[name].usual for name in names}
        self.kept = Path(options.json) if options.json else None
        if self.kept and self.kept.exists():
            self.load()

    def load(self):
        """What an earlier run with this file has found: it is not done again."""
        for line in self.kept.read_text().splitlines():
            record = json.loads(line)
            campaign = self.campaigns.get(record["test"])
            if campaign and record["smp"] == self.options.smp and record["seed"] >= self.options.seed:
                campaign.boots[record["seed"]] = Found.of_record(record["found"])

    def keep(self, name, found):
        if self.kept:
            with open(self.kept, "a", encoding="utf-8") as output:
                record = {"test": name, "smp": self.options.smp, "seed": found.seed, "found": found.record()}
                output.write(json.dumps(record) + "\n")
        if self.options.markdown:
            self.write_page()

    def write_page(self):
        fault_report.write(Path(self.options.markdown), self.campaigns, self.counts, self.options,
                           len(self.campaigns) == len(TESTS))

    def next(self, running):
        """The one that is furthest behind its share, its next seed and how many faults; None: all are done, or `running`, the boots in hand."""
        def share(name):
            return coming[name] / self.counts[name]
        coming = {name: campaign.done + sum(count for other, _, count in running if other == name)
                  for name, campaign in self.campaigns.items()}
        name = min(coming, key=share)
        if share(name) >= 1:
            return None
        campaign = self.campaigns[name]
        taken = {*campaign.boots, *(seed for other, seed, _ in running if other == name)}
        seed = next(seed for seed in itertools.count(self.options.seed) if seed not in taken)
        return name, seed, min(campaign.at_once, self.counts[name] - coming[name])

    def tell(self, name, found):
        campaign = self.campaigns[name]
        for problem in found.problems:
            self.report.say(fault_report.told(problem))
        self.keep(name, found)
        if self.options.faults:
            done, count = sum(campaign.done for campaign in self.campaigns.values()), sum(self.counts.values())
            self.report.say(f"{done} of {count} faults; {name} {campaign.done} of {self.counts[name]}: {campaign.outcomes()}")

    def run(self):
        """A long run has a boot for each processor; in others the second one is the other lane's (test_main.py)."""
        lanes = os.cpu_count() if self.options.faults else 1
        with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
            running = {}
            while True:
                while len(running) < lanes and (boot := self.next(running.values())):
                    name, seed, count = boot
                    running[pool.submit(self.campaigns[name].inject, seed, count)] = boot
                if not running:
                    break
                for ended in concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED).done:
                    name, seed, _ = running.pop(ended)
                    self.campaigns[name].boots[seed] = ended.result()
                    self.tell(name, ended.result())

    def close(self):
        for name, campaign in self.campaigns.items():
            self.report.show(fault_report.table(campaign.faults))
            where = f" on {self.options.smp} CPUs" if self.options.smp > 1 else ""
            self.report.result(f"fault/{name}{where}", judge(TESTS[name], campaign), campaign.seconds)


def run_stores(report, options):
    stores = fault_stores.Stores()
    stores.run()
    report.show(stores.table())
    report.result(f"fault/{STORES}", stores.judge(), stores.seconds)
    if options.markdown:
        fault_report.put(Path(options.markdown), fault_stores.TITLE, stores.section())


def run(report, names, options):
    shorts = [name.removeprefix("fault/") for name in names]
    report.say("faults: " + ", ".join(shorts))
    chosen = [name for name in shorts if name != STORES]
    if chosen:
        campaigns = Run(report, chosen, options)
        campaigns.run()
        campaigns.close()
    if STORES in shorts and options.smp == 1 and not (chosen and options.faults): # which have a number; these are all that there are
        run_stores(report, options)
