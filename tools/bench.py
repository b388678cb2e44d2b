"""`./atoll bench`: the same programs on Atoll and on Debian's Linux, by two clocks, in one table.

Instructions: one boot of each system for each setting of the processor with -icount; of a system's
two figures the smaller counts. Time: boots of both in turn without -icount, the best of them.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import bench_guest
import bench_machine
import bench_plot
import bench_rows
import bench_table
import build
import guest
import machine
import qemu
from bench_guest import Measured, SETTINGS

COUNTED_HERTZ = 1e9   # with -icount shift=0 a tick is an instruction is a nanosecond


class Bench:
    """One run: measurements by clock, system and row."""

    def __init__(self, rows, say):
        self.rows, self.say = rows, say
        self.best = {"count": {}, "wall": {}}    # clock -> system -> row name -> Measured
        self.settings = {}                       # (clock, system, setting) -> row name -> ticks, for --json
        self.hertz = None                        # of the TSC without -icount

    def names(self, *kinds):
        return [row.name for row in self.rows if row.kind in kinds]

    def wanted(self, system):
        """The program's rows of a system, and whether booting it tells something more."""
        return self.names("kernel" if system == "kernel" else "linux"), system != "kernel" and self.names("boot")

    def run_one(self, clock, system, setting):
        names, boots = self.wanted(system)
        if not names and not boots:
            return
        started = time.monotonic()
        found, boot, hertz = bench_guest.measure(system, names or ["none"], clock == "count", setting, self.say)
        found = {name: value for name, value in found.items() if name in names}
        if boots and boot:
            ticks, memory, seconds = boot
            found["boot"] = Measured(ticks if clock == "count" else seconds * 1e9)
            found["memory"] = Measured(memory)
        if clock == "wall":
            self.hertz = hertz or self.hertz
        kept = self.best[clock].setdefault("atoll" if system == "kernel" else system, {})
        for name, measured in found.items():
            kept[name] = measured.better(kept.get(name))
        self.settings.setdefault(f"{clock} {system} {setting}", []).append(
            {name: {"ticks": value.ticks, "operations": value.operations} for name, value in found.items()})
        self.say(f"{system}, {setting}, {'-icount' if clock == 'count' else 'time'}: "
                 f"{time.monotonic() - started:.0f} s")

    def line(self, row):
        counts, walls = {}, {}
        for system in ("atoll", "linux"):
            counted = self.best["count"].get(system, {}).get(row.name)
            timed = self.best["wall"].get(system, {}).get(row.name)
            counts[system] = bench_table.figure(row, counted, COUNTED_HERTZ)
            walls[system] = self.time(row, timed)
        return bench_table.Line(row, counts, walls, self.why(row), getattr(self.best["count"].get("atoll", {}).get(row.name), "table", None))

    def time(self, row, timed):
        value = bench_table.figure(row, timed, self.hertz or COUNTED_HERTZ)
        if value is None or row.kind == "boot":
            return value if row.name == "boot" else None
        return value if row.unit == bench_rows.RATE else value * 1e9 / (self.hertz or COUNTED_HERTZ)

    def why(self, row):
        """Why a figure is missing, in the programs' own words."""
        words = []
        for system in ("atoll", "linux"):
            for clock in ("count", "wall"):
                found = self.best[clock].get(system, {}).get(row.name)
                if found and found.note:
                    words.append(found.note)
                if found and found.error:
                    words.append((f"Linux: {found.error}" if system == "linux" else found.error))
        return "; ".join(dict.fromkeys(words)) or None

    def lines(self):
        return [self.line(row) for row in self.rows]


def check(options):
    rows = bench_rows.chosen(options.names)
    if options.rounds < 1:
        raise machine.Refused("--rounds: at least 1")
    for path in (options.json, options.plot, options.markdown):
        if path and not Path(path).resolve().parent.is_dir():
            raise machine.Refused(f"{path}: its directory does not exist")
    if options.plot and not options.plot.endswith(".svg"):
        raise machine.Refused("--plot: the file's name ends in .svg")
    if options.system != "atoll":
        bench_guest.linux_kernel()
    return rows


def versions():
    """What the figures depend on: (name, value)."""
    def said(*command):
        done = subprocess.run(command, capture_output=True, text=True)
        return (done.stdout or "unknown").splitlines()[0].strip()
    yield "date", time.strftime("%Y-%m-%d", time.gmtime())
    yield "Atoll", said("git", "-C", str(build.ROOT), "describe", "--always", "--dirty") + ", the release kernel: " \
        "no lock checks, no trace"
    yield "Linux", f"{bench_guest.linux_kernel().name.removeprefix('vmlinuz-')}, Debian, `{bench_guest.LINUX_APPEND}`"
    yield "QEMU", said(qemu.QEMU, "--version")
    yield "compiler", said("gcc", "--version")
    counted = qemu.command(bench_guest.options(True, " | ".join(SETTINGS)), "tcg")
    yield "instructions", "`" + " ".join(counted) + "`, for each system the better setting of the processor"
    accel = qemu.accelerator(build.CACHE, quiet=True)
    timed = qemu.command(bench_guest.options(False, " | ".join(SETTINGS)), accel)
    yield "time", "`" + " ".join(timed) + "`, both systems in turn, the best of all rounds"


def document(lines, facts):
    """docs/performance.md."""
    return "\n".join([
        "# Speed, measured", "",
        "Written by `./atoll bench --markdown docs/performance.md`; [bench/](../bench/README.md) tells what the rows do.",
        "Instructions are those the guest executes (the same in every run); time is this machine's and noisy. A ratio",
        "is Atoll's cost over Linux's: below 1 Atoll is faster. seL4's figures are published ones of the same emulator.",
        "", *(f"- {name}: {value}" for name, value in facts), "", bench_table.markdown(lines)])


def write(path, content):
    Path(path).write_text(content)
    print(f"atoll: {path} written", file=sys.stderr)


def main(options):
    if options.list:
        for row in bench_rows.ROWS:
            print(f"{row.name:20} {row.title}")
        return 0
    rows = check(options)
    build.build("system", "bench", *bench_machine.targets(row.name for row in rows if row.kind == "machine"))
    started = time.monotonic()
    run = Bench(rows, lambda text: print(f"[{time.monotonic() - started:4.0f} s] {text}", file=sys.stderr, flush=True))
    systems = {"both": ["atoll", "linux", "kernel"], "atoll": ["atoll", "kernel"], "linux": ["linux"]}[options.system]
    if options.clock != "time":
        for setting in SETTINGS:
            for system in systems:
                run.run_one("count", system, setting)
    if options.clock != "instructions":
        for _ in range(options.rounds):
            for setting in SETTINGS:
                for system in systems:
                    run.run_one("wall", system, setting)
    if options.system != "linux":
        names = run.names("machine")
        run.best["count"].setdefault("atoll", {}).update(bench_machine.measure(names, options.clock, run.say))
    lines = run.lines()
    facts = list(versions())
    print(bench_table.text(lines))
    if options.json:
        write(options.json, json.dumps({"versions": dict(facts), "rows": [line.as_json() for line in lines],
                                        "means": {name: dict(zip(("instructions", "time"), both)) for name, both
                                                  in bench_table.means(lines).items()},
                                        "boots": run.settings}, indent=1, ensure_ascii=False) + "\n")
    if options.markdown:
        write(options.markdown, document(lines, facts))
    if options.plot:
        write(options.plot, bench_plot.svg(lines))
    return 0 if any(line.counts["atoll"] or line.counts["linux"] or line.walls["atoll"] or line.walls["linux"]
                    for line in lines) else 1
