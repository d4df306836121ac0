"""Sphinx builds the pages of the sources; then each gets the policy on what it may load and run."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from labkit.course.glossary import FILE as GLOSSARY
from labkit.course.glossary import Term
from labkit.course.website.source import Source
from labkit.page_policy import allow, page_policy
from labkit.survey.search.gallery import records

STATIC = Path(__file__).parent / "static"
INLINE = re.compile(r"<script(?![^>]*\b(?:src|type)=)[^>]*>(.*?)</script>", flags=re.DOTALL)
PAGE_NAME = re.compile(r"\s*DOCUMENTATION_OPTIONS\.pagename = '[\w./-]*';?\s*")  # the theme tells each page its name
FIGURES = ("plotly.min.js", "themes.js", "course.js")


def write_pages(source: Source, out: Path, title: str) -> list[str]:
    """Let Sphinx build the sources into `out`. Returns its warnings, a line each."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    from labkit.course.website.python_names import ExactNames
    from labkit.course.website.search import SearchPairs
    from labkit.course.website.settings import settings

    told = io.StringIO()
    with patch_docutils(), docutils_namespace():
        app = Sphinx(
            source.folder, None, out, source.folder.parent / "doctrees", "html",
            settings(title, STATIC), None, told, freshenv=True, verbosity=0,
        )  # fmt: skip
        app.add_domain(ExactNames, override=True)
        app.add_search_language(SearchPairs)
        app.connect("doctree-read", _linker(source.terms))
        app.connect("html-page-context", _add_scripts)
        app.connect("html-collect-pages", _feeder(source))
        app.build()
    return re.sub(r"\x1b\[[\d;]*m", "", told.getvalue()).replace(str(source.folder), "").strip().splitlines()


def forbid(out: Path, allowed: Mapping[str, str]) -> None:
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
