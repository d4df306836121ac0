"""One executed notebook, prepared for MyST-NB: outputs that need no kernel, folded code, facts below the title."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from labkit.course.exercises.format import BEGIN
from labkit.course.page import computed_markdown, own_scripts, prepare
from labkit.course.templates import render
from labkit.runs.notebook import TAG

MOST_LINES = 3  # of the code of a figure that stays open
FIGURE = 'class="plotly-figure"'
UNSEEN = ("text/latex", "application/javascript", "application/json")  # MyST-NB would show or run these


def lesson_page(executed: Path, page: Mapping[str, Any], lead: Callable[[str], str]) -> tuple[Any, str]:
    """The notebook for MyST-NB, and the digests of labkit's own scripts in it.

    `page` has the values of `site/lesson_facts.html.j2`. `lead` changes the links of a text.
    """
    import nbformat

    content = nbformat.read(executed, as_version=4)
    prepare(content)
    allowed = own_scripts(content)
    for cell in content.cells:
        if cell.cell_type == "markdown":
            cell.source = lead(cell.source)
        elif cell.cell_type == "code":
            cell.outputs = [made for output in cell.outputs if (made := _output(output))]
            _fold(cell)
    facts = render("lesson_facts.html.j2", **page)
    first = content.cells[0]
    first.source = re.sub(
        r"\A(# .*)$", lambda found: f"{found[1]}\n\n{facts}", first.source, count=1, flags=re.MULTILINE
    )
    content.metadata.pop("papermill", None)
    content.metadata.setdefault(
        "language_info", {"name": "python", "pygments_lexer": "ipython3"}
    )  # some editors leave it out
    return content, allowed


def _fold(cell: Any) -> None:
    """Fold the code of an answer, of the course's own tools, and of a figure that is longer than a call."""
    tags = cell.metadata.get("tags", [])
    drawn = any(FIGURE in output.get("data", {}).get("text/html", "") for output in cell.outputs)
    if BEGIN in cell.source:
        prompt = "One solution"
    elif drawn and len(cell.source.splitlines()) > MOST_LINES and TAG not in tags:
        prompt = "The code of this figure"
    elif re.search(r"^from labkit\.course\b", cell.source, flags=re.MULTILINE):
        prompt = "The code of this cell"
    else:
        return
    cell.metadata["tags"] = [*tags, "hide-input"]
    cell.metadata["mystnb"] = {"code_prompt_show": prompt, "code_prompt_hide": prompt}


def _output(output: Any) -> Any:
    """An output as the page shows it. HTML in a computed text is shown as text; a wide table scrolls with the keyboard."""
    data = output.get("data", {})
    for kind in UNSEEN:
        data.pop(kind, None)
    if "text/markdown" in data and "text/html" not in data:
        output["data"] = {"text/html": f'<div class="computed">{computed_markdown(data["text/markdown"])}</div>'}
    elif "<table" in data.get("text/html", ""):
        region = '<div class="wide" tabindex="0" role="region" aria-label="Table">'
        output["data"] = {"text/html": f"{region}{data['text/html']}</div>"}
    return output if output.output_type in ("stream", "error") or output.get("data") else None
