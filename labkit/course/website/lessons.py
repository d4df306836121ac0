"""One executed notebook, prepared for MyST-NB: outputs that need no kernel, folded code, facts below the title."""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from labkit.course.exercises.format import BEGIN
from labkit.course.page import WITH_SCRIPT, computed_markdown, mark_columns, own_scripts, prepare
from labkit.course.templates import render
from labkit.course.website.links import CODE
from labkit.runs.notebook import TAG

MOST_LINES = 3  # of the code of a figure that stays open
FIGURE = 'class="plotly-figure"'
SCRIPT = re.compile(r"(<script\b.*?</script>)", flags=re.DOTALL)
HEADING = re.compile(r"^(#{1,6}) ", flags=re.MULTILINE)
UNSEEN = ("text/latex", "application/javascript", "application/json")  # MyST-NB would show or run these


def lesson_page(executed: Path, page: Mapping[str, Any], lead: Callable[[str], str]) -> tuple[Any, str]:
    """The notebook for MyST-NB, and the digests of labkit's own scripts in it.

    `page` has the values of `site/lesson_facts.html.j2`. `lead` changes the links of a text.
    """
    import nbformat

    content = nbformat.read(executed, as_version=4)
    prepare(content)
    allowed = own_scripts(content)
    level, tables = 1, itertools.count(1)
    for cell in content.cells:
        if cell.cell_type == "markdown":
            level = [level, *map(len, HEADING.findall(CODE.sub("", cell.source)))][-1]
            cell.source = lead(cell.source)
        elif cell.cell_type == "code":
            cell.outputs = [made for output in cell.outputs if (made := _output(output, level, tables))]
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


def _output(output: Any, level: int, tables: Iterator[int]) -> Any:
    """An output as the page shows it, below a heading of this level.

    HTML in a computed text is shown as text. A wide table scrolls with the keyboard, and `tables` numbers them all.
    """
    data = output.get("data", {})
    for kind in UNSEEN:
        data.pop(kind, None)
    made = data.get("text/html", "")
    if "text/markdown" in data and not made:
        made = f'<div class="computed">{mark_columns(computed_markdown(data["text/markdown"]))}</div>'
    if "<table" in made and not made.startswith(WITH_SCRIPT):
        made = f'<div class="wide" tabindex="0" role="region" aria-label="Table {next(tables)}">{made}</div>'
    if made:
        output["data"] = {"text/html": _levelled(made, level)}
    return output if output.output_type in ("stream", "error") or output.get("data") else None


def _levelled(made: str, level: int) -> str:
    """The HTML of an output with its headings said to follow a heading of this level. Scripts stay as they are."""
    parts = SCRIPT.split(made)
    highest = min(map(int, re.findall(r"<h([1-6])\b", "".join(parts[::2]))), default=6)

    def one(found: re.Match[str]) -> str:
        return f'{found[0]} aria-level="{min(6, int(found[1]) - highest + level + 1)}"'

    parts[::2] = [re.sub(r"<h([1-6])\b", one, part) for part in parts[::2]]
    return "".join(parts)
