"""Training over time, and over the size of the training set. Reads `History` records and plain tables."""

from collections.abc import Sequence
from typing import Literal

import pandas as pd
import plotly.graph_objects as go

from labkit.counting import counted
from labkit.names import meant_or_all
from labkit.records import History
from labkit.viz.theme import GREY, Look, described, figure, look_of, plain

Metric = Literal["top1", "top5", "loss"]
Spread = Literal["range", "sd"]

AXES = {"top1": "Top-1 accuracy (%)", "top5": "Top-5 accuracy (%)", "loss": "Loss (cross-entropy, nats)"}
SPLITS = {"train": look_of(0), "val": look_of(1), "test": look_of(2)}
SPREADS = {"range": "lowest to highest", "sd": "mean ± standard deviation"}
GAP_COLUMNS = ("clips", "seed", "train", "val")


def training_curves(
    history: History | Sequence[History],
    metric: Metric = "top1",
    *,
    title: str | None = None,
    spread: Spread = "range",
    best: bool = True,
) -> go.Figure:
    """Training and validation over the epochs, with the gap between them shaded, and the best epoch marked.

    Both are measured in evaluation mode; epochs without a measurement have no point. A history without validation has only
    the numbers counted while the weights changed; its line says so.

    Several histories (or one with several run names) are drawn as their mean with a band: `spread="range"` from the
    lowest to the highest run, `"sd"` one standard deviation to both sides. Accuracies are shown in percent.

    Raises `ValueError` for a history without rows, for an unknown `metric`, and where no epoch has a number.
    """
    if metric not in AXES:
        raise ValueError(f"no such metric: {metric!r}{meant_or_all(metric, AXES)}")
    table, names = _one_table(history), {split: split for split in SPLITS}
    trains = table["split"] == "train"
    if table.loc[trains, metric].isna().all() and f"live_{metric}" in table:
        table.loc[trains, metric], names["train"] = table.loc[trains, f"live_{metric}"], "train, while training"
    scale = 1.0 if metric == "loss" else 100.0
    lines = {
        str(split): _mean_and_band(rows, "epoch", values=rows[metric] * scale, spread=spread)
        for split, rows in table.dropna(subset=[metric]).groupby("split")
    }
    lines = {split: lines[split] for split in SPLITS if split in lines}
    if not lines:
        raise ValueError(f"there is nothing to draw: {metric} is not a number in any epoch")
    fig = figure(title=title)
    if {"train", "val"} <= set(lines):
        _shade_gap(fig, lines["train"], lines["val"], points=metric != "loss")
    for split, line in lines.items():
        _add_line(fig, line, name=names[split], look=SPLITS[split], at="epoch", spread=spread)
    if best and "val" in lines:
        _mark_best(fig, lines["val"], lowest=metric == "loss")
    fig.update_xaxes(title="Epoch")
    fig.update_yaxes(title=f"{AXES[metric]}{'' if metric == 'loss' else ', ' + _levels(table)}")
    return described(fig, _in_words(lines, metric, runs=table["run"].nunique()))


