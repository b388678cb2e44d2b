"""What a fault campaign found, as tables: for the terminal and for docs/reliability.md."""

import datetime
import textwrap
from collections import Counter

import report_page
from report_page import quantile


def row(label, faults):
    manifested = [fault for fault in faults if fault.manifested]
    noticed = Counter(fault.seen.what for fault in faults if fault.seen)
    pauses = [fault.pause for fault in faults if fault.kind == "kill" and fault.pause]
    invisible = f"{100 * (1 - noticed.total() / len(manifested)):.2f} %" if manifested else "-"
    cells = [label, len(faults), sum(fault.showed for fault in faults), sum(fault.outcome == "hung" for fault in faults)]
    cells += [noticed[what] for what in ("error", "wrong", "stuck")] + [invisible]
    return cells + [f"{quantile(pauses, share):,}" if pauses else "-" for share in (0.5, 0.99, 1)]


HEAD = ["", "faults", "showed", "hung", "error", "wrong", "stuck", "unnoticed", "p50", "p99", "worst"]


def groups(faults):
    for key in ("victim", "kind"):
        for value in sorted({getattr(fault, key) for fault in faults}):
            yield value, [fault for fault in faults if getattr(fault, key) == value]
    yield "all", faults


def rows(faults):
    done = [fault for fault in faults if fault.outcome != "missed"]
    return [HEAD] + [[str(cell) for cell in row(label, group)] for label, group in groups(done)]


def table(faults):
    return textwrap.indent(report_page.text_table(rows(faults)), " " * 5).rstrip("\n")


PAGE = """# Reliability

Written by `./atoll test fault --faults {faults} --seed {seed} --markdown docs/reliability.md` on {date}.

Faults are injected into servers, each while it has a request in hand, under a workload whose every byte of output is compared with
that of a run without faults (`tests/fault/README.md` says how, and what the kinds mean). *showed*: the server died or hung;
*error*: a program was told of an error that there is not without the fault; *wrong*: it was told nothing, and what it says is wrong;
*stuck*: the workload did not come to its end. *unnoticed*: the share without these, of all faults that had consequences. Pauses are from the kill to the second step of the successor (its first
answered request), in instructions.
"""


def told(seed, number, notice):
    return f"seed {seed}, fault {number}: {notice.what} in {notice.name}: {notice.text}"


def page(campaigns, options):
    text = PAGE.format(faults=options.faults, seed=options.seed, date=datetime.date.today())
    for name, campaign in campaigns.items():
        text += f"\n## {name}\n\n{report_page.markdown_table(rows(campaign.faults))}"
        if campaign.problems:
            text += "\nNoticed:\n\n" + "".join(f"- {told(*problem)}\n" for problem in campaign.problems)
    return text
