"""The rows about the machine: several CPUs, a build for one, interrupts off, shares, memory.

Each has a boot of its own (or many), so each is a function here that tells a figure and maybe a note.
"""

import collections
import re
import subprocess
import tempfile
import time
from pathlib import Path

import bench_guest
import bench_handlers
import bench_keys
import build
import guest
import rootfs
import test_linux
import test_system
from bench_guest import Measured
from bench_rows import BY_NAME, ONE_CPU, ROWS
from test_report import Report

WALL_TRIES = 5
IDLE_PROCESSES = 40


class NoFigure(Exception):
    """The row has none; the text says why."""


def native(names, smp=1, icount=True, variant=None):
    """Figures of bench/kernel's rows in one boot: {name: ticks for one operation}."""
    with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
        line = bench_guest.kernel_line(folder, names, icount, "max", smp, variant)
        lines, why = bench_guest.boot(line, folder, "log")
    found = {}
    for name in names:
        row = lines.rows.get(name)
        if name == "interleave":
            continue
        if row is None or row.ticks is None:
            raise NoFigure(row.error if row else why or "it was not run")
        found[name] = row.ticks / row.operations
    return found


def pairs_counted(_):
    found = native(["interleave", "pairs-1", "pairs-4"], smp=4)
    return found["pairs-4"] / found["pairs-1"], \
        f"{found['pairs-1']:.0f} instructions a call alone, {found['pairs-4']:.0f} with three pairs beside it"


def pairs_timed(clock):
    """The best of several, since others use this machine too: of both kinds before the ratio is taken."""
    if clock == "instructions":
        raise NoFigure("told by --clock time and both")
    best = {}
    for _ in range(WALL_TRIES):
        for name, ticks in native(["pairs-1", "pairs-2"], smp=2, icount=False).items():
            best[name] = min(ticks, best.get(name, ticks))
    return best["pairs-1"] / best["pairs-2"], "thread=multi"


def across(_):
    return native(["interleave", "pair-across"], smp=2)["pair-across"], "counted on both CPUs"


def one_cpu(name, kept):
    """The SMP kernel's figure over that of a build for one CPU."""
    if not kept:
        names = [row.name for row in ROWS if row.kind == "kernel"]
        kept["several"], kept["one"] = native(names), native(names, variant="one-cpu")
    several, one = kept["several"][name], kept["one"][name]
    return several / one, f"{several:,.0f} and {one:,.0f} instructions"


def call_name(number):
    text = (build.BUILD.parent / "abi/kernel.def").read_text() if (build.BUILD.parent / "abi").exists() else ""
    match = re.search(rf"^(?:call|message) (\w+) {number} ", text, re.MULTILINE)
    return match[1] if match else f"call {number}"


def place(text):
    """What the kernel's log says of a stretch, with the call's name."""
    return re.sub(r"^call (\d+)", lambda match: call_name(match[1]), text)


def interrupts_off(_):
    """All tests that boot a guest of their own, on one CPU that counts instructions. What they find is not looked at."""
    quiet = Report()
    quiet.result = quiet.say = lambda *arguments: None
    test_linux.OPTIONS = {"icount": True, "kernel": "latency", "smp": 1}
    guest.Guest.longest_off = (0, "")
    try:
        test_system.run(quiet, collections.deque(entry for entry in test_system.tests() if entry[2] == 1))
        test_linux.run_all(test_linux.atoll_line, list(test_linux.snippets()), test_linux.machine_options(), quiet.say)
    finally:
        test_linux.OPTIONS = {}
    cycles, text = guest.Guest.longest_off
    return cycles, place(text)


def shares(_):
    return native(["fair-shares"])["fair-shares"] / 100, "largest difference from a share, in percent of it"


def nice_shares(_):
    """The same of Linux programs, whose nice values come as near to 4:2:1 as whole steps do."""
    with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
        lines, why = bench_guest.boot(bench_guest.atoll_line(folder, ["nice-shares"], True, "max"), folder)
    row = lines.rows.get("nice-shares")
    if row is None or row.ticks is None:
        raise NoFigure(row.error if row else why or "it was not run")
    return row.ticks / 100, "largest difference from a share, in percent of it"


