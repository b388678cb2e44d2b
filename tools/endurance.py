"""`./atoll endurance`: servers killed in turn, again and again, beside a load whose output is checked; what that costs.

One boot. Its time since power-on is cut into phases; in each, services are killed at another rate, in the first of them not at
all (bench/kills/main.c). Rounds of the load tell when they began and ended, so the rounds of killing phases stand beside those of
quiet ones of the same minutes. What a round says must be what the same script says on this machine's Linux.
"""

import os
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import build
import machine
import report_page
import rootfs
import test_fault
import test_system
from test_report import Failure

LOAD = build.ROOT / "bench/kills/load.sh"
MANIFEST = """service kills
program kills
supervise
limit none
priority driver
argument {cycles}
argument {seconds}
argument {periods}
argument {victims}
"""
PHASE = {"instructions": 20, "time": 20}   # seconds
LONGEST = 100_000   # seconds that no machine runs
SPEED = 20               # times as long as on the guest's clock a boot may take
LEAST = {100: 0.80, 1000: 0.97}            # share of the undisturbed throughput
PAUSE_P50, PAUSE_P50_COUNTED, PAUSE_P99 = 1_000_000, 300_000, 10_000_000
ROUND = re.compile(rb"begin (\d+\.\d+)\n(.*?)end (\d+\.\d+)\n", re.DOTALL)
CLOCK = re.compile(rb"clock (\d+\.\d+) (\d+\.\d+) ")
FIGURES = re.compile(r"kills: figures (\S+) (\S+) asked (\d+) done (\d+) restarts (\d+) pauses (\d+) (\d+) (\d+) (\d+)$", re.MULTILINE)
ALL = "all"   # instead of a period or of a victim


@dataclass
class Plan:
    """What is to be run: periods in milliseconds, 0 for nobody killed."""

    clock: str = "instructions"
    cycles: int = 1
    seconds: int = PHASE["instructions"]
    periods: tuple = (0, 100, 1000)
    smp: int = 1
    supervisor: bool = False
    after: int = 3   # seconds that the load goes on, for the killer's last words

    def victims(self):
        return [*test_fault.victims(), *(["supervisor"] if self.supervisor else [])]

    def end(self):
        return self.cycles * self.seconds * len(self.periods) + self.after

    def manifest(self):
        return MANIFEST.format(cycles=self.cycles, seconds=self.seconds, periods=",".join(map(str, self.periods)),
                               victims=",".join(self.victims()))

    def services(self):
        """The killer."""
        return {"kills": (build.BUILD / "kills", self.manifest())}


def killer(each):
    """One that ends all in turn, one each so many milliseconds, as long as the machine runs."""
    return Plan(seconds=LONGEST, periods=(each,), supervisor=True).services()


@dataclass
class Figures:
    """What the killer tells of one period and one victim, or of all; times in nanoseconds."""

    asked: int
    done: int
    restarts: int
    pauses: int
    p50: int
    p99: int
    worst: int


@dataclass
class Found:
    """What came of a run."""

    rounds: dict    # {period: seconds that each took}
    figures: dict   # {(period, victim): Figures}

    def mean(self, period):
        return sum(self.rounds[period]) / len(self.rounds[period])

    def shares(self):
        """Throughput beside that of the quiet phases, by period."""
        return {period: self.mean(0) / self.mean(period) for period, rounds in self.rounds.items() if period and rounds}


def expected():
    """What one round says on Linux."""
    with tempfile.TemporaryDirectory(prefix="atoll-") as folder:
        done = subprocess.run([rootfs.BUSYBOX, "sh", LOAD], env={**os.environ, "DIR": folder, "SECONDS_MAX": "0"}, umask=0o022,
                              capture_output=True, check=True)
    return ROUND.search(done.stdout)[2]


