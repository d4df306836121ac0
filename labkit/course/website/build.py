"""Build the site from the runs there are: sources, Sphinx, the library's pages, a policy for each page, and checks.

A warning of Sphinx, a broken link and a public name without an entry are errors. The finished site takes the place of the
earlier one at the end, so a failed build leaves that one as it is.
"""

import io
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.course.build import kept_runs, write_assets, write_page
from labkit.course.entries import ROAD, about_runs, beside, findings_of, lesson_entry
from labkit.course.glossary import FILE as GLOSSARY
from labkit.course.glossary import Term, read_glossary
from labkit.course.papers import write_library
from labkit.course.plan import Plan, read_plan
from labkit.course.website.links import broken_links
from labkit.course.website.source import OPEN_IN, Source
from labkit.page_policy import allow, page_policy
from labkit.records import Run
from labkit.runs.project import PLAN, course_folder, project_folder
from labkit.survey.library.shelf import open_shelf
from labkit.survey.publication.files import summaries_folder
from labkit.survey.search.gallery import records

STATIC = Path(__file__).parent / "static"
MOST_BYTES = 30_000_000
INLINE = re.compile(r"<script(?![^>]*\b(?:src|type)=)[^>]*>(.*?)</script>", flags=re.DOTALL)
PAGE_NAME = re.compile(r"\s*DOCUMENTATION_OPTIONS\.pagename = '[\w./-]*';?\s*")  # the theme tells each page its name
FIGURES = ("plotly.min.js", "themes.js", "course.js")
MOST_LINES = 20  # of an error


class SiteError(RuntimeError):
    """The site could not be built; the message has a line for each fault."""


@dataclass(frozen=True)
class Site:
    """A finished site: its first page, the seconds that its build took, and its size."""

    index: Path
    seconds: float
    bytes: int


def build_site(*, folder: str | Path | None = None, open_in: Mapping[str, str] | None = None) -> Site:
    """Build the site in `build/site/` of a project (default: the one here) from the runs of `labkit course`.

    `open_in` gives each notebook's page links to another service: its name → the address, with `{path}` in place of the
    notebook's path. Raises `ValueError` for another address, `SiteError` for a fault in a page.
    """
    started = time.monotonic()
    addresses = _addresses(open_in or {})
    project = Path(folder) if folder else project_folder()
    plan = read_plan((Path(folder) if folder else course_folder()) / PLAN)
    place = project / "build" / "site"
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="site-", dir=place.parent) as building:
        source, out = Path(building) / "source", Path(building) / "site"
        names = _fill(plan, kept_runs(plan, project), project, source, out, addresses)
        _check(out, names)
        size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
        if size > MOST_BYTES:
            raise SiteError(
                f"the site has {size / 1e6:.1f} MB, more than {MOST_BYTES / 1e6:.0f}: a notebook shows too much"
            )
        if place.exists():
            place.rename(Path(building) / "earlier")
        out.rename(place)
    return Site(place / "index.html", time.monotonic() - started, size)


def _addresses(open_in: Mapping[str, str]) -> dict[str, str]:
    for name, address in open_in.items():
        if not address.startswith("https://") or OPEN_IN not in address:
            raise ValueError(f"the address of {name} should begin with https:// and hold {OPEN_IN}, not {address!r}")
    return dict(open_in)


def _fill(
    plan: Plan, runs: Mapping[str, Run], project: Path, folder: Path, out: Path, open_in: Mapping[str, str]
) -> list[str]:
    """Write the sources, let Sphinx build them, and add what it does not build. Returns all public names."""
    course, shelf, found = (
        plan.lessons[0].path.resolve().parents[1],
        open_shelf(summaries_folder(project)),
        findings_of(plan),
    )
    entries = [
        lesson_entry(lesson, runs.get(lesson.name), found, shelf.papers.get(lesson.card), "notebooks/")
        for lesson in plan.lessons
    ]
    source = Source(folder, course, entries, shelf, read_glossary(course / GLOSSARY))
    shell = {"plan": plan, "lessons": entries, "about": about_runs(runs)}
    library = write_library(out, shelf, shell, write_page)
    write_assets(out / "assets")
    hidden = {str(one): sign for one, sign in ((project, "…"), (Path.home(), "~")) if one != Path(one.anchor)}
    for lesson, entry in zip(plan.lessons, entries, strict=True):
        run = runs.get(lesson.name)
        links = [(name, address.replace(OPEN_IN, str(entry["source"]))) for name, address in open_in.items()]
        source.write_lesson(entry, run.folder / lesson.path.name if run else None, hidden, open_in=links)
    source.write_documents()
    names = source.write_reference()
    failed = [entry for entry in entries if entry["failure"]]
    more = {"road": ROAD, "failed": failed, "ran": len(runs), "library": library, "beside": beside(entries, found)}
    source.write_front(plan.title, {**shell, **more})
    _sphinx(source, out, plan.title)
    _copy(source, plan, out)
    _forbid(out, source.allowed)
    return names


