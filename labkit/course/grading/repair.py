"""Put a student's notebook in order for nbgrader, along the release: metadata, deleted and doubled cells, the order.

The answers stay the student's, and so do the changes to other cells. Locked cells are the release's.
"""

import ast
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labkit.counting import counted
from labkit.course.assignment import Cell, Notebook, grade_id, is_exercise, is_locked

DEFINES = re.compile(r"^(?:def|class)\s+(\w+)|^(\w+)\s*=(?!=)", re.MULTILINE)


@dataclass(frozen=True)
class Repaired:
    """A notebook that nbgrader can grade, and sentences on what was put in order."""

    notebook: Notebook
    said: tuple[str, ...]


def repair(handed_in: Notebook, release: Notebook) -> Repaired:
    """The student's notebook along the cells of the release. Both have their cells' sources as strings."""
    theirs, ours = handed_in["cells"], release["cells"]
    matched = _match(theirs, ours)
    said = [*_differences(handed_in, release, matched)]
    extras = _extras(theirs, matched)
    cells = [*extras.get(-1, [])]
    for number, cell in enumerate(ours):
        versions = [theirs[one] for one in matched[number]]
        if is_exercise(cell):
            cells += _answered(cell, versions)
        elif cell["cell_type"] == "code" and not is_locked(cell) and versions:
            cells.append({**cell, "source": versions[-1]["source"]})
        else:
            cells.append(cell)
        cells += extras.get(number, [])
    taken = {cell.get("id") for cell in ours}
    for number, cell in enumerate(cells):
        if cell.get("id") is None:
            cell["id"] = next(name for name in (f"own-{number}", f"own-{number}-more") if name not in taken)
    return Repaired({**release, "cells": [_plain(cell) for cell in cells]}, tuple(said))


def is_untouched(answer: Cell, stub: Cell) -> bool:
    """Whether an answer is the stub that was handed out, up to spaces at the ends of lines."""
    return _normal(answer["source"]) == _normal(stub["source"])


def _match(theirs: Sequence[Cell], ours: Sequence[Cell]) -> list[list[int]]:
    """For each cell of the release, the numbers of the student's cells that are versions of it, in the student's order."""
    matched: list[list[int]] = [[] for _ in ours]
    free = dict.fromkeys(range(len(theirs)))

    def take(number: int, one: int) -> None:
        matched[number].append(one)
        free.pop(one)

    def where(keys: Mapping[str, int], key: object) -> int | None:
        return keys.get(key) if isinstance(key, str) else None

    by_grade_id = {grade_id(cell): number for number, cell in enumerate(ours) if grade_id(cell)}
    by_id = {cell["id"]: number for number, cell in enumerate(ours)}
    texts = Counter(_normal(cell["source"]) for cell in ours)  # the stubs of two questions are the same text
    by_text = {text: number for number, cell in enumerate(ours) if texts[text := _normal(cell["source"])] == 1}
    for keys, key_of in ((by_grade_id, grade_id), (by_id, _id)):
        for one in [*free]:
            place = where(keys, key_of(theirs[one]))
            if place is not None and _same_kind(theirs[one], ours[place]):
                take(place, one)
    for one in [*free]:
        place = where(by_text, _normal(theirs[one]["source"]))
        if place is not None and (not matched[place] or grade_id(ours[place])):
            take(place, one)
    for number, cell in enumerate(ours):
        if is_exercise(cell) and all(is_untouched(theirs[one], cell) for one in matched[number]):
            wanted = _defined(cell["source"]) or _used_behind(ours[number + 1 :])
            for one in [*free]:
                if wanted & _defined(theirs[one]["source"]) and theirs[one]["cell_type"] == "code":
                    take(number, one)
    return [sorted(several) for several in matched]


def _used_behind(cells: Sequence[Cell]) -> set[str]:
    """What the locked cell behind an exercise defines: the value that a question asks for."""
    return next((_defined(cell["source"]) for cell in cells if grade_id(cell)), set())