def boot(plan):
    """The outcome of the run."""
    system = test_system.System(plan.smp, False, plan.end() * SPEED + 60)
    with tempfile.TemporaryDirectory(prefix="atoll-") as system.folder:
        script = f"DIR=/tmp/load SECONDS_MAX={plan.end()}\n{LOAD.read_text()}"
        return system.shell(script, services=plan.services(), icount=plan.clock == "instructions")


def rounds(output, wanted):
    """(begin, end) of each, in seconds since power-on; all of them must have said what is wanted, and nothing else was said."""
    spans, at = [], 0
    while match := ROUND.match(output, at):
        if match[2] != wanted:
            raise Failure(f"round {len(spans)} became:\n{match[2].decode(errors='replace')}")
        spans.append((float(match[1]), float(match[3])))
        at = match.end()
    clock = CLOCK.match(output, at)
    if not clock or not spans:
        raise Failure(f"after {len(spans)} rounds: {output[at:][:2000].decode(errors='replace')}")
    offset = float(clock[1]) - float(clock[2])
    return [(begin - offset, end - offset) for begin, end in spans]


def phase_of(plan, moment):
    number = int(moment / plan.seconds)
    return number if number < plan.cycles * len(plan.periods) else None


def judge_log(log):
    if "kills: end" not in log:
        raise Failure("the killer did not come to its end:\n" + log[-2000:])
    odd = [line for line in log.splitlines() if re.search(r"kills: (?!figures |end)|given up|cannot be started", line)]
    if odd:
        raise Failure("\n".join(odd[:20]))


def figures_of(log):
    found = {}
    for period, victim, *numbers in FIGURES.findall(log):
        found[period if period == ALL else int(period), victim] = Figures(*map(int, numbers))
    return found