def lag_curves(
    running: History, fresh: History, metric: Literal["top1", "loss"] = "top1", *, title: str | None = None
) -> go.Figure:
    """One training, measured on its training clips in three ways: the effect of batch norm's running statistics.

    `running` and `fresh` are the histories of the same training (same seed and settings), measured with
    `fit(..., statistics="running")` and `"fresh"`; the third line was counted while the weights changed. A loss is drawn
    on a log axis. Raises `ValueError` if the two are of different trainings, and where no epoch of one has a number.
    """
    tables = [h.table[(h.table["split"] == "train") & h.table[metric].notna()] for h in (running, fresh)]
    if not tables[0]["live_loss"].reset_index(drop=True).equals(tables[1]["live_loss"].reset_index(drop=True)):
        raise ValueError("the two histories are not of the same training: their losses while training differ")
    if any(table.empty for table in tables):
        raise ValueError(f"there is nothing to draw: {metric} is not a number in any epoch on the training clips")
    scale = 1.0 if metric == "loss" else 100.0
    lines = {
        "while training": tables[1][f"live_{metric}"] * scale,
        "afterwards, fresh statistics": tables[1][metric] * scale,
        "afterwards, running statistics": tables[0][metric] * scale,
    }
    fig, epochs = figure(title=title), tables[1]["epoch"].tolist()
    for number, (name, values) in enumerate(lines.items()):
        look = look_of(number)
        fig.add_scatter(x=epochs, y=values.tolist(), name=name, mode="lines+markers",
                        line={"color": look.colour, "dash": look.dash}, marker={"symbol": look.marker, "size": 7})  # fmt: skip
    fig.update_xaxes(title="Epoch")
    fig.update_yaxes(title=f"{AXES[metric]}, training clips", type="log" if metric == "loss" else "linear")
    unit, digits = ("", 2) if metric == "loss" else (" %", 0)
    ends = "; ".join(
        f"{name} {v.iloc[0]:.{digits}f}{unit}, at the end {v.iloc[-1]:.{digits}f}{unit}" for name, v in lines.items()
    )
    return described(fig, f"The same weights on the same clips, judged in three ways. {ends}.")


def gap_curve(
    table: pd.DataFrame, title: str | None = None, *, level: str = "clip", spread: Spread = "range"
) -> go.Figure:
    """The gap (training minus validation top-1, in points) against the number of training clips, on a log axis.

    `table` has one row per run: `clips` (size of the training set), `seed`, `train` and `val` (top-1 as shares in
    0-1), and for several lines `series`, the name of each. Bands are over seeds.

    Raises `ValueError` for a missing column, and for a table without rows.
    """
    missing = [name for name in GAP_COLUMNS if name not in table.columns]
    if missing or table.empty:
        raise ValueError(
            f"a gap curve needs rows with {', '.join(GAP_COLUMNS)}; missing: {', '.join(missing) or 'rows'}"
        )
    names = table["series"] if "series" in table.columns else pd.Series("gap", index=table.index)
    gaps = table.assign(series=names, gap=100 * (table["train"] - table["val"]))
    fig = figure(title=title)
    words = []
    for number, (name, rows) in enumerate(gaps.groupby("series", sort=False)):
        line = _mean_and_band(rows, "clips", values=rows["gap"], spread=spread)
        _add_line(fig, line, name=str(name), look=look_of(number), at="clips", spread=spread)
        known = line.dropna(subset="mean")
        if known.empty:
            words.append(f"{name}: not a number at any size")
            continue
        first, last = known.iloc[0], known.iloc[-1]
        words.append(
            f"{name}: {first['mean']:.1f} points at {counted(first['clips'], 'clip')}, "
            f"{last['mean']:.1f} at {last['clips']:,.0f}"
        )
    sizes = sorted(table["clips"].unique())
    fig.add_hline(y=0, line={"color": GREY, "width": 1})
    fig.update_xaxes(title="Training clips (log scale)", type="log", tickvals=sizes, ticktext=[f"{n:,}" for n in sizes])
    fig.update_yaxes(title=f"Gap: training minus validation<br>top-1 accuracy (points), {plain(level)} level")
    return described(fig, "Gap between training and validation accuracy. " + "; ".join(words) + ".")


def _one_table(history: History | Sequence[History]) -> pd.DataFrame:
    histories = [history] if isinstance(history, History) else list(history)
    tables = [h.table.assign(run=h.table["run"] + f"#{i}") for i, h in enumerate(histories)]
    if not tables or all(t.empty for t in tables):
        raise ValueError("there is no epoch to draw: the history has no rows")
    return pd.concat(tables, ignore_index=True)


