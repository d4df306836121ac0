"""One page about the runs of a folder: the axes, mean and spread over seeds, a figure, failures, links to the runs.

The page is one file, `sweep.html` in the folder, and works offline: plotly, the style and the script are in it. Its policy
allows these scripts alone, by their digests. The links lead into the folder, so that it can be moved as a whole.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup

from labkit.atomic import write_atomically
from labkit.counting import counted, named
from labkit.course.page import figure_html
from labkit.course.templates import SITE, render
from labkit.page_policy import allow
from labkit.records import Run
from labkit.runs import runs_parquet
from labkit.runs.spread import SEED, Point, Spread, Sweep, lost_numbers, read_sweep, spreads
from labkit.script_json import script_json

FILE = "sweep.html"
MOST_NUMBERS = 60  # recorded numbers that the figure offers
MOST_LINES = 24  # lines in the figure
MOST_LOST = 20  # points without a number that are named
MOST_ROWS = 500  # points in a table, and runs in a list


def write_page(folder: str | Path) -> Path:
    """Write `sweep.html` about the runs below `folder`, and return its path.

    Without a `sweep.json` the axes are the parameters in which the runs differ. Warns of damaged runs. Raises
    `FileNotFoundError` for a missing folder, `ValueError` for a malformed `sweep.json`.
    """
    text = page_html(read_sweep(folder))
    return write_atomically(
        Path(folder) / FILE, lambda temporary: temporary.write_text(text, encoding="utf-8", newline="\n")
    )


def page_html(sweep: Sweep) -> str:
    """The page as text. A long table is cut, and the page says so."""
    found = spreads(sweep)
    figure, note = _figure(sweep, found)
    scripts = figure_scripts() if figure else []
    unfinished, done = sweep.unfinished, sweep.done
    axes = {**sweep.axes, **({SEED: sweep.seeds} if sweep.seeds else {})}
    return render(
        "sweep.html.j2",
        policy=allow(*scripts),
        style=Markup("\n".join((SITE / name).read_text(encoding="utf-8") for name in ("parts.css", "course.css"))),  # noqa: S704 (our own style)
        scripts=[Markup(script) for script in scripts],  # noqa: S704 (our own scripts)
        figure=Markup(figure),  # noqa: S704 (its text is escaped)
        note=note,
        notebook=sweep.notebook or "several notebooks",
        axes=[(name, ", ".join(map(_value, values))) for name, values in axes.items()],
        parameters=[(name, _value(value)) for name, value in sweep.parameters.items()],
        columns=list(sweep.axes),
        tables=[(name, len(some), [_row(one) for one in some[:MOST_ROWS]]) for name, some in found.items()],
        lost=[(name, _lost(sweep, points)) for name, points in lost_numbers(sweep).items()],
        unfinished=[_unfinished(run, state, sweep) for run, state in unfinished[:MOST_ROWS]],
        done=[_link(run, sweep) for run in done[:MOST_ROWS]],
        counts=(len(done), len(unfinished)),
        most=MOST_ROWS,
        parquet=runs_parquet.FILE if (sweep.folder / runs_parquet.FILE).is_file() else "",
    )


def figure_scripts() -> list[str]:
    """plotly, labkit's two looks, and the script that draws the figures."""
    from plotly.offline import get_plotlyjs

    from labkit.viz import theme

    looks = {"light": theme.LIGHT.to_plotly_json(), "dark": theme.DARK.to_plotly_json()}
    course = (SITE / "course.js").read_text(encoding="utf-8")
    return [get_plotlyjs(), f"window.courseThemes = {script_json(looks)};", course]


def _figure(sweep: Sweep, found: Mapping[str, list[Spread]]) -> tuple[str, str]:
    """The HTML of the figure, with a menu of the recorded numbers, and a note on what it leaves out. Both may be empty."""
    from labkit.viz.explorer import Explorer
    from labkit.viz.sweep import sweep_figure

    numbers = list(found)[:MOST_NUMBERS]
    if not numbers:
        return "", ""
    axis = max(sweep.axes, key=lambda name: len(sweep.axes[name]), default="")
    tables = {name: _points(found[name], sweep, axis) for name in numbers}
    every = list(dict.fromkeys(line for table in tables.values() for line in table["series"]))
    lines = every[:MOST_LINES]
    shown = {name: table[table["series"].isin(lines)].dropna(subset="mean") for name, table in tables.items()}
    numbers = [name for name in numbers if len(shown[name])]

    def draw(number: str) -> Any:
        return sweep_figure(shown[number], number, axis or "all runs", lines)

    static = Explorer(draw, slider={}, menu={"number": numbers}, live=False).static
    cut = [(len(lines), len(every), "lines"), (len(numbers), len(found), "recorded numbers")]
    said = " and ".join(f"{some} of {whole} {what}" for some, whole, what in cut if some < whole)
    return figure_html(
        json.loads(static.to_json()), "figure-1"
    ), f"The figure shows {said}; the tables have all." if said else ""


def _points(some: list[Spread], sweep: Sweep, axis: str) -> pd.DataFrame:
    """The points as `sweep_figure` takes them. `axis` is empty for a grid without axes."""
    rows = []
    for one in some:
        place = dict(zip(sweep.axes, one.point, strict=True))
        at = place.pop(axis, "together")
        line = ", ".join(f"{name} {_value(value)}" for name, value in place.items())
        rows.append((at, line, one.runs, one.mean, one.low, one.high))
    return pd.DataFrame(rows, columns=[axis or "all runs", "series", "runs", "mean", "low", "high"])


def _row(one: Spread) -> tuple[list[str], list[str]]:
    """A point of a table: its place, and its numbers in words."""
    interval = "–" if math.isnan(one.low) else f"{one.low:.4g} to {one.high:.4g}"
    deviation = "–" if math.isnan(one.deviation) else f"{one.deviation:.2g}"
    return [_value(value) for value in one.point], [str(one.runs), f"{one.mean:.4g}", deviation, interval]


def _lost(sweep: Sweep, points: Mapping[Point, int]) -> str:
    """The points at which a number is not a number, in words: `width 16 (2 runs)`."""
    said = []
    for point, runs in points.items():
        place = ", ".join(f"{name} {_value(value)}" for name, value in zip(sweep.axes, point, strict=True))
        said.append(f"{place} ({counted(runs, 'run')})" if place else counted(runs, "run"))
    return named(said, most=MOST_LOST)


def _link(run: Run, sweep: Sweep) -> tuple[str, str, str]:
    """A run's name, the link to its folder, and its seconds in words."""
    name = run.folder.relative_to(sweep.folder).as_posix()
    seconds = run.about.get("seconds")
    return name, quote(f"./{name}/"), "" if seconds is None else f"{seconds:.0f} s"


def _unfinished(run: Run, state: str, sweep: Sweep) -> tuple[str, str, str, str]:
    """A run's name, the link to its folder, its status, and the cause."""
    name, link, _ = _link(run, sweep)
    return name, link, state, str((run.about.get("error") or {}).get("message") or "")


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


__all__ = ["FILE", "figure_scripts", "page_html", "write_page"]
