"""Every notebook of the course in JupyterLab, on short parameters: it runs, a control moves, an exercise answers.

`MOVES` has a row for each notebook: a control, the words that the notebook shows before it is moved, and those after.
Words in braces are computed in the kernel from what the notebook measured, not from what it drew.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from lab import Lab

from labkit.course.exercises import shelf
from labkit.course.plan import read_plan
from labkit.data import motion
from labkit.runs.notebook import read_parameters

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LESSONS = {lesson.number: lesson for lesson in read_plan().lessons}
VIDEOS = 144  # ten training videos and two test videos of each class
MORE = {"05": {"shares": "0.3, 1", "largest_epochs": 1}}  # of so few videos


@dataclass(frozen=True)
class Move:
    """A control of one cell, moved by keys or by a choice, and the words that a cell shows before and after."""

    cell: str
    control: str  # the label of the slider or menu
    by: str  # keys, or the option of a menu
    before: str
    after: str
    shown: str = ""  # the cell with the words; empty: the same


MOVES = {
    "00": Move(
        "guess-parameters",
        "million",
        "ArrowRight",
        "The result is 2.08 million.",
        "Your guess was 20.1 million. The result is 2.08 million: 18.02 million away.",
        shown="beside-parameters",
    ),
    "01": Move(
        "scrubber",
        "stride (source frames)",
        "ArrowRight",
        "MoveRight: a pixel changes by {change('MoveRight', 1):.1f} of 255",
        "MoveRight: a pixel changes by {change('MoveRight', 2):.1f} of 255",
    ),
    "02": Move(
        "control",
        "width",
        "ArrowLeft",
        "resnet18 of width 64 on 8×112×112: 33.24 M parameters, 4.346 GMACs",
        "resnet18 of width 32 on 8×112×112: 8.38 M parameters, 1.500 GMACs",
    ),
    "03": Move(
        "control",
        "weights",
        "centre, before training",
        "mean, before training: without its mean over time the first layer keeps 0% of its norm",
        "the first layer keeps {variation(stems['centre, before training']):.0%} of its norm",
    ),
    "04": Move(
        "explorer",
        "clips in a batch",
        "ArrowRight",
        "Batches of 4: {speeds[4]:.0f} clips/s, {kept[4]:.0f} MB kept",
        "Batches of 8: {speeds[8]:.0f} clips/s, {kept[8]:.0f} MB kept",
    ),
    "05": Move(
        "slider",
        "epoch",
        "ArrowRight",
        "Stopped after epoch {measured.index[0]}: validation {measured['top1'].iloc[0]:.0%}",
        "Stopped after epoch {measured.index[1]}: validation {measured['top1'].iloc[1]:.0%}",
    ),
    "06": Move(
        "prediction-browser",
        "order",
        "least sure first",
        "{by_video.videos[np.argmax(by_video.scores.max(1) - by_video.scores[np.arange(len(by_video.labels)), by_video.labels])]}:",
        "{by_video.videos[np.argmin(np.diff(np.sort(by_video.scores)[:, -2:])[:, 0])]}:",
    ),
    "07": Move(
        "weight",
        "weight of the flow",
        "ArrowRight",
        "with 50% of the weight on the flow, top-1 is {curves[separate[0]][5]:.0%}",
        "with 60% of the weight on the flow, top-1 is {curves[separate[0]][6]:.0%}",
    ),
    "08": Move(
        "explore",
        "layers",
        "all layers",
        "fixed features, after {sizes[0]} clips {top1['fixed features'].iloc[0]:.0%}",
        "all layers, after {sizes[0]} clips {top1['all layers'].iloc[0]:.0%}",
    ),
    "09": Move(
        "explore",
        "clips",
        "ArrowLeft",
        "Highest of ours with {counted(options[-1], 'clip')} of a video: {y.idxmax()}, {100 * y.max():.0f} %",
        "Highest of ours with {counted(options[-2], 'clip')} of a video: ",
    ),
    "10": Move(
        "years-control",
        "year",
        "ArrowLeft",
        "{years[-1]}: {filling[years[-1]]} of",
        "{years[-2]}: {filling[years[-2]]} of",
    ),
}


@dataclass(frozen=True)
class Answers:
    """A wrong and a right answer to an exercise, and what the cell below says to each."""

    cell: str
    check: str  # the cell below
    wrong: str
    says: str
    right: str
    then: str = "Right."


def first_exercise(number: str, ids: list[str]) -> Answers:
    """The first exercise of a notebook, with its typical mistake."""
    if number == "10":  # graded by hand; the cell below prints what the answer gives
        wrong = "def holes(places):\n    return places[places['questions'] > 0]"
        right = "def holes(places):\n    open_ones = places.query('questions > 0 and results == 0')\n"
        right += "    return open_ones.sort_values('questions', ascending=False)"
        found = "[['H', 'scratch'], ['U', 'scratch']]"
        return Answers(
            "holes", "holes-check", wrong, "[['U', 'scratch'], ['U', 'flow'], ['H', 'scratch']]", right, found
        )
    known = {found.cell: found for found in map(shelf.find, shelf.cells()) if found.number == number}
    found = next(known[name] for name in ids if name in known)
    mistake, check = found.wrong[0], ids[ids.index(found.cell) + 1]
    says = mistake.says.replace("`", "")
    return Answers(found.cell, check, found.answered(mistake.answer), says, found.answered(found.right[0]))


@pytest.fixture(scope="module", autouse=True)
def beginner() -> None:
    """A learner who has guessed nothing: a kept guess is where its slider starts."""
    Path(os.environ["LABKIT_PROGRESS"]).unlink(missing_ok=True)


@pytest.fixture(scope="module")
def videos() -> Path:
    """Generated videos that all notebooks share."""
    return motion.generate(videos=VIDEOS, progress=False)


def write_short(number: str, videos: Path, folder: Path) -> str:
    """The notebook with a cell of short parameters behind its own, in a folder. Returns the file's name."""
    lesson = LESSONS[number]
    notebook, known = nbformat.read(lesson.path, as_version=4), read_parameters(lesson.path)
    given = {**lesson.short, "root": str(videos), "device": "cpu", **MORE.get(number, {})}
    lines = [f"{name} = {value!r}" for name, value in given.items() if name in known]
    place = next(k for k, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell("\n".join(lines), id="short"))
    nbformat.write(notebook, folder / lesson.path.name)
    return lesson.path.name


