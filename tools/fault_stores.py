"""fault/stores: servers that die at every store of one request of each kind (tests/system/crash/sweep.c), under the workload of the
fault tests and programs that ask for what that does not; nobody may notice. What was covered is told by operation."""

import re
import subprocess
import time
from collections import defaultdict

import archive
import build
import definitions
import fault_campaign
import fault_parts
import report_page
import test_linux

TITLE = "Every store"
LIMIT = 3000   # seconds
MORE = ("paths", "files", "permissions", "descriptors", "opened", "relations", "signals", "waiting", "rings", "authority", "memory", "threads",
        "ready", "epoll", "system", "windows")
ROUNDS = 4     # at most; it ends when a round brings nothing new
ASKER = """service asker
program asker
gate serial1 1 serial
gate tmpfs 1 tmpfs
priority normal
"""
ASKED = re.compile(r"\] asker: (.*)")
SERVED = re.compile(r"\b(\w+)_operations\s+\w+\s*=\s*\{(.*?)\};", re.DOTALL)
SWEPT = re.compile(r"\] (\S+): swept operation (0x[0-9a-f]+) result (-?\d+) stores (\d+)")
EVENT_NAMES = ("first steps", "other events")
EVENTS = re.compile(rf"\] (\S+): swept ({'|'.join(EVENT_NAMES)}) stores (\d+)")
KERNEL = {2: "gate closed", 4: "exception", 5: "page"}   # abi/message.h


def numbers():
    """{number: (protocol, operation)}"""
    return {number: ("kernel", name) for number, name in KERNEL.items()} | definitions.protocol_operations(build.ROOT / "protocols")


def programs():
    """{program: its services}, of those that recover."""
    found = defaultdict(list)
    for name in fault_campaign.victims():
        found[archive.program_of(name, archive.manifests()[name])].append(name)
    return found


def served(program):
    """What its sources say that it handles: {(protocol, operation)}."""
    folder = next(folder for folder in (build.ROOT / "servers" / program, build.ROOT / "drivers" / program) if folder.exists())
    text = "\n".join(path.read_text() for path in sorted(folder.glob("*.c")))
    return {(protocol, name) for protocol, body in SERVED.findall(text) for name in re.findall(r"\.(\w+)\s*=", body)}


def operations():
    """A Linux program that also makes calls of its own, with the personality's instructions: from elsewhere they are Linux's."""
    build.CACHE.mkdir(parents=True, exist_ok=True)
    own = build.CACHE / "operations"
    names = subprocess.run(["nm", build.BUILD / "personality.elf"], capture_output=True, text=True, check=True).stdout
    call = re.search(r"^(\w+) \w message_call$", names, re.MULTILINE)[1]
    folders = [f"-I{folder}" for folder in (build.ROOT, build.ROOT / "lib", build.BUILD)]
    sources = [build.ROOT / "tests/fault/operations.c", build.ROOT / "lib/atoll/status.c"]
    subprocess.run(["gcc", "-O2", "-static", f"-DMESSAGE_CALL=0x{call}", *folders, *sources, "-o", own], check=True)
    return own


class Coverage:
    """What a log tells, of one program."""

    def __init__(self, program, services, log):
        names = numbers()
        self.program, self.served = program, served(program)
        self.stores = defaultdict(list)   # by operation: of each request
        for service, number, _, stores in SWEPT.findall(log):
            if service in services:
                self.stores[names.get(int(number, 16), ("?", number))].append(int(stores))
        self.events = defaultdict(int)
        for service, what, stores in EVENTS.findall(log):
            if service in services:
                self.events[what] = max(self.events[what], int(stores))

    @property
    def missing(self):
        return sorted(self.served - set(self.stores))

    @property
    def deaths(self):
        return sum(sum(stores) for stores in self.stores.values())

    def faults(self):
        """What must not be. (Not every program has events that are no calls.)"""
        if self.missing:
            yield f"{self.program}: not covered: {', '.join('.'.join(operation) for operation in self.missing)}"
        if not self.deaths or not self.events["first steps"]:
            yield f"{self.program}: no store in calls, or none in first steps"

    def row(self):
        covered = len(self.served & set(self.stores))
        return [self.program, f"{covered} of {len(self.served)}", f"{sum(map(len, self.stores.values())):,}", f"{self.deaths:,}",
                *(str(self.events[what]) for what in EVENT_NAMES)]

    def text(self):
        """Of each operation, how many requests and the stores of all of them."""
        covered = ", ".join(f"{protocol}.{name} {len(stores)}/{sum(stores)}" for (protocol, name), stores in sorted(self.stores.items()))
        missing = ", ".join(f"{protocol}.{name}" for protocol, name in self.missing)
        return f"- **{self.program}**: {covered}" + (f". *Not covered*: {missing}" if missing else "") + "\n"


HEAD = ["", "operations", "requests", "stores", *EVENT_NAMES]


class Stores:
    """The one boot."""

    def __init__(self):
        self.coverage, self.notices, self.log, self.seconds = [], [], "", 0.0

    def run(self):
        started = time.monotonic()
        more = {"operations": operations()}
        more |= {name: test_linux.program(build.ROOT / f"tests/linux/programs/{name}.c", "glibc") for name in MORE}
        settings = ["MORE=operations", f"PROGRAMS='{' '.join(more)}'"]
        plain = fault_campaign.workload(fault_campaign.LINES, "ROUNDS=2", *settings)
        expected = fault_parts.expectations(fault_campaign.boot(plain, None, LIMIT, 1, programs=more).output)
        text = fault_campaign.workload(fault_campaign.LINES, f"ROUNDS={ROUNDS}", "SWEPT=yes", *settings)
        replaced = {program: build.BUILD / f"{program}-sweep" for program in programs()}
        services = {"asker": (build.BUILD / "asker", ASKER)}
        done = fault_campaign.boot(text, None, LIMIT, 1, services=services, replaced=replaced, programs=more)
        self.log = done.log
        self.notices = fault_parts.notices(expected, done.output, f"status {done.status}" if done.status else None)
        self.coverage = [Coverage(program, services, done.log) for program, services in programs().items()]
        self.seconds = time.monotonic() - started

    def judge(self):
        if self.notices:
            return "\n".join(f"{notice.what} in {notice.name}: {notice.text}" for notice in self.notices)
        asked = ASKED.findall(self.log)
        if asked != ["done"]:
            return "\n".join(["asker:", *(line for line in asked if line != "done")])
        return "\n".join(line for coverage in self.coverage for line in coverage.faults()) or None

    def table(self):
        return report_page.text_table(self.rows())

    def rows(self):
        return [HEAD] + [coverage.row() for coverage in self.coverage]

    def section(self):
        return ("One request of each kind (operation, result, number of stores to a factor of two) ends its server at its first store, "
                "when it comes again at its second, and so on to the last. *First steps*, *other events*: so many stores of the first steps of successors, "
                "and of steps that are no calls (signals, calls asked back).\n\n" + report_page.markdown_table(self.rows()) +
                "\nOf each operation: requests / their stores.\n\n" + "".join(coverage.text() for coverage in self.coverage))
