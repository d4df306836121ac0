"""The outputs of an executed notebook, prepared for a page that works offline and without a kernel.

A plotly figure becomes a place to draw it, with its data. Widgets (whose static version stands beside them) and progress
bars are removed. The styles and scripts of such pages are in `site/`.
"""

import html
import json
import re
from collections.abc import Mapping
from typing import Any

from labkit.course.controls import controls_html, take_controls
from labkit.course.templates import SITE
from labkit.page_policy import allow
from labkit.script_json import script_json
from labkit.viz.theme import NARROWEST
from labkit.viz.twin import WIDGET

PLOTLY = "application/vnd.plotly.v1+json"
RICH = ("text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", PLOTLY)
CELL = r"<(t[hd])\b([^>]*)>(.*?)</t[hd]>"
NUMBER = r"(?:[-+−]?[\d.,]+(?:e[-+]?\d+)?\s?%?|NaN|nan|None|–|)"
TITLE_LINE = 22  # pixels that labkit.viz gives a line of a figure's title
SENTENCE = 40  # characters; a column with a longer text gets a width of its own
WORD = 12  # characters; a column with a longer text gets a smaller one
WITH_SCRIPT = (
    '<div class="labkit-stopwatch"',
    '<div class="labkit-guess"',
    '<div class="labkit-videos"',
    '<div class="labkit-chooser"',
)  # starts of outputs with a script of their own
TEST_MARK = r"^# NBVAL_\w+\n?"  # a line for the tests, of no use to a reader


def cell_exporter() -> Any:
    """nbconvert's exporter of a lecture's cells, with the course's own templates around each."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(
        template_name="course",
        extra_template_basedirs=[str(SITE)],
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    exporter.register_filter("computed_markdown", computed_markdown)
    return exporter


def prepare(content: Any) -> int:
    """Prepare a notebook's outputs for a page, in place. Returns the number of figures."""
    content.cells = [cell for cell in content.cells if not _is_machinery(cell)]
    content.metadata.pop("widgets", None)
    number = 0
    for cell in content.cells:
        if cell.cell_type == "code":
            cell.source = re.sub(TEST_MARK, "", cell.source, flags=re.MULTILINE)
        kept = []
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if _is_noise(output):
                continue
            data.pop(WIDGET, None)
            if PLOTLY in data:
                number += 1
                output["data"] = {"text/html": figure_html(data[PLOTLY], f"figure-{number}")}
            elif "text/html" in data:
                data["text/html"] = mark_columns(data["text/html"])
            elif output.output_type == "stream":
                output["text"] = _settled(output["text"])
            kept.append(output)
        if "outputs" in cell:
            cell["outputs"] = kept
    return number


def own_scripts(content: Any) -> str:
    """The scripts in the outputs that the page's policy allows: labkit's stopwatch, guess, chooser and slides, by digest."""
    found = []
    for cell in content.cells:
        for output in cell.get("outputs", []):
            made = output.get("data", {}).get("text/html", "")
            if made.startswith('<iframe title="'):
                made = html.unescape(made.partition('srcdoc="')[2])
            elif not made.startswith(WITH_SCRIPT):
                continue
            found += re.findall(r"<script>(.*?)</script>", made, flags=re.DOTALL)
    return allow(*found)


def computed_markdown(text: str) -> str:
    """Markdown from a cell's output, as HTML. HTML in it is escaped."""
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    return MarkdownWithMath(renderer=IPythonRenderer(escape=True)).render(text)