def _id(cell: Cell) -> object:
    return cell.get("id")


def _same_kind(theirs: Cell, ours: Cell) -> bool:
    """A cell may have changed its type only where the release's type is put back."""
    return theirs["cell_type"] == ours["cell_type"] or bool(grade_id(ours))


def _defined(source: str) -> set[str]:
    """The functions and values that a cell defines, also where it is not Python."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {name for pair in DEFINES.findall(source) for name in pair if name}
    names = {one.name for one in body if isinstance(one, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)}
    targets = [target for one in body if isinstance(one, ast.Assign) for target in one.targets]
    targets += [one.target for one in body if isinstance(one, ast.AnnAssign)]
    return names | {target.id for target in targets if isinstance(target, ast.Name)}


def _answered(stub: Cell, versions: Sequence[Cell]) -> list[Cell]:
    """The exercise's cell with the student's last answer, behind the earlier ones; the stub if there is none."""
    answers = [one for one in versions if not is_untouched(one, stub)]
    earlier = [_own(one) for one in answers[:-1]]
    return [*earlier, {**stub, "source": answers[-1]["source"]} if answers else stub]


def _extras(theirs: Sequence[Cell], matched: list[list[int]]) -> dict[int, list[Cell]]:
    """The student's own cells, by the number of the release's cell that they stand behind; -1 for the beginning."""
    of = {one: number for number, several in enumerate(matched) for one in several}
    extras: dict[int, list[Cell]] = {}
    behind = -1
    for one, cell in enumerate(theirs):
        if one in of:
            behind = of[one]
        elif cell["cell_type"] in ("code", "markdown"):
            extras.setdefault(behind, []).append(_own(cell))
    return extras


def _differences(handed_in: Notebook, release: Notebook, matched: list[list[int]]) -> list[str]:
    """Sentences on how the notebook differs from the release, other than by answers."""
    said, ours, theirs = [], release["cells"], handed_in["cells"]
    mark, handed_out = _mark(handed_in), _mark(release)
    if mark and handed_out and mark != handed_out:
        said.append(f"it was made from another release ({mark}) than the one it is graded by ({handed_out})")
    lost = [cell for cell, several in zip(ours, matched, strict=True) if not several and cell["cell_type"] == "code"]
    if lost:
        said.append(f"{counted(len(lost), 'cell')} had been deleted and came back: {', '.join(c['id'] for c in lost)}")
    for cell, several in zip(ours, matched, strict=True):
        if len(several) > 1 and is_exercise(cell):
            said.append(f"{cell['id']} stood there {len(several)} times; the last answer counts")
        elif several and is_locked(cell) and _normal(theirs[several[0]]["source"]) != _normal(cell["source"]):
            said.append(f"the locked cell {cell['id']} had been changed and is as it was")
    named = [theirs[one] for cell, several in zip(ours, matched, strict=True) if grade_id(cell) for one in several]
    if named and not any(grade_id(cell) for cell in named):
        said.append("the metadata for grading were gone; they were taken from the release")
    order = [several[0] for several in matched if several]
    if order != sorted(order):
        said.append("its cells were in another order; they are in the release's")
    return said


def _mark(notebook: Notebook) -> str:
    about = notebook.get("metadata", {}).get("labkit")
    return str(about.get("release") or "") if isinstance(about, dict) else ""


def _own(cell: Cell) -> Cell:
    return {"cell_type": cell["cell_type"], "id": None, "metadata": {}, "source": cell["source"]}


def _plain(cell: Cell) -> Cell:
    """The cell as the notebook's format wants it, without outputs."""
    made = {key: cell[key] for key in ("cell_type", "id", "metadata", "source")}
    return {**made, "outputs": [], "execution_count": None} if cell["cell_type"] == "code" else made


def _normal(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip().splitlines())
