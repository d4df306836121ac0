"""The costs of networks, from the tables of `labkit.models`: layer by layer, and as their sizes change."""

import html
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from labkit.counting import counted, named
from labkit.viz.chooser import Choice, Chooser, Record
from labkit.viz.live_chooser import LiveChooser
from labkit.viz.theme import BLUE, GREY, VERMILLION, described, figure, look_of, plain

CONTROLS = ("family", "depth", "width", "cardinality", "shortcut", "frames", "size")
LABELS = {"width": "width (channels)", "size": "size (pixels)"}
MOST = {"width": 512, "cardinality": 256, "frames": 128, "size": 512}  # of a design that is measured when it is chosen
AXES = {"parameters": (1e5, 1e9), "macs": (1e7, 1e13)}  # of the map of published networks
PLOT = (30, 10, 360, 190)  # its left, top, right and bottom, pixels


def cost_bars(table: pd.DataFrame, title: str | None = None, *, macs: str = "macs") -> go.Figure:
    """Parameters and multiply-accumulates of each layer, side by side, in the network's order from top to bottom.

    `table` has the columns `name`, `parameters` and `macs`, one row per layer.

    Raises `ValueError` for a missing column.
    """
    missing = [column for column in ("name", "parameters", macs) if column not in table.columns]
    if missing:
        raise ValueError(f"a table of costs has name, parameters and {macs}; missing: {', '.join(missing)}")
    names = [plain(name) for name in table["name"]]
    fig = figure(make_subplots(cols=2, shared_yaxes=True), title, height=160 + 22 * len(table), showlegend=False)
    panels = (("parameters", "Parameters"), (macs, "Multiply-accumulates"))
    for column, (measure, label) in enumerate(panels, start=1):
        look = look_of(column - 1)
        fig.add_bar(
            orientation="h",
            y=names,
            x=table[measure].tolist(),
            marker={"color": look.colour, "pattern": {"shape": look.pattern}},
            name=label,
            hovertemplate="%{y}: %{x:,}<extra></extra>",
            row=1,
            col=column,
        )
        # 60k, 33M, 8G: layers and networks alike; few, so that they stand upright on a phone
        fig.update_xaxes(title=label, tickformat="~s", nticks=4, tickangle=0, row=1, col=column)
    fig.update_yaxes(autorange="reversed", dtick=1)
    dear = table[table[macs] == table[macs].max()]
    share = f"{100 * table[macs].max() / table[macs].sum():.0f} %"
    most = f"{named(list(dear['name']))} {'takes' if len(dear) == 1 else 'take'} the most, {share}"
    return described(
        fig,
        f"{counted(len(table), 'layer')} with {table['parameters'].sum():,.0f} parameters and {table[macs].sum():,.0f} "
        f"multiply-accumulates in all; {most}{' each' if len(dear) > 1 else ''}.",
    )


def architecture_explorer(
    designs: pd.DataFrame,
    published: Mapping[str, str] | None = None,
    *,
    measure: Callable[[dict[str, str]], Mapping[str, Any]] | None = None,
    **options: Any,
) -> Chooser:
    """Networks to take apart: each choice of sizes with its blocks, shapes, costs, and the published networks beside it.

    `designs` is the table of `labkit.models.designs.read_designs`: a row for each choice, in columns of text named as
    `CONTROLS`, with `network`, `kept` and `endpoints`. `published` has words for networks of the zoo: `65.1 % top-1`.
    With `measure`, such as `labkit.models.designs.measure`, the live version takes any width, cardinality, frames and size:
    it gives the `kept` and `endpoints` of a choice that the table lacks, or raises `ValueError` if there is no such network.
    `options` go to `Chooser`. Raises `ValueError` for a table without a row or with other columns.
    """
    missing = [name for name in (*CONTROLS, "network", "kept", "endpoints") if name not in designs.columns]
    if missing or designs.empty:
        raise ValueError(
            f"a table of designs has rows and the columns of read_designs; missing: {', '.join(missing) or 'rows'}"
        )
    words = published or {}
    rows = [_Costed(row, words) for row in designs.to_dict("records")]
    zoo = [row for row in rows if row.network]
    states = {row.choice: row.record(zoo) for row in rows}
    labels = [LABELS.get(name, name) for name in CONTROLS]
    options = {"name": "Architecture explorer", "sliders": ["frames", LABELS["size"]], **options}
    template = ARCHITECTURE.replace("DOTS", _frame() + "".join(row.dot() for row in zoo))
    if measure is None:
        return Chooser(states, labels, template, **options)

    def count(choice: Choice) -> Record:
        named = dict(zip(CONTROLS, choice, strict=True))
        return _Costed({**named, "network": "", **measure(named)}, words).record(zoo)

    numbers = {LABELS.get(name, name): most for name, most in MOST.items()}
    return LiveChooser(states, labels, template, count=count, numbers=numbers, **options)