def figure_html(spec: Mapping[str, Any], name: str) -> str:
    """The HTML of a figure: its title and description as text, and its data for the script that draws it.

    `name` is the id of the element. The title and the description change with the figure's sliders and menus.
    """
    spec = dict(json.loads(json.dumps(spec)))
    layout = spec.setdefault("layout", {})
    title = layout.get("title", "")
    title = title if isinstance(title, str) else (title or {}).get("text") or ""
    meta = layout.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    layout["meta"] = {**meta, "title": title}
    for part in ("template", "title", "width"):
        layout.pop(part, None)
    margin = layout.get("margin", {})
    if title and "t" in margin:
        shrink = TITLE_LINE * (1 + title.count("<br>"))
        margin["t"] = max(30, margin["t"] - shrink)
        if "height" in layout:
            layout["height"] -= shrink
    controls, table = take_controls(layout)
    _retitle(layout)
    _retitle(table)
    words = str(meta.get("description", ""))
    data = script_json({**spec, "table": table} if table else spec)
    said = f'<figcaption><details><summary>In words</summary><span class="in-words">{html.escape(words)}</span></details></figcaption>'
    return (
        f'<figure class="plot" aria-labelledby="{name}-title">'
        f'<p class="figure-title" id="{name}-title">{_as_text(title)}</p>'
        f"{controls_html(controls, name)}"
        f'<div class="drawing"><div class="plotly-figure" id="{name}" style="height:{int(layout.get("height", 450))}px; min-width:{int(meta.get(NARROWEST, 0))}px">'
        f"<noscript>{html.escape(words or 'This figure is drawn by a script.')}</noscript></div></div>"
        f"{said if words else ''}"
        f'<script type="application/json" id="{name}-data">{data}</script></figure>'
    )


def mark_columns(table: str) -> str:
    """An HTML table with its columns marked for the style, from the head down.

    A column of numbers (`data-kind="n"`) is aligned at the right; one with some words (`data-kind="m"`) or with sentences
    (`data-kind="w"`) is not squeezed.
    """
    rows = [re.findall(CELL, row, flags=re.DOTALL) for row in re.findall(r"<tr.*?</tr>", table, flags=re.DOTALL)]
    if not rows or any("span=" in attributes for row in rows for _, attributes, _ in row):
        return table  # with cells that span several columns, the columns cannot be counted like this
    columns: dict[tuple[int, str], list[str]] = {}
    for row in rows:
        if any(tag == "td" for tag, _, _ in row):  # else it is the table's head
            for number, (tag, _, text) in enumerate(row):
                columns.setdefault((number, tag), []).append(re.sub(r"<[^>]*>", "", text).strip())
    kinds = {
        number: kind
        for (number, tag), texts in columns.items()
        if (kind := _kind(texts)) and (tag == "td" or kind != "n")  # the numbers of rows stay at the left
    }
    position = -1

    def mark(found: re.Match[str]) -> str:
        nonlocal position
        if found.group(0).startswith("<tr"):
            position = -1
            return found.group(0)
        position += 1
        kind = kinds.get(position)
        return f'{found.group(0)[:3]} data-kind="{kind}"{found.group(0)[3:]}' if kind else found.group(0)

    return re.sub(r"<tr\b|<t[hd]\b", mark, table)


def _kind(texts: list[str]) -> str:
    """The kind of a column: "n" for numbers, "w" where a text is a sentence, "m" where it is some words, else nothing."""
    if all(re.fullmatch(NUMBER, text) for text in texts):
        return "n"
    longest = max(map(len, texts))
    return "w" if longest > SENTENCE else "m" if longest > WORD else ""


def _is_machinery(cell: Any) -> bool:
    """Whether papermill added the cell, and it tells a reader nothing: error banners, the run's own folder."""
    tags = cell.metadata.get("tags", [])
    if "papermill-error-cell-tag" in tags:
        return True
    lines = [line for line in cell.source.splitlines() if line.strip() and not line.startswith("#")]
    return "injected-parameters" in tags and lines == ['out = "."']


def _is_noise(output: Any) -> bool:
    """Whether an output is left out of a page: text on stderr, and widgets that need a kernel."""
    if output.output_type == "stream":
        return output.name == "stderr"
    data = output.get("data", {})
    return WIDGET in data and not any(kind in data for kind in RICH)


def _settled(text: str) -> str:
    """Text as a terminal shows it at the end: only the last version of a line that was overwritten."""
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _retitle(value: Any) -> None:
    """Let sliders and menus change the title above the figure instead of one inside it."""
    if isinstance(value, dict):
        if "title.text" in value:
            value["meta.title"] = value.pop("title.text")
        value.pop("title.pad.t", None)
        for part in value.values():
            _retitle(part)
    elif isinstance(value, list):
        for part in value:
            _retitle(part)


def _as_text(title: str) -> str:
    """A plotly title, which may hold some HTML, as text that is safe in a page."""
    bare = re.sub(r"<[^>]*>", "", re.sub(r"<br ?/?>", " ", title))
    return html.escape(html.unescape(bare), quote=False)
