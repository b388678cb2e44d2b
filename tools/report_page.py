"""docs/reliability.md: sections that different commands write, each without touching those of others; and the figures and tables in
them."""

import re

ENDURANCE = "Killed in turn"   # the section of `./atoll endurance`


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0


def text_table(rows):
    """For a terminal."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                               for column, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows) + "\n"


def markdown_table(rows):
    lines = [rows[0], ["---"] + ["---:"] * (len(rows[0]) - 1), *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def sections(page):
    """[(title, text)]: what stands before the first has the title None."""
    parts = re.split(r"^## (.*)\n", page, flags=re.MULTILINE)
    return [(None, parts[0]), *zip(parts[1::2], parts[2::2])]


def section_put(page, title, text, first=False):
    """The page with this section in place of the one of that title, or behind all others; or before them."""
    found = sections(page)
    new = (title, f"\n{text.strip()}\n\n")
    if any(name == title for name, _ in found):
        found = [new if name == title else (name, old) for name, old in found]
    else:
        found.insert(1 if first else len(found), new)
    return "\n\n".join((old if name is None else f"## {name}\n{old}").rstrip() for name, old in found) + "\n"


def table_rows(text):
    """Cells of a table's rows, without its heading."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return lines[2:]


def rows_write(path, title, text, heading, rows, keys):
    """A section with one table, whose rows are known by their first cells: these rows instead of those of the same names."""
    page = path.read_text() if path.exists() else ""
    old = table_rows(dict(sections(page)).get(title, ""))
    names = [row[:keys] for row in rows]
    kept = sorted([row for row in old if row[:keys] not in names and len(row) == len(heading)] + rows, key=lambda row: row[:keys])
    path.write_text(section_put(page, title, f"{text}\n{markdown_table([heading, *kept])}"))
