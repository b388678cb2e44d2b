"""What the workload of the fault tests said, part by part, beside what it says without faults (tests/fault/workload.sh)."""

import os
import re

HEAD = re.compile(rb"^== (\d+) (\w+)\n", re.MULTILINE)
ERRORS = [os.strerror(number) for number in range(1, 134)] + ["can't fork", "Out of memory", "Bad system call", "ended abnormally"]


class Notice:
    """A part that came out otherwise than it should."""

    def __init__(self, number, name, what, text):
        self.round, self.name = number, name
        self.what = what   # "error": a program was told; "wrong": none was, and what it says is wrong; "stuck": there was no end
        self.text = text

    def same_place(self, other):
        return (self.round, self.name) == (other.round, other.name)


def parts(output):
    """[(round, name, text)]"""
    pieces = HEAD.split(output)
    return [(int(pieces[i]), pieces[i + 1].decode(), pieces[i + 2]) for i in range(1, len(pieces), 3)]


def expectations(output):
    """{name: text}, the same in each round."""
    found = {}
    for _, name, text in parts(output):
        assert found.setdefault(name, text) == text, f"without faults, {name} says one thing and another"
    return found


def difference(expected, found):
    """("error" or "wrong", how it is told)."""
    before, after = (text.decode(errors="replace").splitlines() for text in (expected, found))
    for line in after:
        if line not in before and any(error in line for error in ERRORS):
            return "error", line
    for one, other in zip(before, after):
        if one != other:
            return "wrong", f"{one} became {other}"
    return "wrong", f"{len(after)} lines instead of {len(before)}"


def notices(expected, output, why_no_end, ended=True):
    """The parts that differ; those that differ one after the other, to the first whole round that does not, are one. `ended`: where there is no
    end, the workload itself ended too early."""
    found, well, said = [], len(expected), parts(output)
    for index, (number, name, text) in enumerate(said):
        last = index == len(said) - 1
        if text == expected.get(name, b"") and not (last and name != "end"):
            well += 1
            continue
        if well >= len(expected) - 1:
            what = difference(expected.get(name, b""), text)
            if last and why_no_end and not (ended and what[0] == "error"):   # which will have been why
                what = "stuck", why_no_end + (f", after: {what[1]}" if what[0] == "error" else "")
            found.append(Notice(number, name, *what))
        well = 0
    if not said:
        found.append(Notice(0, "tree", "stuck", why_no_end or "nothing was said"))
    return found