class _Costed:
    """One design with its sums, and the texts that show it."""

    def __init__(self, row: Mapping[Any, Any], published: Mapping[str, str]) -> None:
        self.choice = tuple(str(row[name]) for name in CONTROLS)
        self.network, self.kept, self.endpoints = str(row["network"]), int(row["kept"]), row["endpoints"]
        self.printed = published.get(self.network, "")
        self.parameters = sum(each[4] for each in self.endpoints)
        self.macs = sum(each[5] for each in self.endpoints)

    @property
    def title(self) -> str:
        family, depth, width, cardinality, shortcut, frames, size = self.choice
        more = f", cardinality {cardinality}" * cardinality.isdecimal() + f", shortcut {shortcut}" * shortcut.isalpha()
        return f"{family}, depth {depth}, width {width}{more}, on {frames}×{size}×{size}"

    def record(self, published: Sequence["_Costed"]) -> Record:
        x, y = self.place()
        return {
            "title": html.escape(self.title),
            "words": html.escape(f"{self._said()} {self._beside(published)}"),
            "parameters": short(self.parameters),
            "macs": short(self.macs),
            "weights": short(4 * self.parameters),
            "kept": short(self.kept),
            "field": _sizes(self._last_map()[3]),
            "x": f"{x:.0f}",
            "y": f"{y:.0f}",
            "streams": self._streams(),
            "rows": [self._row(each) for each in self.endpoints],
        }

    def place(self) -> tuple[float, float]:
        """Its place in the map: parameters to the right, work upwards, both by powers of ten."""
        left, top, right, bottom = PLOT
        shares = [
            (math.log(max(value, 1)) - math.log(low)) / (math.log(high) - math.log(low))
            for value, (low, high) in zip((self.parameters, self.macs), AXES.values(), strict=True)
        ]
        across, up = (min(max(share, 0), 1) for share in shares)
        return left + across * (right - left), bottom - up * (bottom - top)

    def dot(self) -> str:
        """Its dot in the map."""
        x, y = self.place()
        return (
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="{GREY}"><title>{html.escape(self.network)}</title></circle>'
        )

    def _row(self, endpoint: list[Any]) -> Record:
        name, _, output, field, parameters, macs = endpoint
        return {
            "name": html.escape(name),
            "output": " × ".join(map(str, output)),
            "field": _sizes(field),
            "parameters": short(parameters),
            "wide": f"{60 * parameters / max(self.parameters, 1):.0f}",
            "macs": short(macs),
            "long": f"{60 * macs / max(self.macs, 1):.0f}",
        }

    def _streams(self) -> list[Record]:
        """The boxes of the diagram, a line for each stream."""
        lines: dict[str, list[Record]] = {}
        for name, detail, output, *_ in self.endpoints:
            stream, _, own = name.rpartition(".")
            time, space = (output[1], output[2]) if len(output) == 4 else (1, 1)
            box = {
                "name": html.escape(own),
                "detail": html.escape(detail),
                "wide": f"{min(6 + 2 * time, 70)}",
                "tall": f"{min(6 + space // 2, 70)}",
                "output": "×".join(map(str, output)),
            }
            lines.setdefault(stream, []).append(box)
        return [{"stream": html.escape(stream and f"{stream}:"), "boxes": boxes} for stream, boxes in lines.items()]

    def _last_map(self) -> list[Any]:
        """The last endpoint whose output has several rows or columns; the first if there is none."""
        maps = (each for each in reversed(self.endpoints) if len(each[2]) == 4 and max(each[2][2:]) > 1)
        return next(maps, self.endpoints[0])

    def _said(self) -> str:
        last = self._last_map()
        heavy, busy = (max(self.endpoints, key=lambda each: each[k]) for k in (4, 5))
        return (
            f"{self.title}: {short(self.parameters)} parameters ({short(4 * self.parameters)}B of weights), {short(self.macs)} "
            f"multiply-accumulates for a clip, and {short(self.kept)}B kept of each clip for training. {heavy[0]} has "
            f"{heavy[4] / max(self.parameters, 1):.0%} of the parameters, {busy[0]} does {busy[5] / max(self.macs, 1):.0%} of the "
            f"work. The last map with height and width, {last[0]}, is {' × '.join(map(str, last[2]))}; each position sees "
            f"{_sizes(last[3])} frames × pixels × pixels, padding included."
        )

    def _beside(self, published: Sequence["_Costed"]) -> str:
        if self.network:
            return f"This is {self.network} of the zoo{f'; published: {self.printed}' if self.printed else ''}."
        alike = [row for row in published if row.choice[:2] == self.choice[:2]]
        if not alike:
            return "The zoo has no network of this depth."
        other = alike[0]
        return (
            f"Beside {other.network}{f' (published: {other.printed})' if other.printed else ''}: "
            f"{self.parameters / max(other.parameters, 1):.2g} times the parameters and "
            f"{self.macs / max(other.macs, 1):.2g} times the work."
        )


