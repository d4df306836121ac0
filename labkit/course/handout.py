"""Write a folder of notebooks to hand out: the student's, or the instructor's, with the files that they link to."""

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from labkit.atomic import create_folder, is_vacant
from labkit.course.assignment import instructor, student
from labkit.course.plan import choose, read_plan
from labkit.runs.notebook import read_content

KINDS: Mapping[str, Callable[[Mapping[str, Any], str], dict[str, Any]]] = {"student": student, "instructor": instructor}
LINK = re.compile(r"\]\((\.\./[^)#\s]+)")  # to a file outside the folder of notebooks


def write_handout(kind: str, out: str | Path, only: Sequence[str] = ()) -> Path:
    """Write the notebooks whose names start with one of `only` (all, if empty) into the new folder `out`.

    `kind` is student or instructor. The folder appears whole or not at all. Raises `FileExistsError` for a folder that
    holds something already, and `ValueError` for an unknown start of a name.
    """
    out, lessons = Path(out), choose(read_plan(), list(only))
    made = {lesson.path: KINDS[kind](read_content(lesson.path), lesson.name) for lesson in lessons}

    def fill(building: Path) -> None:
        for path, notebook in made.items():
            with_linked_files(notebook, path.parent, building)
            write_notebook(notebook, building / path.name)

    return create_vacant(out, fill)


def create_vacant(out: Path, fill: Callable[[Path], object]) -> Path:
    """Make the folder `out` with what `fill` writes into it. Raises `FileExistsError` if it holds something already."""
    if not is_vacant(out):
        raise FileExistsError(f"{out} holds something already: give a new folder")
    return create_folder(out, fill)


def write_notebook(notebook: Mapping[str, Any], path: Path) -> None:
    """Write a notebook with lists of lines, as Jupyter does."""
    cells = [{**cell, "source": cell["source"].splitlines(keepends=True)} for cell in notebook["cells"]]
    text = json.dumps({**notebook, "cells": cells}, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")


def with_linked_files(notebook: dict[str, Any], folder: Path, out: Path) -> None:
    """Copy the course's files that the text links to into `files/`, and let the links lead there."""
    course = folder.resolve().parent

    def copied(found: re.Match[str]) -> str:
        place = (folder / found[1]).resolve()
        if found[1].startswith("../labkit/") and not place.exists():  # installed, notebooks/ lies inside the package
            place = course / found[1].removeprefix("../labkit/")
        if not place.is_file() or not place.is_relative_to(course):
            return found[0]
        target = Path("files") / place.relative_to(course)
        (out / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(place, out / target)
        return f"]({target.as_posix()}"

    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = LINK.sub(copied, cell["source"])
