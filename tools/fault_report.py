"""What a fault campaign found, as tables: for the terminal and for docs/reliability.md."""

import datetime
import textwrap
from collections import Counter

import outputs
import report_page
from report_page import quantile


def row(label, faults):
    manifested = [fault for fault in faults if fault.manifested]
    noticed = Counter(fault.seen for fault in faults if fault.seen)
    pauses = [fault.pause for fault in faults if fault.kind == "kill" and fault.pause]
    invisible = f"{100 * (1 - noticed.total() / len(manifested)):.2f} %" if manifested else "-"
    cells = [label, len(faults), sum(fault.showed for fault in faults), sum(fault.outcome == "hung" for fault in faults),
             sum(fault.outcome == "doubted" for fault in faults)]
    cells += [noticed[what] for what in ("error", "wrong", "stuck")] + [invisible]
    return cells + [f"{quantile(pauses, share):,}" if pauses else "-" for share in (0.5, 0.99, 1)]


HEAD = ["", "faults", "showed", "hung", "doubted", "error", "wrong", "stuck", "unnoticed", "p50", "p99", "worst"]


def groups_by(key, faults):
    for value in sorted({getattr(fault, key) for fault in faults}):
        yield value, [fault for fault in faults if getattr(fault, key) == value]


def groups(faults):
    yield from groups_by("victim", faults)
    yield from groups_by("kind", faults)
    yield "all", faults


def done(faults):
    return [fault for fault in faults if fault.outcome != "missed"]


def rows(faults):
    return [HEAD] + [[str(cell) for cell in row(label, group)] for label, group in groups(done(faults))]


def table(faults):
    return textwrap.indent(report_page.text_table(rows(faults)), " " * 5).rstrip("\n")


PAGE = """# Reliability

Written by `./atoll test fault --markdown docs/reliability.md`, section by section; each says with which options and when. What other commands
and people have written here stays.

Faults are injected into servers, each while it has a request in hand, under a workload whose every byte of output is compared with
that of a run without faults (`tests/fault/README.md` says how, and what the kinds mean). *showed*: the server died or hung, or an
allocation failed, or a message was changed or lost; *doubted*: it had itself started afresh for an error that it did not believe
([010](decisions/010-wrong-answers.md)), of which nobody knows whether the fault was its cause, so that this is no consequence; *error*: a program was told of an error that there is not without the fault;
*wrong*: it was told nothing, and what it says is wrong; *stuck*: the workload did not come to its end. *unnoticed*: the share without
these, of all faults that had consequences (showed, or were noticed). Pauses are from the kill to the second step of the successor (its first answered request), in
instructions, on several CPUs in nanoseconds. The worst ones are of servers that had nothing to do: they last until somebody used them again.
"""


def told(problem):
    return f"seed {problem.seed}, fault {problem.number}: {problem.what} in {problem.name}: {problem.text}"


def title(name, options):
    return f"{name} on {options.smp} CPUs" if options.smp > 1 else name


def command(options):
    words = ["./atoll test", *(options.names or ["fault"]), f"--faults {options.faults}" if options.faults else "",
             f"--seed {options.seed}", f"--smp {options.smp}" if options.smp > 1 else "",
             "--no-blame" if options.no_blame else ""]
    return " ".join(word for word in words if word)


def summary(campaigns, counts, options):
    """A line for each test, one for each server, and all of them."""
    everything = done(fault for campaign in campaigns.values() for fault in campaign.faults)
    lines = [HEAD] + [row(name, done(campaign.faults)) for name, campaign in campaigns.items()]
    lines += [row(f"in {name}", group) for name, group in groups_by("victim", everything)] + [row("all", everything)]
    injected, wanted = sum(campaign.done for campaign in campaigns.values()), sum(counts.values())
    problems = [problem for campaign in campaigns.values() for problem in campaign.problems]
    kernel = sum(problem.kernel for problem in problems)
    boots = sum(len(campaign.found) for campaign in campaigns.values())
    text = f"`{command(options)}`, {datetime.date.today()}: {injected:,} of {wanted:,} faults" \
        f" in {boots:,} boots; the kernel failed {kernel} times."
    return text + "\n\n" + report_page.markdown_table([[str(cell) for cell in line] for line in lines])


def section(name, campaigns, options):
    campaign = campaigns[name]
    text = f"`{command(options)}`, {datetime.date.today()}\n\n" + report_page.markdown_table(rows(campaign.faults))
    if campaign.problems:
        text += "\nNoticed:\n\n" + "".join(f"- {told(problem)}\n" for problem in campaign.problems)
    return text


def replace(path, page):
    with outputs.whole(path) as partial:
        partial.write_text(page)


def page_of(path):
    """The page that is there, with the head of today."""
    old = path.read_text() if path.exists() else ""
    return PAGE + "".join(f"\n## {name}\n{text}" for name, text in report_page.sections(old) if name)


def put(path, title, text):
    replace(path, report_page.section_put(page_of(path), title, text))


def write(path, campaigns, counts, options, whole):
    """Into the page that is there, whose other sections stay. `whole`: these are all tests."""
    page = page_of(path)
    if whole:
        page = report_page.section_put(page, title("All kinds", options), summary(campaigns, counts, options), first=True)
    for name, campaign in campaigns.items():
        if campaign.found:
            page = report_page.section_put(page, title(name, options), section(name, campaigns, options))
    replace(path, page)
