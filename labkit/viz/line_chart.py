"""Charts in SVG that take the page's colours: axes, lines, bands, markers. Each is a text to put into `svg(...)`.

They are for pictures that change with controls (`labkit.viz.chooser`) or while a training runs. Figures that stand still are
plotly's.
"""

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.viz.theme import Look

WIDE, HIGH = 360, 264
LEFT, TOP, RIGHT, BOTTOM = 46, 12, 350, 214  # of the area between the axes
LETTER, APART = 7.0, 6.0  # pixels: a letter's width, and the least space between two labels
LOG_FROM = 8  # largest by smallest value, from which an axis is logarithmic

Point = tuple[float, float]

# Paths around 0, 0, by the marker's name in `labkit.viz.theme`.
MARKERS = {
    "circle": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z",
    "diamond": "M0 -5.5L5.5 0L0 5.5L-5.5 0Z",
    "square": "M-4 -4H4V4H-4Z",
    "triangle-up": "M0 -5L5 4H-5Z",
    "x": "M-4 -4L4 4M-4 4L4 -4",
    "star": "M0 -6L1.5 -1.5L6 0L1.5 1.5L0 6L-1.5 1.5L-6 0L-1.5 -1.5Z",
    "cross": "M-5 0H5M0 -5V5",
    "hexagon": "M-5 0L-2.5 -4.5H2.5L5 0L2.5 4.5H-2.5Z",
}
DASHES = {"solid": "", "dash": "7 4", "dot": "2 3", "dashdot": "7 3 2 3", "longdash": "11 4", "longdashdot": "11 3 2 3"}


@dataclass(frozen=True)
class Scale:
    """An axis: the pixel of each value between `low` and `high`, or of each of the `values` that have no order of size."""

    start: float  # pixel of `low`
    end: float
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    values: tuple[Any, ...] = ()

    @classmethod
    def across(cls, values: Sequence[Any]) -> "Scale":
        """A horizontal axis with a place for each of these values: numbers by size, others one beside the other."""
        if not are_numbers(values):
            return cls(LEFT, RIGHT, -0.5, len(values) - 0.5, values=tuple(values))
        low, high = min(values), max(values)
        if low > 0 and high / low >= LOG_FROM:
            room = (high / low) ** 0.06
            return cls(LEFT, RIGHT, low / room, high * room, log=True)
        room = 0.06 * (high - low) or 1.0
        return cls(LEFT, RIGHT, low - room, high + room)

    def at(self, value: Any) -> float:
        """The pixel of a value; of one beyond the ends, that of the end."""
        if self.values:
            value = self.values.index(value)
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        share = ((math.log(value) if self.log else value) - low) / (high - low)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    def has(self, value: float) -> bool:
        """Whether the axis reaches a number."""
        return self.low <= value <= self.high


def are_numbers(values: Iterable[Any]) -> bool:
    """Whether all of the values are finite numbers."""
    return all(
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) for value in values
    )