def short(number: float) -> str:
    """A number in three digits: `33.2 M`, `8.33 G`, `950`."""
    for size, letter in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.0f}"


def _sizes(field: list[Any]) -> str:
    """`7 × 7 × 7`; of two inputs `1 × 7 × 7 and 10 × 7 × 7`."""
    if field and isinstance(field[0], list | tuple):
        return " and ".join(map(_sizes, field))
    return " × ".join(map(str, field))


def _frame() -> str:
    """The axes of the map of published networks, with their names and powers of ten."""
    left, top, right, bottom = PLOT
    marks = [f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="currentColor"/>']
    for exponent in range(5, 10):
        x = left + (exponent - 5) / 4 * (right - left)
        marks.append(f'<text x="{x:.0f}" y="{bottom + 14}" text-anchor="middle">{short(10.0**exponent)}</text>')
    for exponent in range(9, 14, 2):
        y = bottom - (exponent - 7) / 6 * (bottom - top)
        marks.append(f'<text x="{left + 4}" y="{y + 4:.0f}">{short(10.0**exponent)}</text>')
    names = f'<text x="{(left + right) // 2}" y="{bottom + 30}" text-anchor="middle">parameters</text>'
    return "".join(marks) + names + f'<text x="{left + 48}" y="{top + 4}">multiply-accumulates for a clip</text>'


ARCHITECTURE = """<style>
.labkit-boxes { display: flex; flex-wrap: wrap; gap: .5em 1.1em; align-items: end; margin: .5em 0; font-size: .78em; }
.labkit-boxes > span { position: relative; text-align: center; max-width: 9em; overflow-wrap: anywhere; line-height: 1.3; }
.labkit-boxes > .box + .box::before { content: "→"; position: absolute; left: -1em; bottom: 1.3em; }
.labkit-boxes i { display: block; margin: 0 auto .2em; border: 1px solid BLUE; border-radius: 2px; background: color-mix(in srgb, BLUE 35%, transparent); }
.labkit-boxes :is(b, small) { display: block; } .labkit-boxes b { font-weight: 600; }
.labkit-numbers { display: flex; flex-wrap: wrap; gap: .3em 1.6em; margin: .6em 0; } .labkit-numbers b { display: block; font-size: 1.2em; }
</style><h4>{title}</h4>
<div class="labkit-numbers"><span><b>{parameters}</b>parameters</span><span><b>{macs}</b>multiply-accumulates</span>
<span><b>{weights}B</b>weights in memory</span><span><b>{kept}B</b>kept of a clip for training</span><span><b>{field}</b>receptive field (T × H × W)</span></div>
<p aria-live="polite">{words}</p>
{#streams}<div class="labkit-boxes" aria-hidden="true"><span><b>{stream}</b></span>{#boxes}<span class="box" title="{output}"><i style="width:{wide}px;height:{tall}px"></i><b>{name}</b><small>{detail}</small></span>{/boxes}</div>{/streams}
<p><small>A box is as wide as its output has frames, and as high as its output has pixels.</small></p>
<div class="wide" tabindex="0" role="region" aria-label="Shapes and costs"><table><thead><tr><th>endpoint</th><th>output (C × T × H × W)</th><th>sees (T × H × W)</th><th>parameters</th><th>MACs</th></tr></thead><tbody>
{#rows}<tr><td>{name}</td><td>{output}</td><td>{field}</td><td><span class="bar" style="width:{wide}px"></span> {parameters}</td><td><span class="bar other" style="width:{long}px"></span> {macs}</td></tr>{/rows}
</tbody></table></div>
<svg viewBox="0 0 380 230" width="380" role="img" aria-label="Parameters and work of the zoo's networks in grey, and of this one">DOTS<circle cx="{x}" cy="{y}" r="7" fill="none" stroke="RING" stroke-width="3"/></svg>
<p><small>Grey: the networks of the zoo with the sizes of their papers. The ring: this network.</small></p>""".replace(
    "BLUE", BLUE
).replace("RING", VERMILLION)
