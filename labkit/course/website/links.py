"""Links of notebooks and documents, led to the site's own pages; and a check of the finished pages."""

import html
import os
import posixpath
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

LINK = re.compile(r"\[((?:`[^`]*`|[^\[\]`])*)\]\(([^)\s]+)\)")
CODE = re.compile(r"(^ *```.*?^ *```[^\n]*$)", flags=re.MULTILINE | re.DOTALL)
TAG = re.compile(r"<[a-zA-Z][^<>]*>")
TARGET = re.compile(r"""\s(?:href|src)=["']([^"']+)["']""")
ID = re.compile(r"""\s(?:id|name)=["']([^"']+)["']""")
SCRIPT = re.compile(r"(<script\b[^>]*>).*?</script>", flags=re.DOTALL)
OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:|//", flags=re.IGNORECASE)
GLOSSARY = "docs/glossary.md"


@dataclass
class Leads:
    """Where a link of a source leads on the site. Paths are from the course's folder, with `/`.

    `pages` are the sources with a page, `papers` the papers with one. Other files go to `copies`.
    """

    course: Path
    pages: Collection[str]
    papers: Collection[str]
    words: Collection[str]  # places in the glossary
    unrun: Collection[str] = ()  # of `pages`, those of notebooks that have not run: they have no headings to lead to
    copies: set[str] = field(default_factory=set)

    def lead(self, text: str, source: str) -> str:
        """Markdown of the page `source` with its links changed. Code blocks stay as they are."""
        parts = CODE.split(text)
        parts[::2] = [LINK.sub(lambda found: self._one(found, source), part) for part in parts[::2]]
        return "".join(parts)

    def _one(self, found: re.Match[str], source: str) -> str:
        text, target = found.groups()
        if OUTSIDE.match(target) or target.startswith("#"):
            return found.group()
        path, _, place = target.partition("#")
        inside = posixpath.normpath(posixpath.join(posixpath.dirname(source), unquote(path)))
        if inside == GLOSSARY and place in self.words:
            return f"[{text}](#word-{place})"
        if inside in self.pages:
            return f"[{text}]({path})" if inside in self.unrun else found.group()
        first, *rest = inside.split("/")
        if first == "summaries" and rest and rest[0] in self.papers:
            return self._anchor(f"papers/{rest[0]}.html", text, source)
        if (self.course / inside).exists() and not inside.startswith(".."):
            self.copies.add(inside)
            return self._anchor(f"files/{inside}", text, source)
        return text

    @staticmethod
    def _anchor(page: str, text: str, source: str) -> str:
        """A link to a page that Sphinx does not make."""
        target = posixpath.relpath(page, posixpath.dirname(source) or ".")
        return f'<a href="{html.escape(target)}">{text}</a>'


def broken_links(site: Path) -> Iterator[str]:
    """A line for each link of the site's pages that leads nowhere: a missing file, or a missing place in a page."""
    tags = {path: _tags(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    places = {path: {html.unescape(one) for one in ID.findall(text)} for path, text in tags.items()}
    for page, text in tags.items():
        where = page.relative_to(site).as_posix()
        for target in sorted({html.unescape(one) for one in TARGET.findall(text)}):
            if OUTSIDE.match(target):
                continue
            path, _, place = target.partition("#")
            aim = Path(os.path.normpath(page.parent / unquote(path.partition("?")[0]))) if path else page
            if not aim.exists() or not aim.is_relative_to(site):
                yield f"{where}: there is no {target}"
            elif place and aim in tags and unquote(place) not in places[aim]:
                yield f"{where}: {path or 'the page'} has no place #{place}"


def _tags(text: str) -> str:
    """The tags of a page, without its words and scripts."""
    return "".join(TAG.findall(SCRIPT.sub(r"\1", text)))
