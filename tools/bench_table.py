"""From measurements to figures, ratios and means, and to the table in text, Markdown and JSON.

A ratio is cost over cost: below 1 Atoll is faster, whatever the row's unit.
"""

import math

from bench_rows import BYTES, INSTRUCTIONS, MORE, RATE

MEBIBYTE = 1 << 20


def figure(row, measured, hertz):
    """What the row tells, in its unit: instructions (or ticks) for one operation, or MB/s."""
    if measured is None or measured.ticks is None:
        return None
    if row.unit == RATE:
        return measured.size * measured.operations * hertz / measured.ticks / 1e6
    if row.unit == BYTES:
        return measured.ticks / MEBIBYTE
    return measured.ticks / measured.operations


def ratio(row, ours, theirs):
    """How many times as dear as theirs; None where either is missing."""
    if not ours or not theirs:
        return None
    return theirs / ours if row.unit == RATE else ours / theirs


def geometric_mean(ratios):
    known = [value for value in ratios if value]
    return math.exp(sum(math.log(value) for value in known) / len(known)) if known else None


def number(value):
    if value is None:
        return "—"
    if value >= 1e8:
        return f"{value / 1e6:,.0f} M"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def times(value):
    return "—" if value is None else f"{value:.2f}"


def wall_text(row, nanoseconds, rate):
    """Wall time of one operation, or the rate."""
    if row.unit == RATE:
        return "—" if rate is None else f"{rate:,.0f} MB/s"
    if nanoseconds is None:
        return "—"
    for limit, unit in ((1e3, "ns"), (1e6, "µs"), (1e9, "ms")):
        if nanoseconds < limit:
            return f"{nanoseconds * 1e3 / limit:.3g} {unit}"
    return f"{nanoseconds / 1e9:.2f} s"


def reached(row, value):
    """Whether a figure is the goal, or what must be, or neither."""
    if value is None or row.must is None:
        return "—"

    def at(bound):
        return value >= bound if row.unit in MORE else value <= bound
    return "goal" if at(row.goal) else "yes" if at(row.must) else "NO"


class Line:
    """One row of the table, with both clocks. Counts are in the row's unit, walls in nanoseconds or MB/s."""

    def __init__(self, row, counts, walls, why=None, table=None):
        self.row, self.counts, self.walls, self.why, self.table = row, counts, walls, why, table   # {"atoll": value, "linux": value}
        self.ratio = ratio(row, counts.get("atoll"), counts.get("linux"))
        self.wall_ratio = ratio(row, walls.get("atoll"), walls.get("linux"))

    def as_json(self):
        return {"row": self.row.name, "title": self.row.title, "unit": self.row.unit, "must": self.row.must,
                "goal": self.row.goal, "instructions": self.counts, "wall": self.walls, "ratio": self.ratio,
                "wall_ratio": self.wall_ratio, "why": self.why}

    def cells(self):
        row, atoll, linux = self.row, self.counts.get("atoll"), self.counts.get("linux")
        bound = "—" if row.must is None or not any(self.counts.values()) else (">= " if row.unit in MORE else "<= ") + number(row.must)
        return [row.title + ("" if row.unit == INSTRUCTIONS else f", {row.unit}"),
                number(atoll), row.published or number(linux), times(self.ratio), bound, reached(row, atoll),
                self.wall("atoll"), self.wall("linux"), times(self.wall_ratio), self.why or ""]

    def wall(self, system):
        value = self.walls.get(system)
        return wall_text(self.row, value, value)


LINUX_HEADING = ["row", "Atoll", "Linux", "ratio", "must", "reached", "Atoll, time", "Linux, time", "ratio", "note"]
MACHINE_HEADING = ["the machine", "Atoll", "", "", "must", "reached", "", "", "", "note"]
KERNEL_HEADING = ["kernel row", "Atoll", "seL4", "", "must", "reached", "Atoll, time", "", "", "note"]


def means(lines):
    """The geometric means of both clocks over the rows that both systems have told: of all of them, and
    without the two about booting, which are so far apart that they would hide the others."""
    programs = [line for line in lines if line.row.kind == "linux"]
    return {name: (geometric_mean(line.ratio for line in some), geometric_mean(line.wall_ratio for line in some))
            for name, some in (("geometric mean of what programs do", programs), ("geometric mean of all rows", lines))}


def sections(lines):
    """(heading, rows of cells) of the Linux rows, with their means, of the kernel's and of the machine's."""
    linux = [line for line in lines if line.row.kind in ("linux", "boot")]
    machine = [line for line in lines if line.row.kind == "machine"]
    kernel = [line for line in lines if line.row.kind == "kernel"]
    if linux:
        yield LINUX_HEADING, [line.cells() for line in linux] + [
            [name, "", "", times(counted), "", "", "", "", times(timed), ""]
            for name, (counted, timed) in means(linux).items() if counted or timed]
    if kernel:
        yield KERNEL_HEADING, [line.cells() for line in kernel]
    if machine:
        yield MACHINE_HEADING, [line.cells() for line in machine]
    for line in lines:
        if line.table:
            yield line.table[0], line.table[1:]


def shown(heading, rows):
    """Without the columns that are empty in every row."""
    kept = [index for index in range(len(heading)) if any(row[index] not in ("", "—") for row in rows)]
    return [heading[index] for index in kept], [[row[index] for index in kept] for row in rows]


def text(lines):
    """For a terminal."""
    output = []
    for heading, rows in (shown(*section) for section in sections(lines)):
        widths = [max(len(row[index]) for row in [heading] + rows) for index in range(len(heading))]
        for row in [heading] + rows:
            cells = [cell.ljust(width) if not index else cell.rjust(width)
                     for index, (cell, width) in enumerate(zip(row, widths))]
            output.append("  ".join(cells).rstrip())
        output.append("")
    return "\n".join(output)


def markdown(lines):
    output = []
    for heading, rows in (shown(*section) for section in sections(lines)):
        output.append("| " + " | ".join(heading) + " |")
        output.append("| --- |" + " ---: |" * (len(heading) - 1))
        output += ["| " + " | ".join(cell.replace("<=", "≤").replace(">=", "≥") for cell in row) + " |" for row in rows]
        output.append("")
    return "\n".join(output)
