"""A source notebook as an assignment for nbgrader: the student's notebook, and the instructor's with answers and notes.

A code cell with the two markers is an exercise. Markers and cell ids give all metadata. Two locked cells stand behind each
answer: one goes on with the learner's function or with labkit's own, one gives the points. An exercise that
`labkit.course.exercises` lacks is graded by hand, or by a teacher's own cells, which have nbgrader's metadata already.
"""

import copy
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from labkit.course.exercises.format import BEGIN, END, Exercise
from labkit.course.exercises.shelf import cells as known_exercises
from labkit.course.exercises.shelf import find
from labkit.course.page import TEST_MARK
from labkit.runs.notebook import TAG

STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")  # nbgrader's own
DIFFICULTY = re.compile(r"difficulty (\d)", re.IGNORECASE)
SHORT = "short-parameters"  # the grade id of the cell that shortens the notebook while it is graded

Cell = dict[str, Any]
Notebook = dict[str, Any]


def student(source: Mapping[str, Any], name: str) -> Notebook:
    """The notebook to hand out: stubs for answers, no outputs, and a mark of this release in its metadata.

    `source` is the content of the source notebook, `name` its name without ending. Raises `ValueError` for a marker
    without its partner.
    """
    made = _assignment(source, name)
    for cell in made["cells"]:
        if is_exercise(cell):
            cell["source"] = stripped(cell["source"])
        _sum(cell)
    made["metadata"]["labkit"] = {"notebook": name, "release": release_of(made)}
    return made


def instructor(source: Mapping[str, Any], name: str) -> Notebook:
    """The same notebook with our answers between the markers, and a note behind each exercise."""
    made = _assignment(source, name)
    with_notes: list[Cell] = []
    for cell in made["cells"]:
        _sum(cell)
        with_notes.append(cell)
        cell_id = grade_id(cell)
        if is_exercise(cell) and _known(cell_id):
            with_notes.append(_markdown(f"{_stem(cell_id)}-note", _note(find(cell_id)), tags=["notes"]))
    made["cells"] = with_notes
    made["metadata"]["labkit"] = {"notebook": name}
    return made


def is_exercise(cell: Mapping[str, Any]) -> bool:
    """Whether the learner writes into this cell."""
    return bool(_marks(cell).get("solution"))


def is_graded(cell: Mapping[str, Any]) -> bool:
    """Whether the cell gives points."""
    return bool(_marks(cell).get("grade"))


def is_locked(cell: Mapping[str, Any]) -> bool:
    """Whether grading puts the cell of the release in place of the learner's."""
    return not is_exercise(cell) and (is_graded(cell) or bool(_marks(cell).get("locked")))


def grade_id(cell: Mapping[str, Any]) -> str:
    """The name that nbgrader knows the cell by; empty for a cell without one."""
    return str(_marks(cell).get("grade_id") or "")


