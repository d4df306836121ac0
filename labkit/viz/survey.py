"""Figures of a library of papers: depth against accuracy, the best over the years, what to read next, open questions.

Each takes a table of `labkit.survey`: `by_depth`, `best_by_year`, the papers and edges of `reading_graph`, the records
of `gap_map`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from labkit.counting import counted
from labkit.viz.theme import BLUE, GREY, VERMILLION, at_least, described, figure, look_of, plain

ROUNDS = 12  # of moving papers to the middle of those they are joined to
NAME = 64  # pixels across that a column of names needs, at least
LONGEST_NAME = 20  # characters of a paper's name in the graph
# A cell of the map by its state: its words, its colour and its sign.
STATES = {
    "solved": ("numbers, no open question", BLUE, "circle"),
    "disputed": ("numbers and open questions", BLUE, "diamond"),
    "open": ("open questions, no number", VERMILLION, "diamond-open"),
    "empty": ("nobody asked", GREY, "line-ew-open"),
}


def depth_curve(table: pd.DataFrame, title: str | None = None, *, unit: str = "top-1 accuracy (%)") -> go.Figure:
    """Layers against accuracy, with a line for each series of `by_depth`, and for each dataset if there are several.

    Raises `ValueError` for a table without rows.
    """
    _need(table, ("series", "depth", "value", "model"))
    several = len(table.get("dataset", pd.Series(dtype=str)).unique()) > 1
    fig, words = figure(title=title), []
    for number, (key, rows) in enumerate(table.groupby(["dataset", "series"] if several else ["series"], sort=False)):
        name, look, rows = ", ".join(map(str, key)), look_of(number), rows.sort_values("depth")
        fig.add_scatter(
            x=rows["depth"].tolist(),
            y=rows["value"].tolist(),
            mode="lines+markers" if len(rows) > 1 else "markers",
            name=plain(name),
            line={"color": look.colour, "dash": look.dash, "width": 2.5},
            # Outlined: networks of the same depth and accuracy are seen through one another.
            marker={"symbol": f"{look.marker}-open", "size": 11, "color": look.colour, "line": {"width": 2}},
            text=[plain(model) for model in rows["model"]],
            hovertemplate="%{text}: %{y:g}<extra></extra>",
        )
        ends = rows.iloc[[0, -1]] if len(rows) > 1 else rows
        words.append(
            f"{name}: " + " to ".join(f"{one.value:g} at {counted(int(one.depth), 'layer')}" for one in _rows(ends))
        )
    depths: list[int] = []
    for depth in sorted(table["depth"].unique()):  # labels of depths that nearly coincide would overlap
        if not depths or depth > 1.2 * depths[-1]:
            depths.append(int(depth))
    fig.update_xaxes(title="Layers (log scale)", type="log", tickvals=depths, ticktext=[str(one) for one in depths])
    fig.update_yaxes(title=plain(unit))
    return described(fig, f"{unit} against depth. " + "; ".join(words) + ".")


def best_over_years(table: pd.DataFrame, title: str | None = None, *, unit: str = "top-1 accuracy (%)") -> go.Figure:
    """The best number of each dataset by year of publication: a step at each record, a grey mark for the other years.

    `table` is that of `best_by_year`. Raises `ValueError` for a table without rows.
    """
    _need(table, ("dataset", "year", "value", "model", "record"))
    fig, words = figure(title=title), []
    for number, (dataset, rows) in enumerate(table.groupby("dataset", sort=False)):
        look, records, others = look_of(number), rows[rows["record"]], rows[~rows["record"]]
        last = max(table["year"])
        fig.add_scatter(
            x=[*records["year"].tolist(), last],
            y=[*records["value"].tolist(), records["value"].iloc[-1]],
            mode="lines+markers",
            name=plain(dataset),
            line={"color": look.colour, "dash": look.dash, "width": 2.5, "shape": "hv"},
            marker={"symbol": look.marker, "color": look.colour, "size": [10] * len(records) + [0]},
            text=[*(plain(model) for model in records["model"]), plain(records["model"].iloc[-1])],
            hovertemplate="%{x}: %{y:g}, %{text}<extra>" + plain(dataset) + "</extra>",
        )
        fig.add_scatter(
            x=others["year"].tolist(),
            y=others["value"].tolist(),
            mode="markers",
            name=f"{plain(dataset)}, below the record",
            marker={"symbol": f"{look.marker}-open", "color": GREY, "size": 9},
            text=[plain(model) for model in others["model"]],
            hovertemplate="%{x}: %{y:g}, %{text}<extra>" + plain(dataset) + "</extra>",
            showlegend=False,
        )
        steps = "; ".join(f"{one.year} {one.model} {one.value:g}" for one in _rows(records))
        words.append(f"{dataset}: {steps}")
    fig.update_xaxes(title="Year of publication", dtick=1, tickformat="d")
    fig.update_yaxes(title=plain(unit))
    return described(fig, f"Best published {unit}. " + ". ".join(words) + ".")


def reading_map(papers: pd.DataFrame, edges: pd.DataFrame, title: str | None = None) -> go.Figure:
    """Papers by year, with lines to the papers that their cards want read next. Unread papers are outlined.

    `papers` and `edges` are those of a `ReadingGraph`. A paper that is not in the library stands at the right, without a
    year. Raises `ValueError` if there are no papers.
    """
    _need(papers, ("name", "year", "read", "wanted"))
    places = _layout(papers, edges)
    across, down = [], []
    for one, other in _pairs(edges):
        start, end = places[one], places[other]
        across += [start[0], end[0], None]
        down += [start[1], end[1], None]
    lines = go.Scatter(
        x=across,
        y=down,
        mode="lines",
        line={"color": GREY, "width": 0.8},
        opacity=0.45,
        hoverinfo="skip",
        showlegend=False,
    )
    columns = sorted({place[0] for place in places.values()})
    above = {column: number % 2 == 0 for number, column in enumerate(columns)}  # labels of neighbours do not meet
    dots = [_dots(papers[papers["read"] == read], places, above, read=read) for read in (True, False)]
    years = papers["year"].dropna()
    tallest = max(sum(1 for place in places.values() if place[0] == one) for one in columns)
    fig = figure([lines, *dots], title, height=max(420, 130 + 62 * tallest))
    labels = [str(int(one)) if one <= (years.max() if len(years) else 0) else "no year" for one in columns]
    fig.update_xaxes(tickvals=columns, ticktext=labels, title="Year of publication", showgrid=False, zeroline=False)
    fig.update_yaxes(visible=False)
    unread = papers[~papers["read"]].sort_values("wanted", ascending=False)
    listed = ", ".join(str(one) for one in unread["name"].head(10)) or "none"
    described(
        fig,
        f"{counted(len(papers), 'paper')} by year, {counted(len(edges), 'line')} to what to read next; unread: {listed}.",
    )
    return at_least(fig, NAME * len(columns))


def _dots(rows: pd.DataFrame, places: Mapping[Any, Any], above: Mapping[Any, bool], *, read: bool) -> go.Scatter:
    """The read papers of a map, or the unread ones, with their names above or below them."""
    colour = BLUE if read else VERMILLION
    return go.Scatter(
        x=[places[key][0] for key in rows.index],
        y=[places[key][1] for key in rows.index],
        mode="markers+text",
        name="read" if read else "unread",
        text=[plain(_short(str(one))) for one in rows["name"]],
        textposition=["top center" if above[places[key][0]] else "bottom center" for key in rows.index],
        textfont={"size": 11},
        cliponaxis=False,
        marker={
            "symbol": "circle" if read else "circle-open",
            "opacity": 1,
            "color": colour,
            "size": [11 + 2 * min(int(times), 10) for times in rows["wanted"]],
            "line": {"width": 1 if read else 3, "color": colour},
        },
        customdata=[[plain(one.title), counted(one.wanted, "card")] for one in _rows(rows)],
        hovertemplate="%{customdata[0]}<br>wanted by %{customdata[1]}<extra></extra>",
    )


def gap_figure(records: pd.DataFrame, title: str | None = None) -> go.Figure:
    """The map of solved and open: datasets across, conditions down, a sign in each cell, the larger the more is said there.

    `records` is that of a `GapMap`. Raises `ValueError` if there are no cells.
    """
    _need(records, ("dataset", "condition", "results", "questions", "state"))
    datasets, conditions = (list(dict.fromkeys(records[name])) for name in ("dataset", "condition"))
    traces = []
    for state, (meaning, colour, symbol) in STATES.items():
        rows = records[records["state"] == state]
        said = [one.results + 3 * one.questions for one in _rows(rows)]
        traces.append(
            go.Scatter(
                x=[plain(one) for one in rows["dataset"]],
                y=[plain(one) for one in rows["condition"]],
                mode="markers+text",
                name=meaning,
                text=[f"{one}?" if one else "" for one in rows["questions"]],
                textposition="middle right",
                marker={
                    "symbol": symbol,
                    "opacity": 1,
                    "color": colour,
                    "size": [8 if state == "empty" else 13 + min(one, 40) / 3 for one in said],
                    "line": {"width": 2, "color": colour if symbol.endswith("open") else GREY},
                },
                customdata=[
                    [counted(one.results, "number"), counted(one.questions, "open question")] for one in _rows(rows)
                ],
                hovertemplate="%{x}, %{y}: %{customdata[0]}, %{customdata[1]}<extra></extra>",
            )
        )
    fig = figure(traces, title, height=150 + 34 * len(conditions))
    fig.update_xaxes(categoryorder="array", categoryarray=[plain(one) for one in datasets], side="top")
    fig.update_yaxes(categoryorder="array", categoryarray=[plain(one) for one in conditions[::-1]])
    # One state a line, from the figure's left edge: a phone shows it whole, where the map itself scrolls.
    below = {"xref": "container", "yref": "container", "x": 0, "y": 0, "entrywidth": 0.7, "entrywidthmode": "fraction"}
    fig.update_layout(legend=below, margin_b=20 + 20 * len(STATES))
    holes = records[records["state"] == "open"]
    listed = "; ".join(f"{one.condition} on {one.dataset}" for one in _rows(holes)) or "none"
    described(
        fig,
        f"{counted(len(conditions), 'condition')} on {counted(len(datasets), 'dataset')}. Questions without a number: {listed}.",
    )
    return at_least(fig, 2 * NAME + NAME * len(datasets))


def _layout(papers: pd.DataFrame, edges: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """A place for each paper: its year across; down, near the papers it is joined to, with no paper above another."""
    years = papers["year"].dropna()
    unknown = int(years.max()) + 1 if len(years) else 0
    columns: dict[int, list[str]] = defaultdict(list)
    for key, year in papers["year"].items():
        columns[unknown if pd.isna(year) else int(year)].append(str(key))
    joined: dict[str, list[str]] = defaultdict(list)
    for one, other in _pairs(edges):
        joined[one].append(other)
        joined[other].append(one)
    height = {key: place / len(keys) for keys in columns.values() for place, key in enumerate(keys)}
    for _ in range(ROUNDS):
        for keys in columns.values():
            wish = {
                key: sum(height[one] for one in joined[key]) / len(joined[key]) if joined[key] else height[key]
                for key in keys
            }
            keys.sort(key=lambda key: wish[key])
            for place, key in enumerate(keys):
                height[key] = (place + 0.5) / len(keys)
    return {key: (float(year), height[key]) for year, keys in columns.items() for key in keys}


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1].rstrip() + "…"


def _need(table: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [name for name in columns if name not in table.columns]
    if missing or table.empty:
        raise ValueError(
            f"nothing to draw: the table needs {', '.join(columns)}; missing: {', '.join(missing) or 'rows'}"
        )


def _rows(table: pd.DataFrame) -> list[Any]:
    return list(table.itertuples())


def _pairs(edges: pd.DataFrame) -> list[tuple[str, str]]:
    return [(str(one), str(other)) for one, other in zip(edges["from"], edges["to"], strict=True)]
