"""Grade a class: find the hand-ins, put each in order, let nbgrader grade it, keep the mark, write the feedback.

Each mark is kept when it is made, so a class that was interrupted goes on where it was. A cell that hangs or ends the
kernel costs its own exercise only: it is left out, and the notebook is graded again.
"""

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labkit import __version__
from labkit.atomic import write_atomically
from labkit.course.assignment import Notebook, is_exercise, is_graded, is_locked, student
from labkit.course.grading.feedback import parts_of, write_feedback
from labkit.course.grading.handins import HandIn, hand_ins, read_notebook
from labkit.course.grading.records import MARKED, NOT_MARKED, Mark, read_mark, write_mark, write_tables
from labkit.course.grading.repair import repair
from labkit.course.grading.worker import Worker, need_nbgrader
from labkit.course.handout import write_notebook
from labkit.course.plan import read_plan
from labkit.locks import alone
from labkit.runs.notebook import read_content

LIMIT = 900.0  # seconds for a student's notebook
CELL_LIMIT = 120.0  # seconds for one of its cells
SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,50}")
UNFIT = "*?[]%"  # nbgrader reads a folder's name as a pattern, and its database reads it as a format


@dataclass(frozen=True)
class Progress:
    """One notebook is done: how many are, of how many, and the seconds that the rest will take; None if unknown."""

    mark: Mark
    done: int
    all: int
    left_s: float | None


def grade_class(
    folder: str | Path,
    *,
    release: str | Path | None = None,
    out: str | Path | None = None,
    cell_limit: float = CELL_LIMIT,
    limit: float = LIMIT,
    on_mark: Callable[[Progress], None] | None = None,
) -> list[Mark]:
    """Grade what a class handed in, and write marks and feedback to `out` (default: `graded` in `folder`).

    `release` is the folder that was handed out (default: `release` in `folder`, else the course as it is now).
    `cell_limit` and `limit` are seconds for one cell and for one student's notebook.

    Raises `RuntimeError`, with the command that installs it, without nbgrader; `FileNotFoundError` for a missing folder,
    or one without students; `ValueError` for an `out` that nbgrader cannot work in, or that holds marks by another
    release; `BlockingIOError` if another process is grading into it.
    """
    need_nbgrader()
    folder = Path(folder)
    out = (Path(out) if out else folder / "graded").resolve()
    if set(UNFIT) & set(str(out)):
        raise ValueError(f"nbgrader cannot work in {out}, which has one of {' '.join(UNFIT)} in its path: give --out")
    handed_out = Path(release) if release else folder / "release"
    releases = read_releases(handed_out, asked=release is not None)
    found = hand_ins(folder, releases, others=(out, handed_out))
    in_use = f"another process is grading into {out}: wait for it, or give --out"
    with Worker(out, cell_limit) as worker, alone(out / ".lock", refuse=lambda: BlockingIOError(in_use)):
        marks: list[Mark] = []
        try:
            _tell_nbgrader(worker, {one.notebook for one in found if one.notebook and not one.problem}, releases, out)
            spent: list[float] = []
            for number, one in enumerate(found, start=1):
                started = time.monotonic()
                mark, new = _marked(one, releases, out, worker, limit)
                marks.append(mark)
                if new:
                    spent.append(time.monotonic() - started)
                left = sum(spent) / len(spent) * (len(found) - number) if spent else None
                if on_mark:
                    on_mark(Progress(mark, number, len(found), left))
        finally:
            if marks:
                write_tables(marks, out)
    return marks


