"""The ratios as a picture: one bar for each row, on a logarithmic scale, the equal in the middle."""

import math
from html import escape

BAR, GAP, LABEL, WIDTH, TOP = 9, 10, 300, 760, 46
COLOURS = {"instructions": "#1f6f8b", "time": "#e0a458"}


def svg(lines):
    bars = [(line.row.title, {"instructions": line.ratio, "time": line.wall_ratio})
            for line in lines if line.ratio or line.wall_ratio]
    ratios = [value for _, values in bars for value in values.values() if value]
    span = max([math.log2(2)] + [abs(math.log2(value)) for value in ratios])
    span = math.ceil(span)
    middle, unit = LABEL + (WIDTH - LABEL) / 2, (WIDTH - LABEL) / 2 / span
    height = TOP + len(bars) * (2 * BAR + GAP) + 20
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 60} {height}" font-family="sans-serif" '
             f'font-size="12"><rect width="100%" height="100%" fill="#ffffff"/>',
             '<text x="10" y="18" font-size="15">Atoll\'s cost over Linux\'s: left of 1 Atoll is faster</text>']
    for index, (name, colour) in enumerate(COLOURS.items()):
        parts.append(f'<rect x="{LABEL + 150 + 120 * index}" y="9" width="10" height="10" fill="{colour}"/>'
                     f'<text x="{LABEL + 165 + 120 * index}" y="18">{name}</text>')
    for power in range(-span, span + 1, 1 if span < 5 else 2) if span % 2 == 0 or span < 5 else range(1 - span, span, 2):
        x = middle + power * unit
        text = f"{2 ** power}" if power >= 0 else f"1/{2 ** -power}"
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{height - 14}" '
                     f'stroke="{"#333333" if power == 0 else "#dddddd"}"/>'
                     f'<text x="{x:.1f}" y="{TOP - 10}" text-anchor="middle" fill="#555555">{text}</text>')
    for index, (title, values) in enumerate(bars):
        y = TOP + index * (2 * BAR + GAP)
        parts.append(f'<text x="{LABEL - 8}" y="{y + BAR + 4}" text-anchor="end">{escape(title)}</text>')
        for place, (name, value) in enumerate(values.items()):
            if value:
                end = middle + math.log2(value) * unit
                parts.append(f'<rect x="{min(middle, end):.1f}" y="{y + place * BAR}" width="{abs(end - middle):.1f}" '
                             f'height="{BAR - 1}" fill="{COLOURS[name]}"><title>{escape(title)}, {name}: {value:.2f}'
                             '</title></rect>')
    return "\n".join(parts + ["</svg>"]) + "\n"
