"""One page about one training: its curves, and its predictions class by class. It is one file and works offline."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from labkit.atomic import write_atomically
from labkit.counting import counted
from labkit.course.page import figure_html
from labkit.course.sweep_page import figure_scripts
from labkit.course.templates import SITE, render
from labkit.page_policy import allow
from labkit.records import History, Predictions

FILE = "index.html"


def write_page(folder: str | Path, asked: Sequence[tuple[str, str]] = ()) -> Path:
    """Write `index.html` about the training in `folder`, and return its path. `asked` are names and values for a table.

    The page has figures class by class where `predictions-video.parquet` is there and has labels. Raises
    `FileNotFoundError` for a folder without a history.
    """
    folder = Path(folder)
    history = History.read(folder / "history.jsonl")
    answers = folder / "predictions-video.parquet"
    found = Predictions.load(answers) if answers.is_file() else None
    scripts = figure_scripts()
    text = render(
        "training.html.j2",
        policy=allow(*scripts),
        style=Markup("".join((SITE / name).read_text(encoding="utf-8") for name in ("parts.css", "course.css"))),  # noqa: S704 (our own style and script, and digests)
        scripts=[Markup(script) for script in scripts],  # noqa: S704 (our own style and script, and digests)
        name=folder.resolve().name,
        lead=_lead(history),
        curves=_drawn(_curves(history), "curve"),
        answers=_drawn(_answers(found), "answer") if found and (found.labels >= 0).any() else [],
        tested=_tested(found) if found else "",
        asked=asked,
    )
    return write_atomically(folder / FILE, lambda temporary: temporary.write_text(text, encoding="utf-8", newline="\n"))


def _lead(history: History) -> str:
    table = history.table.dropna(subset=["top1"])
    parts = [f"{split} {rows['top1'].iloc[-1]:.0%}" for split, rows in table.groupby("split")]
    epochs = counted(int(history.table["epoch"].max()), "epoch")
    return f"After {epochs}, top-1 accuracy at clip level: {', '.join(parts) or 'not measured'}."


def _curves(history: History) -> list[Any]:
    from labkit.viz.curves import Metric, training_curves

    last = history.table.dropna(subset=["top1"]).groupby("split")["top1"].last()
    gap = 100 * (last.get("train", float("nan")) - last.get("val", float("nan")))
    accuracy = "Accuracy of the training clips" if gap != gap else f"{gap:.0f} points between training and validation"
    titles: dict[Metric, str] = {"top1": f"{accuracy} at the end", "loss": "The loss of the same measurements"}
    measured = [metric for metric in titles if history.table[[metric, f"live_{metric}"]].notna().any(axis=None)]
    return [training_curves(history, metric, title=titles[metric]) for metric in measured]


def _answers(found: Predictions) -> list[Any]:
    from labkit.viz.predictions import confusion, per_class

    wrong = int(found.confusion().sum() - found.confusion().diagonal().sum())
    total = counted(len(found.videos), "video")
    return [
        per_class(found, title=f"{found.accuracy():.0%} of {total} right"),
        confusion(found, title=f"{wrong} of {total} wrong"),
    ]


def _tested(found: Predictions) -> str:
    return (
        f"Predictions of {counted(len(found.videos), 'video')} at video level: the mean of the scores of a video's "
        f"{found.clips.mean():.1f} clips."
    )


def _drawn(figures: Sequence[Any], name: str) -> list[Markup]:
    return [
        Markup(figure_html(json.loads(figure.to_json()), f"{name}-{number}"))
        for number, figure in enumerate(figures, start=1)
    ]
