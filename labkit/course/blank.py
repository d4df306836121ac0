"""The cells and the quiz with which a new notebook begins. They keep the rules of the course; the teacher replaces the words.

`NUMBER`, `TITLE`, `QUESTION`, `CARD` and `NAME` stand for what `labkit course new` fills in.
"""

from typing import Any

ASIDE = ("aside",)
OPENING = """\
# NUMBER TITLE

QUESTION Say here in a few sentences why a reader wants to know.

- **You will** move a slider; write one line; record a number.
- **Before**: [01 A video is a tensor](01_video_is_a_tensor.ipynb).
- **Time**: 1 minute on a CPU, 1 minute on a GPU.
- **Paper**: `CARD`."""
PARAMETERS = """\
seed: int = 0  # decides every random number below
device: str = "auto"  # auto, cpu or cuda
out: str = ""  # folder for results; empty: nothing is kept"""
IMPORTS = """\
from labkit.runs.results import record
from labkit.viz.explorer import Explorer
from labkit.viz.theme import figure

import numpy as np
import plotly.graph_objects as go"""
EXPLORER = """\
def draw(power):
    x = np.linspace(0, 1, 50)
    fig = figure([go.Scatter(x=x, y=x**power)], f"x to the power {power} is {0.5**power:.2g} in the middle")
    fig.update_xaxes(title="x")
    return fig.update_yaxes(title=f"x to the power {power}")


Explorer(draw, slider={"power": [1, 2, 3, 4]})"""
EXERCISE = """\
**Exercise 1** (difficulty 1 of 5, importance 3 of 5, 5 minutes). Write the value in the middle, for any power."""
SOLUTION = '''\
def middle(power):
    """The value of x to the power `power` at x = 0.5."""
    ### BEGIN SOLUTION
    return 0.5**power
    ### END SOLUTION'''
READING = """\
## Further reading

- `CARD`: say what a reader finds there. The last cell shows a summary of it."""

CELLS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (  # type, id, tags, source
    ("markdown", "opening", (), OPENING),
    ("code", "parameters", ("parameters",), PARAMETERS),
    ("code", "imports", (), IMPORTS),
    ("markdown", "explore-text", (), "## Something to move\n\nSay what changes when the reader moves the slider."),
    ("code", "explore", (), EXPLORER),
    ("markdown", "explore-words", (), "In words: the higher the power, the flatter the curve begins."),
    ("markdown", "exercise", (), EXERCISE),
    ("code", "middle-solution", (), SOLUTION),
    ("markdown", "guess-text", (), "## A guess\n\nSay what will be measured, and do not give the result away."),
    (
        "code",
        "guess",
        ASIDE,
        'from labkit.course.guess import guess\n\nguess("NUMBER-mean", "How large is the mean of the curve of power 2?", 0, 1, step=0.01)',
    ),
    ("code", "mean", (), "mean = (np.linspace(0, 1, 1001) ** 2).mean()"),
    ("code", "beside", ASIDE, 'from labkit.course.guess import beside\n\nbeside("NUMBER-mean", mean)'),
    ("markdown", "quiz-text", (), "## Quiz\n\nFive questions. Each answer comes with its reason."),
    ("code", "quiz", ASIDE, 'from labkit.course.quiz import quiz\n\nquiz("NUMBER")'),
    ("markdown", "found", (), "## What we found\n\nSay it in a sentence. The cell below has the numbers."),
    ("code", "found-numbers", (), "record(out, mean=mean)"),
    ("markdown", "exercises", (), "## Exercises\n\n1. The value in the middle (above). Then try the other powers."),
    ("markdown", "reading", (), READING),
    ("code", "card", ASIDE, 'from labkit.survey import show_card\n\nshow_card("CARD")'),
)

QUIZ = "# The quiz of notebook NUMBER. Replace all words; CONTRIBUTING.md says how.\n" + "".join(
    f'\n[[question]]\nask = "Question {number}: what is asked?"\nchoices = [\n'
    + "".join(
        f'  {{ says = "Answer {letter}", {"right = true, " * (place == number % 3)}why = "Say why {letter} is '
        f'{"right" if place == number % 3 else "not right"}." }},\n'
        for place, letter in enumerate("ABC")
    )
    + "]\n"
    for number in range(1, 6)
)

ENTRY = """
[[notebook]]
file = "NAME.ipynb"
title = "TITLE"
question = "QUESTION"
minutes = { cpu = 1, gpu = 1 }
budget_s = BUDGET
card = "CARD"
"""


def filled(text: str, values: dict[str, str]) -> str:
    """The text with a value for each word in capitals."""
    for word, value in values.items():
        text = text.replace(word, value)
    return text


def blank_notebook(values: dict[str, str]) -> dict[str, Any]:
    """The content of a new notebook, as Jupyter stores it."""
    cells = []
    for kind, name, tags, source in CELLS:
        cell: dict[str, Any] = {"cell_type": kind, "id": name, "metadata": {"tags": [*tags]} if tags else {}}
        if kind == "code":
            cell.update(execution_count=None, outputs=[])
        cells.append({**cell, "source": filled(source, values).splitlines(keepends=True)})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
