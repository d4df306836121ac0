"""What a student gets back: one page without scripts, with the points of each exercise, what its check said, the answer."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labkit.atomic import write_atomically
from labkit.course.assignment import Notebook, grade_id, is_exercise, is_graded
from labkit.course.grading.records import Mark, Part
from labkit.course.templates import render

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
LONGEST = 600  # characters of a message


def parts_of(graded: Notebook, points: Mapping[str, tuple[float | None, float]]) -> tuple[Part, ...]:
    """Each graded cell of an executed notebook, with its points, what it said and the answer that it is about."""
    parts, answer = [], ""
    for cell in graded["cells"]:
        name = grade_id(cell)
        if is_exercise(cell):
            answer = "".join(cell["source"])
        if is_graded(cell) and name in points:
            got, most = points[name]
            parts.append(Part(name.removesuffix("-grade"), got, most, said(cell), answer))
    return tuple(parts)


def said(cell: Mapping[str, Any]) -> str:
    """The words of a cell's error, in one line; empty if it had none."""
    for output in cell.get("outputs", []):
        if output.get("output_type") == "error":
            words = COLOURS.sub("", str(output.get("evalue") or output.get("ename")))
            return " ".join(words.split())[:LONGEST]
    return ""


def write_feedback(mark: Mark, title: str, path: Path) -> Path:
    """Write the student's page. Everything in it is escaped."""
    text = render("feedback.html.j2", mark=mark, title=title)
    return write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