def _mean_and_band(rows: pd.DataFrame, by: str, *, values: pd.Series, spread: Spread) -> pd.DataFrame:
    """One row per value of `by`: `mean`, `low` and `high` over the runs, and the number of runs."""
    groups = values.groupby(rows[by])
    line = pd.DataFrame({"mean": groups.mean(), "low": groups.min(), "high": groups.max(), "runs": groups.size()})
    if spread == "sd":
        sd = groups.std().fillna(0.0)
        line["low"], line["high"] = line["mean"] - sd, line["mean"] + sd
    return line.rename_axis(by).reset_index()


def _add_line(fig: go.Figure, line: pd.DataFrame, *, name: str, look: Look, at: str, spread: Spread) -> None:
    if (line["runs"] > 1).any():
        fig.add_scatter(
            x=[*line[at], *line[at][::-1]],
            y=[*line["high"], *line["low"][::-1]],
            fill="toself",
            fillcolor=look.faint,
            line={"width": 0},
            mode="lines",
            name=f"{plain(name)}: {SPREADS[spread]}",
            legendgroup=name,
            showlegend=False,
            hoverinfo="skip",
        )
    runs = int(line["runs"].max())
    fig.add_scatter(
        x=line[at].tolist(),
        y=line["mean"].tolist(),
        mode="lines+markers",
        name=plain(name) + (f" (mean of {runs}, {SPREADS[spread]})" if runs > 1 else ""),
        legendgroup=name,
        line={"color": look.colour, "dash": look.dash, "width": 2.5},
        marker={"symbol": look.marker, "size": 7},
        hovertemplate="%{x}: %{y:.1f}<extra>" + plain(name) + "</extra>",
    )


def _shade_gap(fig: go.Figure, train: pd.DataFrame, val: pd.DataFrame, *, points: bool) -> None:
    both = train.merge(val, on="epoch", suffixes=("_train", "_val"))
    if both.empty:
        return
    last = both.iloc[-1]
    gap = last["mean_train"] - last["mean_val"] if points else last["mean_val"] - last["mean_train"]
    fig.add_scatter(
        x=[*both["epoch"], *both["epoch"][::-1]],
        y=[*both["mean_train"], *both["mean_val"][::-1]],
        fill="toself",
        fillcolor="rgba(128, 128, 128, 0.15)",
        line={"width": 0},
        mode="lines",
        name=f"gap ({gap:.1f} points at the end)" if points else f"gap ({gap:.2f} at the end)",
        hoverinfo="skip",
        legendrank=2000,  # after the lines
    )


def _mark_best(fig: go.Figure, val: pd.DataFrame, *, lowest: bool) -> None:
    row = val.iloc[val["mean"].argmin() if lowest else val["mean"].argmax()]
    value = f"{row['mean']:.2f}" if lowest else f"{row['mean']:.1f} %"
    fig.add_vline(
        x=row["epoch"],
        line={"color": GREY, "dash": "dot", "width": 1.5},
        name=f"best epoch {row['epoch']:.0f}: {value}",
        showlegend=True,  # in the legend no label can lie on a line
        legendrank=2001,
    )


def _levels(table: pd.DataFrame) -> str:
    levels = {str(split): "/".join(sorted(map(str, rows["level"].unique()))) for split, rows in table.groupby("split")}
    if len(set(levels.values())) == 1:
        return f"{next(iter(levels.values()))} level"
    return ", ".join(f"{split}: {level} level" for split, level in sorted(levels.items()))


def _in_words(lines: dict[str, pd.DataFrame], metric: Metric, *, runs: int) -> str:
    unit, digits = ("", 2) if metric == "loss" else (" %", 1)
    parts = [
        f"{split} goes from {line['mean'].iloc[0]:.{digits}f}{unit} to {line['mean'].iloc[-1]:.{digits}f}{unit}"
        for split, line in lines.items()
    ]
    epochs = int(max(line["epoch"].max() for line in lines.values()))
    many = f", mean of {runs} runs" if runs > 1 else ""
    return f"{AXES[metric].split(' (')[0]} over {counted(epochs, 'epoch')}{many}: {'; '.join(parts)}."