def steps(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from `low` to `high`, at most about `most`."""
    rough = max(high - low, 1e-9) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(step * number, 10) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def up(low: float, high: float) -> Scale:
    """A vertical axis."""
    return Scale(BOTTOM, TOP, low, high)


def axes(across: Scale, marks: Sequence[Any], below: str, upwards: Scale, left: str) -> str:
    """Both axes with their numbers and names. `marks` are the values below; those without room have no label."""
    parts = []
    for value in steps(upwards.low, upwards.high):
        y = upwards.at(value)
        faint = ' opacity=".6"' if value == 0 else ' opacity=".16"'
        parts.append(f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="currentColor"{faint}/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    free = 0.0
    for value in marks:
        text, x = short(number(value), 24), across.at(value)
        half = LETTER * len(text) / 2
        parts.append(f'<path d="M{x:.1f} {BOTTOM}v4" stroke="currentColor"/>')
        if x - half >= free:
            free = x + half + APART
            parts.append(
                f'<text x="{beside(x, text):.1f}" y="{BOTTOM + 17}" text-anchor="middle">{html.escape(text)}</text>'
            )
    middle = (LEFT + RIGHT) / 2
    parts.append(f'<path d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}" fill="none" stroke="currentColor"/>')
    parts.append(f'<text x="{middle:g}" y="{HIGH - 14}" text-anchor="middle">{html.escape(short(below, 50))}</text>')
    turned = f'transform="rotate(-90 10 {(TOP + BOTTOM) / 2:g})"'
    parts.append(
        f'<text x="10" y="{(TOP + BOTTOM) / 2 + 3:g}" text-anchor="middle" {turned}>{html.escape(left)}</text>'
    )
    return "".join(parts)


def number(value: Any) -> str:
    """A value beside an axis or in a sentence: `2,048`, `0.001`, `resnet18`; a missing one is `none`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "none" if value is None else f"{value:.12g}" if isinstance(value, float) else str(value)


def short(text: str, most: int) -> str:
    """A text of at most `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def line(points: Sequence[Point], look: Look) -> str:
    """A line through pixels, in one look."""
    dash = f' stroke-dasharray="{DASHES[look.dash]}"' if DASHES[look.dash] else ""
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f'<path d="M{path}" fill="none" stroke="{look.colour}" stroke-width="2"{dash}/>' if len(points) > 1 else ""


def area(over: Sequence[Point], under: Sequence[Point], colour: str, opacity: float) -> str:
    """What lies between two lines."""
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in [*over, *reversed(under)])
    return f'<path d="M{path}Z" fill="{colour}" opacity="{opacity:g}"/>' if len(over) > 1 else ""


def marker(x: float, y: float, look: Look, said: str = "") -> str:
    """A point, with a text that the mouse shows."""
    title = f"<title>{html.escape(said)}</title>" if said else ""
    return (
        f'<path d="{MARKERS[look.marker]}" transform="translate({x:.1f} {y:.1f})" fill="{look.colour}" '
        f'stroke="{look.colour}">{title}</path>'
    )


def diverged(x: float, look: Look, said: str) -> str:
    """The mark of trainings that diverged: a cross on the lower axis."""
    return (
        f'<path d="M-5 -5L5 5M-5 5L5 -5" transform="translate({x:.1f} {BOTTOM - 7})" stroke="{look.colour}" '
        f'stroke-width="2.5"><title>{html.escape(said)}</title></path>'
    )


def bar(x: float, low: float, high: float, across: Scale, look: Look) -> str:
    """An interval on an upright axis. An end beyond the axis has no stroke across."""
    ends = [across.at(value) for value in (low, high)]
    path = f"M{x:.1f} {ends[0]:.1f}V{ends[1]:.1f}"
    path += "".join(
        f"M{x - 4:.1f} {end:.1f}h8" for value, end in zip((low, high), ends, strict=True) if across.has(value)
    )
    return f'<path d="{path}" stroke="{look.colour}" stroke-width="1.5"/>'


def dots(points: Iterable[Point], look: Look) -> str:
    """Small points, all in one path."""
    path = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in points)
    return f'<path d="{path}" stroke="{look.colour}" stroke-width="4" stroke-linecap="round" opacity=".6"/>'


def beside(x: float, text: str) -> float:
    """The pixel for the middle of a text above `x`, so that none of it is out of the picture."""
    half = LETTER * len(text) / 2
    return min(max(x, half), WIDE - half)


def legend(lines: Iterable[tuple[str, Look]]) -> str:
    """Names beside their lines, in HTML: long names wrap."""
    parts = []
    for name, look in lines:
        drawn = line([(1, 6), (27, 6)], look) + marker(14, 6, look)
        said = html.escape(short(name, 60))
        parts.append(
            f'<span><svg viewBox="0 0 28 12" width="28" height="12" aria-hidden="true">{drawn}</svg> {said}</span>'
        )
    return f'<div class="labkit-legend">{"".join(parts)}</div>'


def svg(inside: str, label: str) -> str:
    """The picture. `label` names it, escaped already, to readers who cannot see it."""
    return f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{label}">{inside}</svg>'


STYLE = (
    ".labkit-pair { display: flex; flex-wrap: wrap; gap: 1em 1.6em; } "
    ".labkit-pair > div { flex: 1 1 20em; max-width: 30em; min-width: 0; } "
    ".labkit-pair svg[role] { display: block; width: 100%; height: auto; background: none; } "
    ".labkit-pair svg text { fill: currentColor; font-size: 11px; font-family: inherit; stroke: none; } "
    ".labkit-pair, .labkit-pair ~ p, h4:has(+ .labkit-pair) { overflow-wrap: anywhere; } "
    ".labkit-pair b { font-size: .95em; } "
    ".labkit-legend { display: flex; flex-wrap: wrap; gap: .1em 1.1em; font-size: .85em; overflow-wrap: anywhere; } "
    ".labkit-legend svg { vertical-align: middle; overflow: visible; }"
)
