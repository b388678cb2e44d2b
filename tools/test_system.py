"""System tests: tests/system/NAME.py, one file each, that says what boots and what is expected.

A file has a one-line text, and may set
    TIME = 60            seconds, at most, for each boot, on a machine that does nothing else (SLACK times as many where there is more to do)
    CPUS = (1, 4)        boot counts; the test runs once for each
    KERNEL = "debug"     or "release"
    TARGETS = [...]      what has to be built for it beside the system and its tests
and defines `test(system)`, which calls the methods of System below and raises (or asserts) when
something is not as expected.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import archive
import build
import guest
import machine
from test_linux import machine_options
from test_report import Failure

TESTS = archive.ROOT / "tests" / "system"


LONG = False   # --long
SLACK = 3      # other tests run beside it


class Outcome:
    def __init__(self, status, output, error, log):
        self.status, self.output, self.error, self.log = status, output, error, log


def collect(descriptor, parts):
    while data := os.read(descriptor, 65536):
        parts.append(data)


# For scripts that look for lost memory: KiB. The least of several looks: a server that has just been started afresh has no warm
# standby yet, some 50 KiB.
FREE_PAGES = r"""
free_pages() { sync; for look in 1 2 3 4; do sleep 0.5; awk '/^MemFree/{print $2}' /proc/meminfo; done | sort -n | head -n 1; }
"""


class System:
    """What a test may ask for."""

    def __init__(self, smp, debug, limit):
        self.smp, self.debug, self.limit = smp, debug, limit
        self.folder = None   # a scratch directory while the test runs
        self.long = LONG     # more of it than in every run
        self.last_words = guest.PANIC_WORDS
        self.stub = None     # where gdb may connect: a path

    def options(self, **more):
        return machine_options(**dict(dict(smp=self.smp, debug_kernel=self.debug, time=self.limit), **more))

    def _boot(self, line, stdin):
        """Run a guest to its end with everything caught. `stdin` None: nothing ever comes, not even its end, so that a guest whose
        instructions are counted does the same each time."""
        ends = {name: os.pipe() for name in ("input", "output", "error")}
        caught = {"output": [], "error": []}
        log = Path(self.folder) / "log"
        if self.stub:
            line = [*line, "-gdb", f"unix:path={self.stub},server=on,wait=off"]
        running = guest.Guest(line, guest.Streams(ends["input"][0], ends["output"][1], ends["error"][1]), log, self.last_words)
        readers = [threading.Thread(target=collect, args=(ends[name][0], caught[name])) for name in caught]
        feeder = threading.Thread(target=feed, args=(ends["input"][1], stdin), daemon=True)
        for thread in readers + ([feeder] if stdin is not None else []):
            thread.start()
        try:
            status = running.wait(self.limit)
        finally:
            running.stop()
            running.drain()
            for name in (*caught, *(["input"] if stdin is None else [])):
                os.close(ends[name][1])
        for thread in readers:
            thread.join()
        for name in ends:
            os.close(ends[name][0])
        return Outcome(status, b"".join(caught["output"]), b"".join(caught["error"]),
                       log.read_text(errors="replace") if log.exists() else "")

    def execute(self, command, stdin=b"", checked=True, replaced=None, services=None, files=None, programs=None,
                supervisor=None, **more):
        """`./atoll exec` without the process around it. `checked`: it must come to its end; `replaced`: other programs, {name: path}; `services`: more
        of them, {name: (path, manifest text)}, started last; `files`: for their manifests, {name: bytes};
        `programs`: Linux programs in /bin, {name: path}; `supervisor`: another one, its path."""
        options = self.options(**more)
        path = machine.archive_for(self.folder, options, "exec", command, dict(machine.ENVIRONMENT))
        if supervisor:   # the kernel takes the first file
            usual = Path(path).read_bytes()
            Path(path).write_bytes(archive.system_part(build.BUILD, only_supervisor=supervisor) + usual)
        if replaced or services or programs:
            with open(path, "ab") as output:
                output.write(archive.changed_part(build.BUILD, replaced or {}, services or {}, files or {}, programs or {}))
        outcome = self._boot(machine.command_line(options, machine.kernel(options), path), stdin)
        if checked and outcome.status in (guest.STATUS_BROKEN, guest.STATUS_TIME_OUT):
            raise Failure(f"status {outcome.status}; the end of the log:\n" + "\n".join(outcome.log.splitlines()[-25:]))
        return outcome

    def shell(self, script, **more):
        return self.execute(["/bin/sh", "-c", script], **more)

    def boot_services(self, programs, services, **more):
        """Boot only native programs: `programs` are (name, manifest text); their log is the outcome."""
        path = Path(self.folder) / "archive"
        archive.assemble(path, archive.service_part(build.BUILD, programs, services), None, None)
        options = self.options(**more)
        return self._boot(machine.command_line(options, machine.kernel(options), path), b"")

    def front_door(self, *arguments, stdin=b"", limit=None):
        """Run ./atoll itself."""
        return subprocess.run([archive.ROOT / "atoll", *arguments], input=stdin, capture_output=True,
                              timeout=limit or self.limit)

    def equal(self, found, expected, what="value"):
        if found != expected:
            raise Failure(f"{what}: expected {expected!r}, found {found!r}")

    def contains(self, text, part):
        if part not in text:
            raise Failure(f"expected {part!r} in:\n{text[-3000:]}")


def feed(descriptor, data):
    try:
        guest.write_all(descriptor, data)
    except OSError:
        pass   # the guest ended without reading all of it
    os.close(descriptor)


def load(path):
    spec = importlib.util.spec_from_file_location("system_test_" + path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tests():
    """Every test: (name, module, CPUs)."""
    if str(TESTS) not in sys.path:
        sys.path.insert(0, str(TESTS))   # what several tests share
    for path in sorted(TESTS.glob("*.py")):
        module = load(path)
        for cpus in getattr(module, "CPUS", (1,)):
            yield f"system/{path.stem}" + (f"@{cpus}" if cpus > 1 else ""), module, cpus


def run_one(report, name, module, cpus):
    started = time.monotonic()
    system = System(cpus, getattr(module, "KERNEL", "release") == "debug", SLACK * getattr(module, "TIME", 60))
    failure = None
    with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
        system.folder = folder
        try:
            module.test(system)
        except (Failure, AssertionError, OSError, subprocess.SubprocessError) as error:
            failure = f"{type(error).__name__}: {error}"
        except (archive.ArchiveError, machine.Refused) as error:
            failure = str(error)
    report.result(name, failure, time.monotonic() - started)


def run(report, waiting):
    """Those of a deque, which others may take from too."""
    while True:
        try:
            name, module, cpus = waiting.popleft()
        except IndexError:
            return
        run_one(report, name, module, cpus)
