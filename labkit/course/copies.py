"""A learner's own copies of the notebooks: a folder to work in, and a fresh copy of one notebook.

The folder has the form of a course: `notebooks/` holds the notebooks, the plan, the quizzes, and in `files/` what they link to.
So `labkit lab`, `labkit run 05` and `labkit course new` work in it. Findings, glossary and papers are the package's.
"""

import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labkit.atomic import create, write_atomically
from labkit.course.handout import KINDS, create_vacant, with_linked_files, write_notebook
from labkit.course.plan import choose, read_plan
from labkit.course.quiz import FOLDER as QUIZZES
from labkit.names import meant_or_all
from labkit.runs.notebook import NotebookError, read_content
from labkit.runs.project import PACKAGE, PLAN, course_folder

KIND = "handed_out"  # the line of the copied plan that says which notebooks these are


def get_course(out: str | Path, kind: str) -> Path:
    """Make the folder `out` with the notebooks of the course to work in; `kind` is student or instructor.

    The folder appears whole or not at all. Raises `FileExistsError` for a folder that holds something already.
    """
    source = course_folder()
    plan = source / PLAN

    def fill(building: Path) -> None:
        notebooks = building / PLAN.parent
        notebooks.mkdir()
        for lesson in read_plan(plan).lessons:
            _write(kind, lesson.path, notebooks / lesson.path.name)
        words = plan.read_text(encoding="utf-8")
        (building / PLAN).write_text(f'{KIND} = "{kind}"\n{words}', encoding="utf-8")
        shutil.copytree(source / QUIZZES, building / QUIZZES)

    return create_vacant(Path(out), fill)


def reset_notebook(name: str | Path) -> tuple[Path, Path | None]:
    """Write a fresh copy of a notebook. Returns its path, and that of the old one, kept in `kept/` beside it (None without one).

    `name` is a path or the start of a name in the course here. Raises `ValueError` for a notebook that labkit does not have,
    and for the course's own, which version control brings back.
    """
    path = _found(name)
    source = {lesson.name: lesson.path for lesson in read_plan(course_folder(PACKAGE.parent) / PLAN).lessons}
    about = _about(path)
    lesson = str(about.get("notebook") or path.stem)
    if lesson not in source:
        raise ValueError(f"labkit has no notebook {lesson!r}{meant_or_all(lesson, source, cutoff=0.4)}")
    if path.resolve() == source[lesson].resolve():
        raise ValueError(f"{path} is the course's own notebook: `git restore {path.name}` brings it back")
    kept = _keep(path) if path.exists() else None
    write_atomically(path, lambda temporary: _write(_kind(path, about), source[lesson], temporary, beside=path.parent))
    return path, kept


def _write(kind: str, source: Path, target: Path, *, beside: Path | None = None) -> None:
    """Write the notebook `source` as `kind`, and the files it links to into `beside` (default: the target's folder)."""
    if kind not in KINDS:
        shutil.copyfile(source, target)
        return
    notebook = KINDS[kind](read_content(source), source.stem)
    with_linked_files(notebook, source.parent, beside or target.parent)
    write_notebook(notebook, target)


def _found(name: str | Path) -> Path:
    path = Path(name)
    if path.suffix == ".ipynb" and (path.exists() or path.parent != Path()):
        return path
    lessons = choose(read_plan(), [path.stem])
    if len(lessons) > 1:
        raise ValueError(
            f"{str(name)!r} could be any of {', '.join(one.name for one in lessons)}: give more of the name"
        )
    return lessons[0].path


def _about(path: Path) -> Mapping[str, Any]:
    """What the build wrote into the notebook's metadata; empty for a broken file, which is what a reset is for."""
    try:
        about = read_content(path)["metadata"].get("labkit")
    except (NotebookError, OSError, KeyError, AttributeError):
        return {}
    return about if isinstance(about, dict) else {}


def _kind(path: Path, about: Mapping[str, Any]) -> str:
    """Which notebooks the folder has: as the plan beside it says, else as the notebook says; empty: the course's as they are."""
    plan = path.parent / PLAN.name
    if plan.is_file():
        return str(tomllib.loads(plan.read_text(encoding="utf-8")).get(KIND, ""))
    return "student" if "release" in about or not about else "instructor"


def _keep(path: Path) -> Path:
    """Copy a notebook into `kept/` under a name that is free."""
    number = 1
    while True:
        kept = path.parent / "kept" / f"{path.stem}-{number}.ipynb"
        try:
            return create(kept, lambda temporary: shutil.copyfile(path, temporary))
        except FileExistsError:
            number += 1
