"""A network's answers, class by class: accuracies and confusions. Reads `Predictions` records."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from labkit.counting import counted, named
from labkit.intervals import wilson
from labkit.names import meant_or_all
from labkit.records import Predictions
from labkit.viz.theme import BLUE, GREY, VERMILLION, at_least, described, figure, plain

LETTER, BARS = 8, 160  # pixels across: of a letter of a class's name; that a plot of bars needs
Sort = Literal["accuracy", "name", "videos"]
SORTS: dict[str, tuple[list[str], list[bool]]] = {
    "accuracy": (["top1", "name"], [False, True]),
    "name": (["name"], [True]),
    "videos": (["videos", "name"], [False, True]),
}
CELLS_WITH_TEXT = 24  # a matrix of more classes than this has no numbers in its cells


def per_class(predictions: Predictions, sort: Sort = "accuracy", *, title: str | None = None) -> go.Figure:
    """Top-1 accuracy of each class as a bar, with its 95 % interval (Wilson) and its number of videos.

    `sort`: the best class first, by name, or the class with the most videos first. A class without a video has no bar.

    Raises `ValueError` for an unknown `sort`, and if no label is known.
    """
    table = _sorted(predictions, sort)
    if not table["videos"].sum():
        raise ValueError("no prediction has a known label, so there is no accuracy to draw")
    low, high = wilson(table["correct"].to_numpy(), table["videos"].to_numpy())
    top1 = 100 * table["top1"].to_numpy()
    unit = "videos" if predictions.level == "video" else "clips"
    bars = go.Bar(
        orientation="h",
        y=[f"{plain(name)} ({n})" for name, n in zip(table["name"], table["videos"], strict=True)],
        x=[None if np.isnan(v) else float(v) for v in top1],
        error_x={
            "type": "data",
            "array": np.nan_to_num(100 * high - top1).tolist(),
            "arrayminus": np.nan_to_num(top1 - 100 * low).tolist(),
            "color": GREY,
        },
        marker={"color": BLUE},
        customdata=table[["correct", "videos"]].to_numpy().tolist(),
        hovertemplate=f"%{{y}}: %{{x:.1f}} % (%{{customdata[0]}} of %{{customdata[1]}} {unit})<extra></extra>",
        name="top-1",
    )
    mean = 100 * predictions.accuracy()
    fig = figure([bars], title, height=max(280, 150 + 26 * len(table)), margin={"t": 74}, bargap=0.3, showlegend=False)
    fig.add_vline(x=mean, line={"color": GREY, "dash": "dash"})
    fig.add_annotation(x=mean, y=1, yref="paper", yanchor="bottom", showarrow=False, text=f"all {unit}: {mean:.1f} %")
    fig.update_xaxes(title=f"Top-1 accuracy (%), {predictions.level} level", range=[0, 100])
    fig.update_yaxes(title=f"Class (number of {unit})", autorange="reversed", dtick=1)
    return described(fig, _classes_in_words(table, mean, predictions.level))


def class_answers(
    predictions: Predictions, chosen: str, sort: Sort = "accuracy", *, title: str | None = None, top: int = 6
) -> go.Figure:
    """Left, the accuracy of each class, with the `chosen` one marked; right, the answers to its videos, the most frequent first.

    A tick marks the right answer. `sort` is that of `per_class`.

    Raises `ValueError` for an unknown class, and as `per_class` does.
    """
    if chosen not in predictions.classes:
        raise ValueError(f"no such class: {chosen!r}{meant_or_all(chosen, predictions.classes)}")
    left = per_class(predictions, sort)
    names = [plain(name) for name in _sorted(predictions, sort)["name"]]
    label = predictions.classes.index(chosen)
    marked = [name == plain(chosen) for name in names]
    left.data[0].update(
        marker={
            "color": [VERMILLION if m else BLUE for m in marked],
            "pattern": {"shape": ["/" if m else "" for m in marked]},
        }
    )
    counts = predictions.confusion()[label]
    answers = [int(i) for i in np.argsort(-counts, kind="stable")[:top]]
    unit = "videos" if predictions.level == "video" else "clips"
    # Between the two stand the answers' names: room for the longest, whichever class is chosen.
    name = LETTER * (2 + max(map(len, predictions.classes)))
    spacing = name / (name + 2 * BARS)
    fig = figure(make_subplots(cols=2, horizontal_spacing=spacing), title, height=left.layout.height, showlegend=False)
    fig.add_trace(left.data[0], row=1, col=1)
    fig.add_bar(
        orientation="h",
        x=[int(counts[i]) for i in answers],
        y=[plain(predictions.classes[i]) + (" ✓" if i == label else "") for i in answers],
        marker={"color": [BLUE if i == label else GREY for i in answers]},
        text=[str(counts[i]) for i in answers],
        textposition="outside",
        cliponaxis=False,
        customdata=[counted(counts[i], unit[:-1]) for i in answers],
        hovertemplate="%{y}: %{customdata}<extra></extra>",
        name="answers",
        row=1,
        col=2,
    )
    fig.update_yaxes(autorange="reversed", dtick=1)
    fig.update_xaxes(title=left.layout.xaxis.title.text, range=[0, 100], row=1, col=1)
    fig.update_xaxes(
        title=f"{unit.capitalize()} of {plain(chosen)}", range=[0, 1.15 * max(1, counts.max())], row=1, col=2
    )
    said = ", ".join(f"{predictions.classes[i]} {counted(counts[i], 'time')}" for i in answers if counts[i])
    described(fig, f"{chosen}, {counted(counts.sum(), unit[:-1])}, is answered: {said or 'never asked'}.")
    return at_least(fig, round(2 * name + 2 * BARS + 48))


def confusion(
    predictions: Predictions, normalise: bool = False, *, order: Sequence[str] | None = None, title: str | None = None
) -> go.Figure:
    """The confusion matrix: a row per true class, a column per answer; counts, or percent of the row.

    `order` names the classes in the order to draw them (all, or some: then rows and columns of the rest are left out).

    Raises `ValueError` for an unknown class in `order`.
    """
    names = list(predictions.classes) if order is None else list(order)
    unknown = [name for name in names if name not in predictions.classes]
    if unknown:
        raise ValueError(f"no such class: {unknown[0]!r}{meant_or_all(unknown[0], predictions.classes)}")
    rows = [predictions.classes.index(name) for name in names]
    matrix = predictions.confusion()
    unit = "videos" if predictions.level == "video" else "clips"
    if normalise:
        total = matrix.sum(axis=1, keepdims=True)
        matrix = np.divide(100.0 * matrix, total, out=np.zeros(matrix.shape), where=total > 0)
        unit = f"% of the class's {unit}"
    z = matrix[np.ix_(rows, rows)]
    shown = [plain(name) for name in names]
    small = len(names) <= CELLS_WITH_TEXT
    heat = go.Heatmap(
        z=z.tolist(),
        x=shown,
        y=shown,
        zmin=0,
        zmax=100 if normalise else max(1, int(z.max(initial=0))),
        autocolorscale=True,  # the template's: a page may swap it
        xgap=1,
        ygap=1,
        texttemplate=("%{z:.0f}" if small else None),
        colorbar={"title": {"text": unit, "side": "right"}},
        hovertemplate="true: %{y}<br>answer: %{x}<br>%{z:.0f} (" + unit + ")<extra></extra>",
    )
    side = 26 if small else 9
    fig = figure([heat], title, height=max(420, 190 + side * len(names)))
    fig.update_xaxes(title=f"Answer ({predictions.level} level)", tickangle=-45, showgrid=False, dtick=1)
    fig.update_yaxes(title="True class", autorange="reversed", showgrid=False, dtick=1)
    described(fig, _confusions_in_words(predictions, names))
    return at_least(fig, min(640, 220 + 26 * len(names)))


def _sorted(predictions: Predictions, sort: str) -> pd.DataFrame:
    if sort not in SORTS:
        raise ValueError(f"no such order: {sort!r}{meant_or_all(sort, SORTS)}")
    by, ascending = SORTS[sort]
    return predictions.per_class().sort_values(by, ascending=ascending, na_position="last")


def _classes_in_words(table: pd.DataFrame, mean: float, level: str) -> str:
    top1 = table.set_index("name")["top1"].dropna()
    best, worst = (f"{named(list(top1.index[top1 == end]))} with {100 * end:.1f} %" for end in (top1.max(), top1.min()))
    return (
        f"Top-1 accuracy of {counted(len(table), 'class', 'classes')} at {level} level, {mean:.1f} % over all. "
        f"Best: {best}; worst: {worst}."
    )


def _confusions_in_words(predictions: Predictions, names: Sequence[str]) -> str:
    matrix = predictions.confusion()
    right, total = int(matrix.diagonal().sum()), int(matrix.sum())
    wrong = matrix - np.diag(matrix.diagonal())
    if not wrong.any():
        return f"Confusion matrix of {counted(len(names), 'class', 'classes')}: {right} of {counted(total, 'answer is', 'answers are')} right."
    true, answer = np.unravel_index(wrong.argmax(), wrong.shape)
    return (
        f"Confusion matrix of {counted(len(names), 'class', 'classes')}: {right} of {counted(total, 'answer is', 'answers are')} right. The most frequent mistake: "
        f"{predictions.classes[true]} taken for {predictions.classes[answer]}, {counted(wrong.max(), 'time')}."
    )
