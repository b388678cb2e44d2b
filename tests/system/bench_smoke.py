"""./atoll bench: its arithmetic, what it reads from a guest, and a few cheap rows counted on Atoll."""

import json
from pathlib import Path

import bench_guest
import bench_plot
import bench_rows
import bench_table
from bench_guest import Measured

TIME = 60


def figures(system):
    cost, rate = bench_rows.BY_NAME["stat"], bench_rows.BY_NAME["read-8m"]
    system.equal(bench_table.figure(cost, Measured(3000, 100), 1e9), 30, "instructions for one operation")
    system.equal(bench_table.figure(rate, Measured(8000, 1, 16000), 1e9), 2000, "MB/s")
    system.equal(bench_table.figure(cost, Measured(error="died"), 1e9), None)
    system.equal((bench_table.ratio(cost, 50, 100), bench_table.ratio(rate, 50, 100)), (0.5, 2.0), "cost over cost")
    system.equal(bench_table.ratio(cost, None, 100), None)
    assert abs(bench_table.geometric_mean([0.5, None, 8]) - 2) < 1e-9
    system.equal(bench_table.geometric_mean([None]), None)
    system.equal(Measured(error="died").better(Measured(5)).ticks, 5, "an error against a figure")
    system.equal(Measured(7).better(Measured(5)).ticks, 5, "the faster")
    system.equal([bench_table.reached(cost, value) for value in (1000, 3000, 4000, None)], ["goal", "yes", "NO", "—"])
    system.equal(bench_table.reached(rate, 4000), "yes", "of a rate more is better")


def shown(system):
    lines = [bench_table.Line(bench_rows.BY_NAME["stat"], {"atoll": 2000, "linux": 4000}, {}),
             bench_table.Line(bench_rows.BY_NAME["tcp-throughput"], {"atoll": None, "linux": 1000}, {}, "not there yet")]
    for text in (bench_table.text(lines), bench_table.markdown(lines)):
        for part in ("2,000", "0.50", "not there yet", "geometric mean of all rows"):
            system.contains(text, part)
    system.contains(bench_plot.svg(lines), "stat, instructions: 0.50")
    json.dumps([line.as_json() for line in lines])


def read(system):
    lines = bench_guest.Lines(Path(system.folder) / "none")
    for text in ("[1.5] kernel-bench: begin a", "row a ticks=10 operations=2 bytes=0 batches=8", "begin b",
                 "row b failed socket EAFNOSUPPORT Address family not supported", "row c wrong x == y", "end"):
        lines.line(text)
    system.equal((lines.rows["a"].ticks, lines.rows["a"].operations, lines.running), (10, 2, "b"))
    system.equal(lines.rows["b"].error, "not there yet (socket: EAFNOSUPPORT)")
    system.equal((lines.rows["c"].error, lines.ended), ("wrong: x == y", True))


def goes_on(system):
    """A boot that ends in the middle of a row costs that row; the others come from the next boot."""
    told = [(("begin a", "row a ticks=8 operations=1 bytes=0 batches=8", "begin b"), "the kernel panicked"),
            (("begin c", "row c ticks=9 operations=1 bytes=0 batches=8", "end"), None)]
    asked = []

    def boot(line, folder, said):
        asked.append(line)
        lines = bench_guest.Lines(Path(folder) / said)
        texts, why = told[len(asked) - 1]
        for text in texts:
            lines.line(text)
        return lines, why

    real = bench_guest.boot
    bench_guest.boot, bench_guest.SYSTEMS["told"] = boot, (lambda folder, names, icount, cpu: list(names), "output")
    try:
        rows, _, _ = bench_guest.measure("told", ["a", "b", "c"], True, "max", lambda text: None)
    finally:
        bench_guest.boot = real
        del bench_guest.SYSTEMS["told"]
    system.equal(asked, [["a", "b", "c"], ["c"]], "the rows of each boot")
    system.equal((rows["a"].ticks, rows["b"].error, rows["c"].ticks), (8, "the kernel panicked", 9))


def counted(system):
    path = Path(system.folder) / "out.json"
    done = system.front_door("bench", "null-call", "clock-gettime", "tcp-round-trip", "kernel-call-4",
                             "pairs-counted", "fair-shares", "getpgid", "pipe-make", "nice-shares", "one-cpu-call-0", "--system", "atoll",
                             "--clock", "instructions", "--json", path)
    system.equal(done.returncode, 0, done.stderr.decode())
    rows = {row["row"]: row for row in json.loads(path.read_text())["rows"]}
    assert 100 < rows["null-call"]["instructions"]["atoll"] < 20000, rows
    assert 10 < rows["clock-gettime"]["instructions"]["atoll"] < 1000, rows
    assert 100 < rows["kernel-call-4"]["instructions"]["atoll"] < 20000, rows
    assert rows["pairs-counted"]["instructions"]["atoll"] <= 1.1, rows["pairs-counted"]
    assert rows["fair-shares"]["instructions"]["atoll"] <= 3, rows["fair-shares"]
    assert rows["nice-shares"]["instructions"]["atoll"] <= 3, rows["nice-shares"]
    assert 1 < rows["one-cpu-call-0"]["instructions"]["atoll"] < 1.2, rows["one-cpu-call-0"]
    assert rows["tcp-round-trip"]["instructions"]["atoll"] or rows["tcp-round-trip"]["why"], rows


def test(system):
    figures(system)
    shown(system)
    read(system)
    goes_on(system)
    counted(system)