def release_of(notebook: Mapping[str, Any]) -> str:
    """A short hash of the cells, which names the release."""
    parts = [[cell["cell_type"], cell["source"], grade_id(cell)] for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def stripped(source: str) -> str:
    """A cell with a stub in place of the lines between the markers, as nbgrader does it."""
    lines, inside = [], False
    for line in source.split("\n"):
        mark = line.strip()
        if mark in (BEGIN, END):
            if inside == (mark == BEGIN):
                raise ValueError(f"{mark} stands without its partner in the cell {source[:60]!r}")
            inside = not inside
            if inside:
                indent = line[: len(line) - len(line.lstrip())]
                lines += [indent + stub for stub in STUB]
        elif not inside:
            lines.append(line)
    if inside:
        raise ValueError(f"{BEGIN} stands without its partner in the cell {source[:60]!r}")
    return "\n".join(lines)


def checksum(cell: Mapping[str, Any]) -> str:
    """The checksum by which nbgrader sees that a cell was changed."""
    parts = [cell["source"], cell["cell_type"], str(is_graded(cell)), str(is_exercise(cell)), str(is_locked(cell))]
    parts.append(grade_id(cell))
    if is_graded(cell):
        parts.append(str(float(_marks(cell)["points"])))
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()


def _assignment(source: Mapping[str, Any], name: str) -> Notebook:
    """The notebook with all metadata and locked cells, our answers still in it."""
    made = {key: copy.deepcopy(source[key]) for key in ("metadata", "nbformat", "nbformat_minor")}
    made["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    made["cells"] = [*_cells(source["cells"], name)]
    return made


def _cells(source: list[Cell], name: str) -> Iterator[Cell]:
    waiting: list[Cell] = []  # locked cells, which stand behind the cell that checks the answer
    words = ""
    for number, cell in enumerate(source):
        made = {**copy.deepcopy(cell), "source": re.sub(TEST_MARK, "", "".join(cell["source"]), flags=re.MULTILINE)}
        if made["cell_type"] != "code":
            words = made["source"]
            yield made
            continue
        made.update(outputs=[], execution_count=None)
        if BEGIN in made["source"]:
            waiting = [*_locked_behind(made, words)]
        yield made
        if TAG in made["metadata"].get("tags", []):
            yield _code(SHORT, _short(name), locked=True)
        if waiting and not _is_check(source[number + 1 : number + 2], made["id"]):
            yield from waiting
            waiting = []


def _is_check(following: list[Cell], cell_id: str) -> bool:
    """Whether the next cell asks for the check of this one."""
    return bool(following) and following[0]["cell_type"] == "code" and f'"{cell_id}"' in "".join(following[0]["source"])


def _locked_behind(cell: Cell, words: str) -> Iterator[Cell]:
    """Mark the cell as an exercise; give the locked cells that belong to it. A teacher's own marks stay.

    An exercise is worth as many points as its difficulty, which `words`, the text before the cell, says.
    """
    if _marks(cell):
        return
    cell_id, known = cell["id"], _known(cell["id"])
    difficulty = DIFFICULTY.search(find(cell_id).text if known else words)
    points = int(difficulty[1]) if difficulty else 1
    cell["metadata"]["deletable"] = False
    cell["metadata"]["nbgrader"] = _nbgrader(cell_id, solution=True, points=None if known else points)
    if known:
        stem, defined = _stem(cell_id), find(cell_id).defines
        use = f'{defined} = exercise("{cell_id}", globals())  # yours where it is right, else labkit\'s'
        yield _code(f"{stem}-use", f"from labkit.course.exercises import exercise\n\n{use}", locked=True)
        give = f'grade("{cell_id}", globals(), points={points})'
        yield _code(f"{stem}-grade", f"from labkit.course.exercises import grade\n\n{give}", points=points)


def _known(cell_id: str) -> bool:
    return _stem(cell_id) in known_exercises()


def _stem(cell_id: str) -> str:
    return cell_id.removesuffix("-solution")


def _short(name: str) -> str:
    return (
        "from labkit.course.short import short_parameters\n\n"
        f'globals().update(short_parameters("{name}"))  # fewer clips and updates, but only while it is graded'
    )


def _code(cell_id: str, source: str, *, locked: bool = False, points: int | None = None) -> Cell:
    marks = _nbgrader(cell_id, locked=locked, points=points)
    metadata = {"deletable": False, "editable": False, "nbgrader": marks, "tags": ["aside"]}
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": metadata,
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def _markdown(cell_id: str, source: str, tags: list[str]) -> Cell:
    return {"cell_type": "markdown", "id": cell_id, "metadata": {"tags": tags}, "source": source}


def _nbgrader(name: str, *, solution: bool = False, locked: bool = False, points: int | None = None) -> dict[str, Any]:
    graded = points is not None
    marks = {"grade": graded, "solution": solution, "locked": locked or (graded and not solution), "task": False}
    return {**marks, "grade_id": name, "schema_version": 3, **({"points": points} if graded else {})}


def _marks(cell: Mapping[str, Any]) -> dict[str, Any]:
    found = cell.get("metadata", {}).get("nbgrader")
    return found if isinstance(found, dict) else {}


def _sum(cell: Cell) -> None:
    """Write the checksum into the cell's metadata, where nbgrader looks at it."""
    if grade_id(cell):
        cell["metadata"]["nbgrader"].update(checksum=checksum(cell), cell_type=cell["cell_type"])


def _note(exercise: Exercise) -> str:
    """What a teacher wants at hand: why the answer is right, the hints, typical wrong answers and what is said to them."""
    wrong = "\n".join(f"- {one.name}: “{one.says}”" for one in exercise.wrong)
    hints = "\n".join(f"{number}. {hint}" for number, hint in enumerate(exercise.hints, start=1))
    return (
        f"**Note for the teacher: `{exercise.defines}`.** {exercise.explanation}\n\n"
        f"Hints that a student may ask for:\n\n{hints}\n\nTypical wrong answers, and the message:\n\n{wrong}"
    )
