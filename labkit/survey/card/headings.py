"""Where the sections of a Markdown text begin and end, as character offsets, so that nothing of the text is lost.

Headings are those that Markdown knows (`## Method`), and lines that look like one in reviews as people write them
(`##Method`, `**Method**`, `■ Method`, `1.Method`, a line that `----` underlines) where they say something the card formats
ask; `1. Method` followed by `2. Results` is a list.
What stands in fenced code, in HTML comments or in a template's code block is never a heading.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")
_HASHES = re.compile(r" {0,3}([#＃]{1,6})(?![#＃])")
_DECORATED = re.compile(
    r" {0,3}(?:(?:\*\*|__)(?P<bold>[^*_]+)(?:\*\*|__)[:：]?|<(?P<tag>b|strong|h[1-6])>(?P<html>[^<>]+)</(?P=tag)>"
    r"|(?:[■□◆◇●▼▶★☆]+)[ \u3000]*(?P<mark>.+)|[【［](?P<bracket>[^】］]+)[】］])[ \t\u3000]*$"
)
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_NUMBERED = re.compile(r" {0,3}(?:[(（]?(?:\d{1,2}|Q\d{1,2})[.)．）、:：]|[①-⑳])[ \t\u3000]*\S")
# Blocks that hide what is in them: how they open, and which line closes them.
_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}(?=[^`]*$)|~{3,})")
_HIDING = (
    (re.compile(r" {0,3}<!--"), re.compile(r"-->")),
    (
        re.compile(r" {0,3}<(?:pre|script|style|textarea)\b", re.I),
        re.compile(r"</(?:pre|script|style|textarea)>", re.I),
    ),
    (re.compile(r"\s*\{%-?\s*(?:highlight|raw)\b"), re.compile(r"\{%-?\s*end(?:highlight|raw)\b")),
)


class Heading(NamedTuple):
    """One heading: its words, its level (1-6; 7 for lines that are only dressed as one), where its line starts and ends."""

    text: str
    level: int
    start: int
    end: int


def headings(text: str, start: int, known: Callable[[str], bool]) -> Iterator[Heading]:
    """The headings of a text from `start` on, in order; `known` says whether a dressed-up line's words are a heading."""
    closing: re.Pattern[str] | None = None
    listing = False  # whether the last words were a numbered item of a list
    before: tuple[str, int] | None = None  # the line above, if a heading may be underlined there
    for found in _LINE.finditer(text, start):
        line = found.group().rstrip("\r\n")
        if not found.group():
            return
        if closing is not None:
            closing = None if closing.search(line) else closing
            continue
        closing = _hides_until(line)
        if closing is not None:
            before = None
            continue
        if before and _UNDERLINE.match(line) and known(before[0].strip()):
            level = 1 if "=" in line else 2
            yield Heading(before[0].strip(), level, before[1], found.end())
            before = None
            continue
        heading = _heading(line, known)
        if not heading and before is None and _NUMBERED.match(line) and known(line.strip()):
            # A question is a heading; a word between other items belongs to a list.
            listing = not line.rstrip().endswith(("?", "？")) and (listing or _is_numbered_next(text, found.end()))
            heading = None if listing else (line.strip(), 7)
        elif line.strip():
            listing = False
        if heading:
            yield Heading(heading[0], heading[1], found.start(), found.end())
        before = (line, found.start()) if line.strip() and not heading else None


def _is_numbered_next(text: str, start: int) -> bool:
    """Whether the next line with words is numbered as well, as in a list."""
    return bool(_NUMBERED.match(text[start : start + 1000].lstrip(" \r\n")))


def _hides_until(line: str) -> re.Pattern[str] | None:
    """The end mark of the block that begins on this line, if one begins and goes on."""
    fence = _FENCE.match(line)
    if fence:
        kind = fence["fence"]
        return re.compile(rf"^ {{0,3}}{re.escape(kind[0])}{{{len(kind)},}}[ \t]*$")
    for opening, closing in _HIDING:
        opened = opening.match(line)
        if opened and not closing.search(line, opened.end()):
            return closing
    return None


def _heading(line: str, known: Callable[[str], bool]) -> tuple[str, int] | None:
    found = _HASHES.match(line)
    if found:
        rest = line[found.end() :]
        words = rest.strip()
        bare = words.rstrip("#")
        words = bare.rstrip() if not bare or bare[-1].isspace() else words  # `## Method ##`
        plain = "＃" not in found[1] and (not rest or rest[0] in " \t")
        if plain or known(words):
            return words, len(found[1])
    found = _DECORATED.match(line)
    if found:
        words = next(one for one in (found["bold"], found["html"], found["mark"], found["bracket"]) if one).strip()
        if known(words):
            tag = found["tag"] or ""
            return words, int(tag[1]) if tag[1:].isdigit() else 7
    return None