def _sphinx(source: Source, out: Path, title: str) -> None:
    """Let Sphinx build the sources into `out`. Raises `SiteError` with its warnings."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    from labkit.course.website.search import SearchPairs
    from labkit.course.website.settings import settings

    told = io.StringIO()
    with patch_docutils(), docutils_namespace():
        app = Sphinx(
            source.folder, None, out, source.folder.parent / "doctrees", "html",
            settings(title, STATIC), None, told, freshenv=True, verbosity=0,
        )  # fmt: skip
        app.add_search_language(SearchPairs)
        app.connect("doctree-read", _linker(source.terms))
        app.connect("html-page-context", _add_scripts)
        app.connect("html-collect-pages", _feeder(source))
        app.build()
    warnings = re.sub(r"\x1b\[[\d;]*m", "", told.getvalue()).replace(str(source.folder), "").strip().splitlines()
    _complain(warnings)


def _linker(terms: Sequence[Term]) -> Callable[..., None]:
    from labkit.course.website.glossary import link_words

    def link(app: Any, doctree: Any) -> None:
        name = app.env.docname
        if name.startswith("docs/") and name != GLOSSARY.with_suffix("").as_posix():
            link_words(doctree, terms)

    return link


def _add_scripts(app: Any, name: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """The scripts of the course's pages, where the page has something for them. A fold is named by its visible words."""
    body = context.get("body", "").replace(' aria-label="Toggle hidden content"', "")
    scripts = FIGURES if 'class="plotly-figure"' in body else ("found.js",) if "found-out" in body else ()
    to = context.get("content_root", "./")
    context["body"] = body + "".join(f'<script src="{to}assets/{script}"></script>' for script in scripts)


def _feeder(source: Source) -> Callable[..., list[Any]]:
    """Gives the search the words of the library's pages, which Sphinx does not build."""
    from docutils import nodes
    from docutils.utils import new_document

    def feed(app: Any) -> list[Any]:
        texts: dict[str, list[str]] = {}
        for row in records(source.shelf):
            texts.setdefault(row["paper"], []).append(row["text"])
        for key, paper in source.shelf.papers.items():
            page, document = f"papers/{key}", new_document("")
            document += nodes.paragraph(
                "", "\n".join([*(title.text for title in paper.titles.values()), *texts.get(key, [])])
            )
            app.builder.indexer.feed(page, f"{page}.html", paper.title, document)
            app.env.all_docs[page], app.env.titles[page] = 0, nodes.title("", paper.title)  # else the index drops them
        return []

    return feed


def _copy(source: Source, plan: Plan, out: Path) -> None:
    """The notebooks to download, and the files that pages link to. What only the theme's makers need is left out."""
    for lesson in plan.lessons:
        if lesson.path.is_file():
            shutil.copyfile(lesson.path, out / "notebooks" / lesson.path.name)
    shutil.rmtree(out / "_sources", ignore_errors=True)
    for name in source.leads.copies:
        place, target = source.course / name, out / "files" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir():
            shutil.copytree(place, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(place, target)
    for path in (*out.rglob("*.map"), out / "_static" / "webpack-macros.html", out / ".buildinfo"):
        path.unlink(missing_ok=True)


def _forbid(out: Path, allowed: Mapping[str, str]) -> None:
    """Give each page of the theme the policy: its own scripts run, by digest, and those that labkit wrote into a notebook."""
    own = allow(
        *(
            script
            for page in ("search.html", "genindex.html")
            for script in INLINE.findall((out / page).read_text("utf-8"))
        )
    )
    for path in out.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        if 'http-equiv="Content-Security-Policy"' not in text:
            named = allow(*filter(PAGE_NAME.fullmatch, INLINE.findall(text)))
            ours = allowed.get(path.relative_to(out).as_posix(), "")
            policy = page_policy(" ".join(filter(None, (own, named, ours))), theme=True)
            head, mark, rest = text.partition("<head>")
            meta = f'\n<meta http-equiv="Content-Security-Policy" content="{policy}">'
            path.write_text(f"{head}{mark}{meta}{rest}", encoding="utf-8", newline="\n")


def _check(out: Path, names: Sequence[str]) -> None:
    """Raise `SiteError` for broken links, and for public names that the reference lacks."""
    from sphinx.util.inventory import InventoryFile

    listed = InventoryFile.loads((out / "objects.inv").read_bytes(), uri="").data
    there = {name for kind, found in listed.items() if kind.startswith("py:") for name in found}
    lacking = [f"the reference lacks {name}" for name in names if name not in there]
    _complain([*broken_links(out), *lacking])


def _complain(lines: Sequence[str]) -> None:
    if lines:
        more = [f"and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
        raise SiteError("\n".join(["the site has faults:", *lines[:MOST_LINES], *more]))
