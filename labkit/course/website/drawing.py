"""A flowchart in Mermaid's text as an SVG, so that a page needs no script to draw it.

Only what `docs/draw_imports.py` writes is read: lines such as `a["one"] --> b["two"]`. Each box stands below all boxes
that point at it.
"""

import html
import re
from collections.abc import Sequence

ARROW = re.compile(r'^\s*(\w+)\["([^"]*)"\] --> (\w+)\["([^"]*)"\]$')
LETTER, HIGH, GAP, ACROSS = 8.2, 34, 52, 18  # pixels: a letter's width, a box's height, between rows, between boxes


def flowchart_svg(text: str, title: str) -> str:
    """The SVG of a flowchart. `title` is its text alternative. Raises `ValueError` for a line of another form."""
    labels: dict[str, str] = {}
    arrows: list[tuple[str, str]] = []
    for line in filter(str.strip, text.splitlines()):
        found = ARROW.match(line)
        if found:
            one, first, other, second = found.groups()
            labels |= {one: first, other: second}
            arrows.append((one, other))
        elif not line.startswith("flowchart"):
            raise ValueError(f"this line is not an arrow of a flowchart: {line.strip()!r}")
    rows = _rows(list(labels), arrows)
    wide = {name: 24 + LETTER * len(label) for name, label in labels.items()}
    width = max((sum(wide[name] + ACROSS for name in row) for row in rows), default=0) + ACROSS
    place = _places(rows, wide, width)
    lines = [_line(place[one], place[other], wide[one], wide[other]) for one, other in arrows]
    boxes = [_box(place[name], wide[name], labels[name]) for name in labels]
    high = len(rows) * (HIGH + GAP) - GAP + 8
    return (
        f'<svg class="labkit-drawing" role="img" aria-label="{html.escape(title)}" viewBox="0 0 {width:.0f} {high}">'
        '<defs><marker id="arrow-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="currentColor"/></marker></defs>{"".join(lines + boxes)}</svg>'
    )


def _rows(names: Sequence[str], arrows: Sequence[tuple[str, str]]) -> list[list[str]]:
    """The boxes in rows. A box stands one row below the lowest box that points at it, near the boxes above it."""
    depth = dict.fromkeys(names, 0)
    for _ in names:  # the longest way has at most as many boxes as there are
        for one, other in arrows:
            depth[other] = max(depth[other], min(depth[one] + 1, len(names)))
    rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in names:
        rows[depth[name]].append(name)
    for number, row in enumerate(rows[1:]):
        before = {name: place for place, name in enumerate(rows[number])}
        above = {name: [before[one] for one, other in arrows if other == name and one in before] for name in row}
        row.sort(key=lambda name: sum(above[name]) / len(above[name]) if above[name] else len(before))
    return [row for row in rows if row]


def _places(rows: Sequence[Sequence[str]], wide: dict[str, float], width: float) -> dict[str, tuple[float, float]]:
    """The middle of each box's upper edge."""
    found: dict[str, tuple[float, float]] = {}
    for number, row in enumerate(rows):
        x = (width - sum(wide[name] + ACROSS for name in row) + ACROSS) / 2
        for name in row:
            found[name] = (x + wide[name] / 2, 4 + number * (HIGH + GAP))
            x += wide[name] + ACROSS
    return found


def _line(start: tuple[float, float], end: tuple[float, float], wide: float, wide_end: float) -> str:
    (x, y), (to, down) = start, end
    lean = max(-1.0, min(1.0, (to - x) / 300))  # arrows leave and arrive apart
    x, to, y = x + lean * wide / 3, to - lean * wide_end / 3, y + HIGH
    return (
        f'<path d="M{x:.0f} {y:.0f}C{x:.0f} {y + GAP / 2:.0f} {to:.0f} {down - GAP / 2:.0f} {to:.0f} {down:.0f}" '
        'fill="none" stroke="currentColor" opacity=".55" marker-end="url(#arrow-head)"/>'
    )


def _box(place: tuple[float, float], wide: float, label: str) -> str:
    x, y = place
    return (
        f'<rect x="{x - wide / 2:.0f}" y="{y:.0f}" width="{wide:.0f}" height="{HIGH}" rx="6"/>'
        f'<text x="{x:.0f}" y="{y + HIGH / 2 + 5:.0f}" text-anchor="middle">{html.escape(label)}</text>'
    )
