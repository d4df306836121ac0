"""The folder that Sphinx reads: notebooks as they ran, the documents, the reference, and the pages that lead to them."""

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit.course.glossary import FILE as GLOSSARY
from labkit.course.glossary import Term
from labkit.course.templates import render
from labkit.course.website import reference
from labkit.course.website.drawing import flowchart_svg
from labkit.course.website.glossary import glossary_page, shown
from labkit.course.website.lessons import lesson_page
from labkit.course.website.links import Leads
from labkit.survey.library.shelf import Shelf

# The documents by what a reader wants to do; others come last, by name.
GROUPS: dict[str, tuple[str, ...]] = {
    "Start": ("docs/install", "docs/setup", "docs/learning"),
    "Teach": ("docs/teaching", "docs/sessions", "docs/answers", "docs/without_network"),
    "Bring your own": ("docs/datasets", "docs/own_videos", "docs/own_network", "docs/own_paper", "docs/own_notebook"),
    "Prepare data": ("docs/prepare", "docs/shards", "docs/flow", "docs/faults"),
    "Experiments": ("docs/runs", "docs/sweeps", "docs/protocols", "docs/processes", "docs/measured"),
    "Papers": ("docs/library",),
    "Contribute": ("CONTRIBUTING", "docs/architecture", "SECURITY", "CHANGELOG"),
}
BESIDE = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")  # documents at the top of a checkout
MERMAID = re.compile(r"```mermaid\n(.*?)```\n", flags=re.DOTALL)
OPEN_IN = "{path}"  # in the address of an "open in" link: the notebook's path in the repository


@dataclass
class Source:
    """The sources of a site, and what its pages need besides. `allowed`: for each notebook's page the digests of scripts."""

    folder: Path
    course: Path
    lessons: Sequence[Mapping[str, Any]]  # the values of `entries.lesson_entry`
    shelf: Shelf
    terms: Sequence[Term]
    leads: Leads = field(init=False)
    allowed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        documents = [path.relative_to(self.course).as_posix() for path in sorted((self.course / "docs").glob("*.md"))]
        self.documents = [*documents, *(name for name in BESIDE if (self.course / name).is_file())]
        pages = {*self.documents, *(str(lesson["source"]) for lesson in self.lessons)}
        places = {term.place for term in self.terms}
        unrun = {str(lesson["source"]) for lesson in self.lessons if lesson["status"] == "not-run"}
        self.leads = Leads(self.course, pages, set(self.shelf.papers), places, unrun)

    def write(self, path: str, text: str) -> None:
        """Write a source."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text, encoding="utf-8", newline="\n")

    def write_documents(self) -> None:
        """The documents with their links led to pages, and drawings in place of flowcharts."""
        for name in self.documents:
            text = (self.course / name).read_text(encoding="utf-8")
            if name == GLOSSARY.as_posix():
                text = glossary_page([_led(term, self.leads, name) for term in self.terms])
            text = MERMAID.sub(lambda found: _drawn(found[1]), text)
            self.write(name, text if name == GLOSSARY.as_posix() else self.leads.lead(text, name))
        known = {name for group in GROUPS.values() for name in group}
        here = [name.removesuffix(".md") for name in self.documents if name != GLOSSARY.as_posix()]
        groups = {title: [name for name in group if name in here] for title, group in GROUPS.items()}
        groups["More"] = [name for name in here if name not in known]
        parts = [
            f"## {title}\n\n{_toctree((f'/{name}' for name in names), hidden=False)}"
            for title, names in groups.items()
            if names
        ]
        self.write("docs/index.md", "\n\n".join(["# Guide", *parts]) + "\n")

    def write_lesson(
        self, lesson: Mapping[str, Any], executed: Path | None, hidden: Mapping[str, str], **more: Any
    ) -> None:
        """A notebook's page: as it ran, or a note that it has not run. `hidden` are folders of this machine → their signs."""
        name, path = str(lesson["name"]), str(lesson["source"])
        from nbformat import v4

        if executed is None:  # also as a notebook: links of other notebooks lead to this file
            cell = v4.new_markdown_cell(render("lesson_missing.md.j2", **lesson), id="missing")
            return self.write(path, json.dumps(v4.new_notebook(cells=[cell]), ensure_ascii=False, indent=1))
        content, self.allowed[f"notebooks/{name}.html"] = lesson_page(
            executed, {**lesson, "file": executed.name, **more}, lambda text: self.leads.lead(text, path)
        )
        content.cells.append(v4.new_markdown_cell(render("lesson_foot.html.j2", **more), id="about"))
        text = json.dumps(content, ensure_ascii=False, indent=1)
        for folder, sign in hidden.items():
            text = text.replace(json.dumps(folder)[1:-1], sign)
        return self.write(path, text)

    def write_reference(self) -> list[str]:
        """The reference. Returns the full names of all public names."""
        found = list(reference.modules())
        made = reference.pages(found)
        for page, text in made.items():
            self.write(f"api/{page}.md", text)
        words = "Every public name of the package. A page for each folder, a section for each module."
        self.write("api/index.md", f"# Reference\n\n{words}\n\n{_toctree(made, hidden=False)}\n")
        return [name for module in found for name in reference.public_names(module)]

    def write_front(self, title: str, values: Mapping[str, Any]) -> None:
        """The first page, the list of notebooks, and the page that leads to the papers."""
        lessons = [str(lesson["name"]) for lesson in self.lessons]
        places = ["notebooks/index", "docs/index", *(["docs/glossary"] if self.terms else []), "papers", "api/index"]
        heading = _escaped(title)
        self.write("index.md", f"# {heading}\n\n{render('home.html.j2', **values)}\n\n{_toctree(places)}\n")
        listed = "\n".join(
            f"- [{_escaped(one['number'])} {_escaped(one['title'])}]({one['name']}): {_escaped(one['question'])}"
            for one in self.lessons
        )
        self.write("notebooks/index.md", f"# The course\n\n{listed}\n\n{_toctree(lessons)}\n")
        papers = [(f"papers/{key}.html", paper.title) for key, paper in self.shelf.papers.items()]
        self.write("papers.md", f"# Papers and results\n\n{render('papers_front.html.j2', papers=papers)}\n")


def _toctree(names: Any, *, hidden: bool = True) -> str:
    listed = "\n".join(names)
    return f":::{{toctree}}\n:maxdepth: 1\n{':hidden:' if hidden else ''}\n\n{listed}\n:::"


def _drawn(flowchart: str) -> str:
    return flowchart_svg(flowchart, "Which folder of labkit imports which. The table above says the same.") + "\n"


def _led(term: Term, leads: Leads, page: str) -> Term:
    return Term(term.words, term.code, leads.lead(shown(term.meaning), page))


def _escaped(text: Any) -> str:
    """A text as Markdown in which no sign means anything."""
    return re.sub(r"([\\`*_{}\[\]$|~])", r"\\\1", html.escape(str(text), quote=False))