def planned(plan, period):
    """Kills: the first is half a period after its phase begins."""
    return plan.cycles * -(-(plan.seconds * 1000 - period // 2) // period) if period else 0


def discrepancies(plan, figures):
    """Where the killer's counts do not add up."""
    whom = plan.victims()
    missing = [f"{period} {victim}" for period in (*plan.periods, ALL) for victim in (*whom, ALL) if (period, victim) not in figures]
    if missing:
        yield f"the log has no figures of {', '.join(missing)}"
        return
    for (period, victim), of in figures.items():
        name = f"one each {period} ms, {victim}"
        if not of.asked == of.done == of.restarts:
            yield f"{name}: {of.asked} kills asked for, {of.done} done, {of.restarts} restarts in the services table"
        if of.pauses > of.done or (of.done and not 0 < of.p50 <= of.p99 <= of.worst if of.pauses else of.worst):
            yield f"{name}: {of.done} kills, {of.pauses} pauses: {of.p50}, {of.p99}, {of.worst}"
    for period in plan.periods:
        asked = figures[period, ALL].asked
        if asked != planned(plan, period):
            yield f"one each {period} ms: {asked} kills asked for, {planned(plan, period)} planned"
        if asked != sum(figures[period, victim].asked for victim in whom):
            yield f"one each {period} ms: {asked} kills asked for, the victims' own do not add up to that"
    if figures[ALL, ALL].pauses < figures[ALL, ALL].done // 2:
        yield f"{figures[ALL, ALL].done} kills, but {figures[ALL, ALL].pauses} pauses are known"


def sort_out(plan, outcome, wanted):
    """Found."""
    if outcome.error or outcome.status != 0:
        raise Failure(f"status {outcome.status}: {outcome.error[:2000].decode(errors='replace')}")
    judge_log(outcome.log)
    spent = {period: [] for period in plan.periods}
    for begin, end in rounds(outcome.output, wanted):
        phase = phase_of(plan, begin)
        if phase is not None and phase == phase_of(plan, end):
            spent[plan.periods[phase % len(plan.periods)]].append(end - begin)
    if empty := [str(period) for period in plan.periods if not spent[period]]:
        raise Failure(f"no round of the load was whole in a phase of {', '.join(empty)} ms")
    figures = figures_of(outcome.log)
    if wrong := list(discrepancies(plan, figures)):
        raise Failure("the counts do not add up:\n" + "\n".join(wrong))
    return Found(spent, figures)


def measure(plan):
    return sort_out(plan, boot(plan), expected())


HEAD = ["CPUs", "clock", "killed", "one each", "for", "kills", "rounds", "throughput", "p50", "p99", "worst"]


def pause_text(plan, nanoseconds):
    return f"{nanoseconds:,}" if plan.clock == "instructions" else f"{nanoseconds / 1000:,.0f} µs"


def pause_cells(plan, of):
    return [pause_text(plan, value) for value in (of.p50, of.p99, of.worst)]


def lines(plan, found):
    """Cells of each period; the first five name it."""
    whom = "the supervisor too" if plan.supervisor else "all servers"
    for period, share in found.shares().items():
        of = found.figures[period, ALL]
        yield [str(plan.smp), plan.clock, whom, f"{period} ms", f"{plan.cycles * plan.seconds:,} s", f"{of.done:,}",
               f"{len(found.rounds[period]):,}", f"{100 * share:.1f} %", *pause_cells(plan, of)]


def by_service(plan, found):
    """Pauses of each service, all periods together."""
    for victim in (*plan.victims(), ALL):
        of = found.figures[ALL, victim]
        yield [victim, *(f"{count:,}" for count in (of.done, of.restarts, of.pauses)), *pause_cells(plan, of)]


TEXT = """Written by `./atoll endurance --markdown docs/reliability.md` ({date} the last time), a row for each kind of run. All servers and drivers
are killed in turn, one each 100 ms or one each second, beside rounds of a load (files, pipelines, processes, a terminal) of which every byte
of output is compared with Linux's; a wrong byte, an error or a service given up ends the run. Throughput is that of phases without
killing in the same boot, by the guest's clock, over that of the killing phases. *instructions*: the guest's clock counts them
(a nanosecond each), so nothing else on this machine shows. A pause is from the death to the first answer, less the time in which nobody
asked for one; that of the supervisor is from the call that kills it to the answer of its successor.
"""


def failures(plan, found):
    """What is not as it must be."""
    for period, share in found.shares().items():
        if share < LEAST.get(period, 0):
            yield f"one each {period} ms: throughput {100 * share:.1f} %, at least {100 * LEAST[period]:.0f} % is wanted"
    of = found.figures[ALL, ALL]
    most = PAUSE_P50_COUNTED if plan.clock == "instructions" else PAUSE_P50
    if of.p50 > most:
        yield f"p50 of the pauses is {of.p50:,} ns, at most {most:,} is wanted"
    if of.p99 > PAUSE_P99:
        yield f"p99 of the pauses is {of.p99:,} ns, at most {PAUSE_P99:,} is wanted"


def plan_of(options):
    if options.smp > 1 and options.clock == "instructions":
        raise machine.Refused("--clock instructions counts those of one CPU; with --smp say --clock time")
    periods = (0, *(int(word) for word in options.every.split(",")))
    seconds = PHASE[options.clock]
    return Plan(options.clock, max(1, round(options.minutes * 60 / seconds)), seconds, periods, options.smp, options.supervisor)


def main(options):
    plan = plan_of(options)
    build.build("system", "bench")
    try:
        found = measure(plan)
    except Failure as failure:
        print(failure)
        return 1
    rows = list(lines(plan, found))
    print(report_page.text_table([HEAD, *rows]))
    print(report_page.text_table([["killed", "kills", "restarts", "pauses", "p50", "p99", "worst"], *by_service(plan, found)]))
    if options.markdown:
        report_page.rows_write(Path(options.markdown), report_page.ENDURANCE, TEXT.format(date=time.strftime("%Y-%m-%d", time.gmtime())), HEAD, rows, 5)
    wrong = list(failures(plan, found))
    print("\n".join(wrong) or "as it must be")
    return 1 if wrong else 0
