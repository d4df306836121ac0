"""Markdown as readers write it, parsed one way for pages, slides and pictures, so that no word of theirs is dropped.

CommonMark with tables and strikethrough; HTML is text, but for `<img>`, which is a picture like any other. Where Markdown
itself would drop words they stay: what stands in a row beyond the head's columns, and `[memo]: yes`, which leads nowhere.
Marks of Jekyll are understood: `{:toc}` is not shown, `{{ site.baseurl }}/a.png` is an address.
"""

import functools
import re
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

DEEPEST = 100  # quotes and lists inside each other; Markdown drops what is deeper
_IMAGE = re.compile(r"<img\b(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:|#|\{\{|.*[/\\]|[^\s]+\.[a-z0-9]{2,5}$", re.IGNORECASE)
_LIQUID = re.compile(r"(?:\{\{[^{}\n]*\}\})+[^()\s<>]*")
_SITE = re.compile(r"(?:\{\{-?\s*(?:site\.(?:base)?url|[\"']([^\"'{}]*)[\"']\s*\|[^{}]*)\s*-?\}\})+")
# Lines of Jekyll's Markdown: attributes of the block above, and the list that its table of contents replaces.
_ATTRIBUTES = r"\{:(?:toc|(?:\s*(?:[.#][\w-]+|[\w-]+=(?:\"[^\"]*\"|'[^']*')))+)\s*\}"
_MARKS = re.compile(rf"^[ \t]*{_ATTRIBUTES}[ \t]*$\n?", re.MULTILINE)
_CONTENTS = re.compile(r"(?:toc|contents?|table of contents|目次|目录|目錄|목차)\n\{:toc\}", re.IGNORECASE)


@functools.cache
def parser() -> Any:
    """The parser; its rules for HTML are `markup`'s."""
    from markdown_it import MarkdownIt, helpers

    made = MarkdownIt("commonmark", {"html": False, "maxNesting": DEEPEST}).enable(["table", "strikethrough"])
    # Every target is parsed as a link, so that `markup` decides which are links, and not the parser.
    made.validateLink = lambda url: True  # type: ignore[method-assign]
    made.normalizeLink = lambda url: url  # type: ignore[method-assign]
    made.helpers = SimpleNamespace(  # type: ignore[assignment]
        parseLinkLabel=helpers.parseLinkLabel, parseLinkTitle=helpers.parseLinkTitle, parseLinkDestination=_destination
    )
    made.block.ruler.at("reference", _definition)
    made.inline.ruler.before("autolink", "img", _img)
    made.core.ruler.after("block", "marks", _without_marks)
    made.core.ruler.after("block", "whole_rows", _whole_rows)
    return made


def definitions(text: str) -> dict[str, Any]:
    """The addresses that a text defines for its links (`[1]: https://...`), for parts of it that are read alone."""
    env: dict[str, Any] = {}
    if "]:" in text:
        parser().parse(text, env)
    return dict(env.get("references", {}))


def is_address(target: str) -> bool:
    """Whether the text in a link's brackets can be an address: it has a scheme, a folder or an ending."""
    return bool(_ADDRESS.match(target))


def split_lines(text: str) -> list[str]:
    """The lines as the parser counts them; it takes other line ends for letters."""
    return re.sub(r"\r\n?", "\n", text).split("\n")


def local_target(target: str) -> str:
    """The address without the site that a Jekyll page puts before it: `{{ site.baseurl }}/a.png` is `a.png`."""
    found = _SITE.match(target)
    return ((found[1] or "") + target[found.end() :]).lstrip("/\\") if found else target


def _destination(text: str, start: int, most: int) -> Any:
    """Where a link leads; what Jekyll fills in may have spaces."""
    from markdown_it.helpers import parseLinkDestination

    found = _LIQUID.match(text, start, most)
    return SimpleNamespace(ok=True, pos=found.end(), str=found[0]) if found else parseLinkDestination(text, start, most)


def _definition(state: Any, start: int, end: int, silent: bool) -> bool:
    """Markdown's rule for `[name]: address`. Where the address is not one, the line is text to read."""
    from markdown_it.rules_block import reference

    references = state.env.setdefault("references", {})
    before, line = set(references), state.line
    if not reference(state, start, end, silent):
        return False
    wrong = [name for name in references.keys() - before if not is_address(references[name]["href"])]
    for name in wrong:
        del references[name]
        state.line = line
    return not wrong


class _Attributes(HTMLParser):
    """The attributes of one tag."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found = dict(attrs)


def _img(state: Any, silent: bool) -> bool:
    """`<img src alt title>` as the picture that Markdown writes `![alt](src "title")`."""
    found = _IMAGE.match(state.src, state.pos) if state.src[state.pos] == "<" else None
    if not found:
        return False
    if not silent:
        read = _Attributes()
        read.feed(found[0])
        about = getattr(read, "found", {})
        token = state.push("image", "img", 0)
        token.attrs = {name: about.get(name) or "" for name in ("src", "title") if name == "src" or about.get(name)}
        words = type(token)("text", "", 0)
        words.content = token.content = about.get("alt") or ""
        token.children = [words]
    state.pos = found.end()
    return True


def _without_marks(state: Any) -> None:
    """Drop Jekyll's marks, and the list of one item that its table of contents goes in place of."""
    kept: list[Any] = []
    for token in state.tokens:
        kept.append(token)
        if token.type == "bullet_list_close" and _is_contents(kept[-7:]):
            del kept[-7:]
        elif token.type == "paragraph_close" and "{:" in kept[-2].content and not _CONTENTS.fullmatch(kept[-2].content):
            kept[-2].content = _MARKS.sub("", kept[-2].content).rstrip("\n")
            if not kept[-2].content:
                del kept[-3:]
    state.tokens = kept


def _is_contents(tokens: list[Any]) -> bool:
    return len(tokens) == 7 and tokens[0].type == "bullet_list_open" and bool(_CONTENTS.fullmatch(tokens[3].content))


def _whole_rows(state: Any) -> None:
    """Put cells beyond the head's columns into the last cell of their row."""
    from markdown_it.rules_block.table import escapedSplit

    lines = state.src.split("\n")
    cells: list[Any] = []
    for token in state.tokens:
        if token.type == "tr_open":
            cells = []
        elif token.type == "inline":
            cells.append(token)
        elif token.type == "tr_close":
            told = [cell.content for cell in cells]
            written = [cell.strip() for cell in escapedSplit(lines[cells[0].map[0]].strip())]
            # In a quote or a list the line begins with their marks.
            ends = [at + len(told) for at in range(len(written)) if written[at : at + len(told)] == told]
            more = [cell for cell in written[ends[0] :] if cell] if ends else []
            cells[-1].content = " | ".join([cells[-1].content, *more])
