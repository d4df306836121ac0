"""The course's own notebooks with small outputs of every kind in place of a run's: what the tests of their pages look at."""

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import plotly.graph_objects as go
from made_runs import make_run
from nbformat import NotebookNode, v4

from labkit.course.guess import Guess
from labkit.course.quiz import quiz
from labkit.data.encode import as_mp4
from labkit.models.inflate.check import InflationReport, LayerCheck
from labkit.survey import show_card
from labkit.survey.slides.page import Deck, Slide
from labkit.viz.chooser import Chooser
from labkit.viz.explorer import Explorer
from labkit.viz.stopwatch import Stopwatch
from labkit.viz.theme import figure
from labkit.viz.videos import VideoWall

ROOT = Path(__file__).resolve().parents[1]
PAPERS = ("hara-2018-retrace", "carreira-2017-quo-vadis")
CLASSES = ["OrbitCounterclockwise", "学習の動画", "<b>markup</b> & more", "name" * 50]


def _explorer() -> Explorer:
    def draw(family: str, power: int) -> go.Figure:
        curve = go.Scatter(y=[x**power for x in range(5)], name=family)
        return figure([curve], f"{family}: to the power {power}", description=f"It ends at {4**power}.")

    return Explorer(draw, menu={"family": CLASSES}, slider={"power": [1, 2, 3]}, live=False)


def _bars() -> go.Figure:
    made = figure([go.Bar(x=CLASSES, y=[1, 3, 2, 5])], "One class is seen more often", description="Four bars.")
    return made.update_layout(meta={"narrowest": 600}).update_yaxes(title="Videos")


def _chooser() -> Chooser:
    states = {(one,): {"words": f"{one} was right.", "rows": [{"n": n} for n in range(40)]} for one in CLASSES}
    template = '<h4>A class</h4><p>{words}</p><div class="wide" tabindex="0"><table><tr>{#rows}<td>{n}</td>{/rows}</tr></table></div>'
    return Chooser(states, ["class"], template, name="Classes", live=False)


def _report() -> InflationReport:
    layers = tuple(
        LayerCheck(f"layer{n}", (0.0, 0.1 * n, 0.9), 1e-10, "its weights are not divided by t") for n in range(20)
    )
    return InflationReport(layers, 3)


def _wall() -> VideoWall:
    file = as_mp4(np.zeros((4, 32, 32, 3), np.uint8))
    return VideoWall(dict.fromkeys(CLASSES, file), title="One video of each class", words="Four dark videos.")


KINDS: tuple[Callable[[], Any], ...] = (
    lambda: pd.DataFrame([range(40)] * 3, index=CLASSES[:3]),
    lambda: pd.DataFrame({"class": CLASSES, "says": ["a sentence of many words, " * 3] * 4}).style.hide(axis="index"),
    _explorer,
    _bars,
    _wall,
    _chooser,
    _report,
    lambda: Stopwatch({"skim": (15, 30)}, live=False),
    lambda: Deck("Slides", "en", ((Slide("<h2>One</h2>"),), (Slide("<h2>Two</h2>"),))),
    lambda: show_card(PAPERS[1]),
)  # fmt: skip
TEXTS: tuple[NotebookNode, ...] = (
    v4.new_output("stream", name="stdout", text="\x1b[31mred\x1b[0m \x1b[32mgreen\x1b[0m \x1b[33myellow\x1b[0m " + "long" * 60),
    v4.new_output("stream", name="stderr", text="a warning"),
    v4.new_output("error", ename="ValueError", evalue="x", traceback=["\x1b[31mValueError\x1b[39m: x"]),
    v4.new_output("display_data", {"text/markdown": "Some words.\n\n| mistake | because |\n|---|---|\n| none | nothing |"}),
    v4.new_output("display_data", {"text/html": '<div role="status"><strong>Right.</strong> <code>exercises</code></div>'}),
)  # fmt: skip


def shown(notebook: Path) -> NotebookNode:
    """The notebook with outputs: its quiz and its guess, and in its other cells each kind in turn."""
    content = nbformat.read(notebook, as_version=4)
    kinds = itertools.cycle((*KINDS, *TEXTS))
    for cell in content.cells:
        if cell.cell_type != "code" or "parameters" in cell.metadata.get("tags", []):
            continue
        if 'quiz("' in cell.source:
            made: Any = quiz(notebook.name[:2])
        elif "guess(\n" in cell.source or 'guess("' in cell.source:
            made = Guess(f"{notebook.name[:2]}-shown", "How many?", 0, 100, unit="points", live=False)
        else:
            one = next(kinds)
            made = one if isinstance(one, dict) else one()
        cell.outputs = [made if isinstance(made, dict) else v4.new_output("display_data", _bundle(made))]
    return content


def _bundle(made: Any) -> dict[str, Any]:
    if isinstance(made, go.Figure):
        return {"application/vnd.plotly.v1+json": json.loads(made.to_json())}
    if hasattr(made, "_repr_mimebundle_"):
        return dict(made._repr_mimebundle_())
    return {"text/html": made._repr_html_()}


def write_shown_course(project: Path) -> Path:
    """A project with the course's notebooks, two papers and a run of each notebook; returns `project`."""
    for name in ("notebooks", *(f"summaries/{paper}" for paper in PAPERS)):
        shutil.copytree(ROOT / name, project / name)
    (project / "docs").mkdir()
    for name in ("glossary.md", "findings.toml", "findings.json"):
        shutil.copyfile(ROOT / "docs" / name, project / "docs" / name)
    for notebook in sorted((project / "notebooks").glob("*.ipynb")):
        folder = make_run(project / "build" / "runs" / notebook.stem, notebook=notebook.name)
        nbformat.write(shown(notebook), folder / notebook.name)
    return project
