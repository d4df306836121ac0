"""A number over one axis of a grid: means over seeds with their intervals, one line for each point of the other axes."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from labkit.counting import counted
from labkit.viz.theme import at_least, figure, look_of, plain

MOST_WORDS = 40  # points that the sentence below a figure names
WIDE = 45  # pixels of width for each value of the axis
LETTERS = {"tick": 20, "line": 36, "title": 36}  # of a name at this place; the middle of a longer one is left out
DECADES = 1.5  # of values above 0 from which on their axis is logarithmic


def sweep_figure(table: pd.DataFrame, name: str, axis: str, series: Sequence[str] = ()) -> go.Figure:
    """The means of the number `name` over the values of `axis`, with 95 % intervals.

    `table` has one row per point: the columns `axis`, `series` (the line that the point belongs to), `runs`, `mean`, `low`
    and `high`. A point of one run has no interval (NaN). The lines are those of `series`, also where one has no point, so that
    figures of several numbers have the same lines.

    Raises `ValueError` for a table without a number.
    """
    table = table.dropna(subset="mean")
    if table.empty:
        raise ValueError(f"nothing to draw: no run recorded {name!r}")
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in table[axis])
    traces = []
    for number, line in enumerate(series or dict.fromkeys(table["series"])):
        rows, look = table[table["series"] == line], look_of(number)
        traces.append(
            go.Scatter(
                x=[value if numbers else plain(value) for value in rows[axis]],
                y=rows["mean"].tolist(),
                name=plain(_short(line, "line")),
                mode="lines+markers",
                line={"color": look.colour, "dash": look.dash},
                marker={"symbol": look.marker, "size": 9},
                error_y={
                    "type": "data",
                    "array": [_bar(row.high - row.mean) for row in rows.itertuples()],
                    "arrayminus": [_bar(row.mean - row.low) for row in rows.itertuples()],
                },
                customdata=[counted(runs, "run") for runs in rows["runs"]],
                hovertemplate="%{x}: %{y:.4g} (%{customdata})<extra>" + plain(line) + "</extra>",
                showlegend=bool(line),
            )
        )
    best = table.iloc[int(table["mean"].to_numpy().argmax())]
    fig = figure(
        traces, f"{name}: highest at {_place(best, axis)}, {_said(best)}", description=_in_words(table, name, axis)
    )
    fig.update_xaxes(**_axis(list(dict.fromkeys(table[axis])), axis, numbers))
    fig.update_yaxes(title=f"{plain(_short(name, 'title'))}, mean with 95 % interval")
    return at_least(fig, min(1200, 240 + WIDE * table[axis].nunique()))


def _axis(values: Sequence[Any], name: str, numbers: bool) -> dict[str, Any]:
    """The axis of the values: of numbers, on a logarithmic scale if they span decades; else one place for each value."""
    title = plain(_short(name, "title"))
    if not numbers:
        words = [plain(_short(str(value), "tick")) for value in values]
        return {"title": title, "type": "category", "tickvals": [plain(value) for value in values], "ticktext": words}
    ticks = {"tickvals": values, "ticktext": [f"{value:.6g}" for value in values]} if len(values) < 20 else {}
    low, high = min(values), max(values)
    if len(values) > 2 and low > 0 and math.log10(high / low) >= DECADES:
        return {"title": f"{title}, logarithmic", "type": "log", **ticks}
    return {"title": title, **ticks}


def _short(text: str, place: str) -> str:
    most = LETTERS[place]
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-(most // 2) :]}"


def _bar(length: float) -> float:
    return 0.0 if math.isnan(length) else float(length)


def _place(row: Any, axis: str) -> str:
    return f"{axis} {row[axis]}" + (f", {row['series']}" if row["series"] else "")


def _said(row: Any) -> str:
    between = "" if math.isnan(row["low"]) else f"{row['low']:.4g} to {row['high']:.4g}, "
    return f"{row['mean']:.4g} ({between}{counted(row['runs'], 'run')})"


def _in_words(table: pd.DataFrame, name: str, axis: str) -> str:
    points = [f"{_place(row, axis)}: {_said(row)}" for _, row in table.head(MOST_WORDS).iterrows()]
    more = f"; and {len(table) - MOST_WORDS} more, in the table" if len(table) > MOST_WORDS else ""
    return f"Means of {name} with their 95 % intervals. {'; '.join(points)}{more}."
