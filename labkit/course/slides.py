"""Notebooks as slides for a lecture, one page each: reveal.js stands beside them, and nothing is loaded from elsewhere.

A heading begins a column. A piece of text and the code cells behind it make one slide. The outputs are those of the last
run (`labkit course`), if there is one. Our answers stay hidden, as on the course's pages, until somebody opens them.
"""

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from labkit.course.assets import write_assets
from labkit.course.build_folder import run_folder
from labkit.course.handout import create_vacant
from labkit.course.page import cell_exporter, own_scripts, prepare
from labkit.course.plan import Lesson, choose, read_plan
from labkit.course.templates import SITE, render
from labkit.runs.notebook import TAG
from labkit.runs.project import project_folder
from labkit.survey.slides.page import HERE, SCREEN, reveal_folder

HEADING = re.compile(r"^(?=##? )", re.MULTILINE)


def write_lecture(out: str | Path, only: Sequence[str] = ()) -> Path:
    """Write slides of the notebooks whose names start with one of `only` (all, if empty) into the new folder `out`.

    Raises `FileExistsError` for a folder that holds something already, `ValueError` for an unknown start of a name, and
    `FileNotFoundError`, saying what to install, without reveal.js.
    """
    plan = read_plan()
    lessons, reveal = choose(plan, list(only)), reveal_folder()

    def fill(building: Path) -> None:
        write_assets(building / "assets")
        for place in (reveal / "reset.css", reveal / "reveal.css", reveal / "reveal.js", HERE / "slides.css"):
            shutil.copyfile(place, building / "assets" / place.name)
        shutil.copyfile(SITE / "lecture.css", building / "assets" / "lecture.css")
        sizes = f"const SIZES = {json.dumps({'screen': SCREEN})};\n"
        started = sizes + (SITE / "lecture.js").read_text(encoding="utf-8")
        (building / "assets" / "lecture.js").write_text(started, encoding="utf-8")
        for lesson in lessons:
            text = slides_page(lesson, plan.title)
            (building / f"{lesson.name}.html").write_text(text, encoding="utf-8", newline="\n")

    return create_vacant(Path(out), fill)


def slides_page(lesson: Lesson, course: str) -> str:
    """The page with one notebook's slides."""
    import nbformat

    run = run_folder(project_folder(), lesson.name) / lesson.path.name
    content = nbformat.read(run if run.is_file() else lesson.path, as_version=4)
    prepare(content)
    exporter = cell_exporter()
    columns = []
    for column in columns_of(content.cells):
        bodies = []
        for slide in column:
            part = nbformat.v4.new_notebook(cells=slide, metadata=content.metadata)
            bodies.append(Markup(exporter.from_notebook_node(part)[0]))  # noqa: S704 (nbconvert's cells; the page's policy lets none of their scripts run)
        columns.append(bodies)
    foot = f"{lesson.number} {lesson.title} · {course}"
    return render("slides.html.j2", title=lesson.title, columns=columns, foot=foot, scripts=own_scripts(content))


def columns_of(cells: Sequence[Any]) -> list[list[list[Any]]]:
    """Columns of slides of cells. A heading begins a column, a text a slide; code stays with the text before it."""
    columns: list[list[list[Any]]] = []
    for cell in _parts(cells):
        text = cell.cell_type != "code"
        if not columns or (text and cell.source.startswith(("# ", "## "))):
            columns.append([[cell]])
        elif text:
            columns[-1].append([cell])
        else:
            columns[-1][-1].append(cell)
    return columns


def _parts(cells: Sequence[Any]) -> Iterator[Any]:
    """The cells without the parameters, and texts cut before their headings."""
    for cell in cells:
        if cell.cell_type != "code":
            for part in HEADING.split(cell.source):
                if part.strip():
                    yield type(cell)({**cell, "source": part})
        elif TAG not in cell.metadata.get("tags", []):
            yield cell