def key_answer(_):
    times = sorted(bench_keys.answers())
    return times[-1] / bench_keys.TIME_SLICE, \
        f"the slowest of {len(times)} keys, typed at any time: {times[-1] / 1e6:.2f} ms; half of them within " \
        f"{times[len(times) // 2] / 1e6:.2f} ms"


def shell(script):
    system = test_system.System(1, False, 120)
    with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
        system.folder = folder
        return system.shell(script, icount=True).output.decode()


PROCESS_MEMORY = f"""
free() {{ awk '/^MemFree/{{print $2}}' /proc/meminfo; }}
many() {{ jobs=; i=0; while [ $i -lt {IDLE_PROCESSES} ]; do sleep 1000 & jobs="$jobs $!"; i=$((i+1)); done; sleep 2; }}
many; kill $jobs; wait; sleep 1
before=$(free); many; echo $((before - $(free)))
kill $jobs
"""


def own_pages():
    """KiB that the same idle program has for itself, as this machine's Linux counts them."""
    process = subprocess.Popen([rootfs.BUSYBOX, "sleep", "1000"])
    try:
        time.sleep(0.5)
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    finally:
        process.kill()
        process.wait()
    return int(re.search(r"^Private_Dirty: +(\d+)", text, re.MULTILINE)[1])


def process_memory(_):
    """Of a process that sleeps: what it takes of MemFree, without the pages that it has for itself."""
    each, own = int(shell(PROCESS_MEMORY)) / IDLE_PROCESSES, own_pages()
    return each - own, f"{each:.0f} KiB altogether, {own} KiB of them its own pages"


def idle_memory(kept):
    """/proc/atoll/memory of a machine that runs nothing else: {service: {kind: KiB}}."""
    if not kept:
        heading, *lines = (line.split() for line in shell("sleep 1; exec cat /proc/atoll/memory").splitlines())
        kept.update((name, dict(zip(heading[1:], map(int, figures)))) for name, *figures in lines)
    return kept


def listed(figures):
    """The largest first, without those that are nothing."""
    return ", ".join(f"{name} {value:,}" for name, value in sorted(figures.items(), key=lambda item: -item[1]) if value)


def idle_by_server(kept):
    rows = dict(idle_memory(kept))
    return rows.pop("all")["sum"], listed({name: row["sum"] for name, row in rows.items()})


def idle_by_kind(kept):
    kinds = dict(idle_memory(kept)["all"])
    return kinds.pop("sum"), listed(kinds) + \
        f" (of the content tmpfs's files have {kept['tmpfs']['content']:,}, processes {kept['proc']['content']:,})"


def handlers(_):
    measured = bench_handlers.measure()
    dearest = sorted(measured, key=bench_handlers.Handler.ratio)[-4:]
    return bench_handlers.mean(measured), f"{len(measured)} operations; the dearest: " + \
        ", ".join(f"{one.server}'s {one.operation} {one.ratio():.2f}" for one in reversed(dearest)), bench_handlers.table(measured)


def targets(names):
    """What Ninja has to make for these rows beside the system."""
    names = set(names)
    return [*(["atoll-one-cpu.kernel"] if names & set(ONE_CPU) else []),
            *(["handlers"] if "handlers" in names else []),
            *(["atoll-latency.kernel", "system-tests"] if "interrupts-off" in names else [])]


MEASURES = {"pairs-counted": pairs_counted, "pairs-timed": pairs_timed, "call-across": across,
            "interrupts-off": interrupts_off, "fair-shares": shares, "nice-shares": nice_shares,
            "key-answer": key_answer, "handlers": handlers, "process-memory": process_memory}
IDLE = {"idle-by-server": idle_by_server, "idle-by-kind": idle_by_kind}   # of one boot


def measure(names, clock, say):
    """{row: Measured}, for the rows of this kind that are wanted."""
    kept, idle, found = {}, {}, {}
    for name in names:
        try:
            if name in IDLE:
                value, note, *table = IDLE[name](idle)
            else:
                value, note, *table = one_cpu(ONE_CPU[name], kept) if name in ONE_CPU else MEASURES[name](clock)
            found[name] = Measured(value, note=note, table=table[0] if table else None)
        except NoFigure as error:
            found[name] = Measured(error=str(error))
        except Exception as error:   # a row that cannot be had must not take the others along
            found[name] = Measured(error=f"{type(error).__name__}: {error}")
        if name not in ONE_CPU:
            say(f"{BY_NAME[name].title}")
    return found