def read_releases(folder: Path, *, asked: bool) -> dict[str, Notebook]:
    """The notebooks that were handed out, by name. Without the folder: those that the course would hand out now.

    Raises `FileNotFoundError` if the folder was `asked` for and holds none.
    """
    if folder.is_dir() or asked:
        paths = [path for path in sorted(folder.rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts]
        made = {path.stem: read_notebook(path.read_bytes(), path.name) for path in paths}
    else:
        lessons = read_plan().lessons
        made = {lesson.name: student(read_content(lesson.path), lesson.name) for lesson in lessons}
    graded = {name: one for name, one in made.items() if any(is_graded(cell) for cell in one["cells"])}
    if not graded:
        raise FileNotFoundError(f"{folder} holds no notebook of `labkit course build --student`")
    return graded


def _tell_nbgrader(worker: Worker, used: set[str], releases: Mapping[str, Notebook], out: Path) -> None:
    """Give nbgrader the notebooks that somebody handed in, each as an assignment of its own."""
    for name in sorted(used):
        source = out / "source" / name / f"{name}.ipynb"
        if source.is_file():
            if read_notebook(source.read_bytes(), source.name)["cells"] != releases[name]["cells"]:
                raise ValueError(f"{out} holds marks by another release of {name}: give another folder with --out")
            if (out / "release" / name).is_dir():
                continue
        _write(releases[name], source)
        worker.release(name)


def _marked(
    one: HandIn, releases: Mapping[str, Notebook], out: Path, worker: Worker, limit: float
) -> tuple[Mark, bool]:
    """The mark of a hand-in, and whether it was made now and not kept from before."""
    if one.problem:
        mark = Mark(one.student, one.notebook, NOT_MARKED, (one.problem,))
        return _with_feedback(mark, out), False
    release = releases[one.notebook]
    key = hashlib.sha256(repr((one.text, release["cells"], __version__)).encode()).hexdigest()
    kept = out / "marks" / f"{_safe(one.student)}--{one.notebook}.json"
    known = read_mark(kept, key)
    if known:
        return known, False
    try:
        mark = replace(_graded(one, release, out, worker, limit), key=key)
    except OSError:  # a full disk is not one student's matter
        raise
    except Exception as error:
        why = f"it could not be graded: {type(error).__name__}: {error}"
        mark = Mark(one.student, one.notebook, NOT_MARKED, (why,))
    mark = _with_feedback(mark, out)
    if mark.state == MARKED:
        write_mark(mark, kept)
    return mark, True


def _graded(one: HandIn, release: Notebook, out: Path, worker: Worker, limit: float) -> Mark:
    """Let nbgrader grade a hand-in; leave out the cells that a kernel dies of, one after the other."""
    repaired = repair(read_notebook(one.text, one.where), release)
    notebook, notes, who = repaired.notebook, [*repaired.said], _safe(one.student)
    end = time.monotonic() + limit
    while True:
        _write(notebook, out / "submitted" / who / one.notebook / f"{one.notebook}.ipynb")
        reply = worker.grade(one.notebook, who, max(1.0, end - time.monotonic()))
        if reply["state"] == "done":
            done = out / "autograded" / who / one.notebook / f"{one.notebook}.ipynb"
            parts = parts_of(read_notebook(done.read_bytes(), done.name), reply["points"])
            return Mark(one.student, one.notebook, MARKED, tuple(notes), parts)
        fallen = _without(notebook, release, reply.get("cell"))
        if fallen is None or time.monotonic() > end:
            return Mark(one.student, one.notebook, NOT_MARKED, (*notes, f"it could not be graded: {reply['why']}"))
        notebook, name = fallen
        notes.append(f"the cell {name} did not end, or ended the kernel, and was left out")


def _without(notebook: Notebook, release: Notebook, at: int | None) -> tuple[Notebook, str] | None:
    """The notebook without the student's code that cell number `at` died of, and that code's cell.

    The release's code takes its place. Behind a cell that gives points, it is the answer that it is about. None if the
    release's own code took too long: that is no student's fault.
    """
    cells, ours = [*notebook["cells"]], {one["id"]: one["source"] for one in release["cells"]}
    if at is None or at >= len(cells):
        return None
    if is_graded(cells[at]) and not is_exercise(cells[at]):
        at = next((number for number in range(at, -1, -1) if is_exercise(cells[number])), at)
    stub = ours.get(cells[at]["id"], "")
    if is_locked(cells[at]) or cells[at]["source"] == stub:
        return None
    cells[at] = {**cells[at], "source": stub}
    return {**notebook, "cells": cells}, cells[at]["id"]


def _with_feedback(mark: Mark, out: Path) -> Mark:
    place = Path("feedback") / _safe(mark.student) / f"{mark.notebook or 'unknown'}.html"
    write_feedback(mark, mark.notebook or "A file that could not be read", out / place)
    return replace(mark, feedback=place.as_posix())


def _write(notebook: Mapping[str, Any], path: Path) -> None:
    write_atomically(path, lambda temporary: write_notebook(notebook, temporary))


def _safe(name: str) -> str:
    """A name for nbgrader's folders: the student's own where it is plain, else with a hash in it."""
    if SAFE.fullmatch(name):
        return name
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:40]
    return f"{plain or 'student'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