def move(lab: Lab, moved: Move) -> None:
    cell = lab.cell(moved.cell)
    if moved.by.startswith("Arrow"):
        cell.locator(".widget-inline-hbox", has_text=moved.control).locator(".noUi-handle").focus()
        lab.page.keyboard.press(moved.by)
    else:
        cell.get_by_label(moved.control).select_option(moved.by)
    if moved.shown:  # a guess counts once it is kept
        cell.locator(".widget-button").click()  # an active cell has buttons of its own


@pytest.mark.parametrize("number", LESSONS)
def test_it_runs_without_an_error_a_control_moves_and_an_exercise_answers(page, jupyterlab, videos, number):
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    lab = Lab(page, jupyterlab, write_short(number, videos, jupyterlab.folder))
    lab.run_all()
    ran = lab.cells()
    assert [cell["id"] for cell in ran if not cell["execution_count"]] == []
    assert [
        (cell["id"], one["evalue"]) for cell in ran for one in cell["outputs"] if one["output_type"] == "error"
    ] == []

    moved = MOVES[number]
    before, after = (lab.value(f"f{words!r}") for words in (moved.before, moved.after))
    assert before != after
    lab.until_shown(moved.shown or moved.cell, before)
    move(lab, moved)
    lab.until_shown(moved.shown or moved.cell, after)

    asked = first_exercise(number, lab.ids)
    for answer, says in ((asked.wrong, asked.says), (asked.right, asked.then)):
        lab.run(asked.cell, answer)
        lab.run(asked.check)
        lab.until_shown(asked.check, says)
    assert complaints == []
    lab.close()
