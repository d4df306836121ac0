"""Cuts Markdown into slides: between its blocks, and inside a block that is too tall for one slide.

A list is cut between items, a table between rows, its head repeated, code between lines, its fence kept, a paragraph
between sentences, a quote or an item as what is in it. Only where to cut is decided here, by an estimate of the lines
that a text fills; the page itself shrinks what is still too tall.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from math import ceil
from typing import NamedTuple

from labkit.survey.card.markdown import parser, split_lines

LINES = 12  # that fit below a heading
COLUMNS = 84  # Latin letters in a line; a Chinese, Japanese or Korean character takes two
_SENTENCE = re.compile(r"(?<=[。！？])|(?<=[.!?])\s+(?=\S)")
_CLAUSE = re.compile(r"(?<=[、，；])|\s+")  # where a sentence that is too tall is cut
_ITEM = re.compile(r" {0,3}(?:[-+*]|\d{1,9}[.)])(?: {1,4}(?=\S)|[ \t]|$)", re.MULTILINE)
_QUOTE = re.compile(r"^ {0,3}> ?", re.MULTILINE)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
# Signs that would turn the rest of a paragraph into another kind of block.
_MARK = re.compile(r"#{1,6}(?:\s|$)|>|[-+*](?:\s|$)|`{3}|~{3}|\[[^\]]*\]:|\d{1,9}(?=[.)](?:\s|$))")


class Block(NamedTuple):
    """A block of Markdown: its kind as the parser calls it, its lines, whether it goes on with the list before it."""

    kind: str
    text: str
    goes_on: bool


def pages(text: str, lines: float = LINES) -> tuple[str, ...]:
    """The text cut for as many slides as it takes, as Markdown without the definitions of links."""
    made: list[str] = []
    room = 0.0
    heading = ""  # a heading stays with the text below it
    for block in blocks(text):
        if block.kind == "heading_open":
            heading += block.text + "\n\n"
            continue
        whole = heading + block.text
        if made and _height(whole) <= room:
            made[-1] += ("\n" if block.goes_on and not heading else "\n\n") + whole
            room -= _height(whole)
        else:
            first, *others = _cut(block, lines - _height(heading), lines)
            made += [heading + first, *others]
            room = lines - _height(made[-1])
        heading = ""
    return (*made, heading.strip()) if heading else tuple(made)


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a text in order; each item of a list is a block, definitions of links are left out."""
    lines = split_lines(text)
    for token in parser().parse(text, {}):
        if token.map is None or token.nesting < 0 or token.level > 1:
            continue
        listed = token.type in ("bullet_list_open", "ordered_list_open")
        if token.level == 0:
            inside, goes_on = listed, False
        if listed or (token.level == 1 and not (inside and token.type == "list_item_open")):
            continue
        block = "\n".join(lines[slice(*token.map)]).rstrip()
        if block.strip():
            yield Block(token.type, block, goes_on)
            goes_on = inside


def _cut(block: Block, first: float, lines: float) -> list[str]:
    """A block as it is, or where it is too tall and can be cut, its pieces: as tall as `first`, then as `lines`."""
    if _height(block.text) <= first or block.kind not in _CUTS:
        return [block.text]
    return list(_CUTS[block.kind](block.text, first, lines)) or [block.text]


def _cut_table(text: str, first: float, lines: float) -> Iterator[str]:
    head, rows = text.split("\n")[:2], text.split("\n")[2:]
    for some in _packed(rows, first - _height(*head), lines - _height(*head)):
        yield "\n".join([*head, *some])


def _cut_fence(text: str, first: float, lines: float) -> Iterator[str]:
    opening, *code = text.split("\n")
    fence = _FENCE.match(opening)
    marks = fence[1] if fence else "```"
    closed = code and re.fullmatch(rf" {{0,3}}{marks[0]}{{{len(marks)},}}[ \t]*", code[-1])
    for some in _packed(code[:-1] if closed else code, first, lines):
        yield "\n".join([opening, *some, marks])


def _cut_code(text: str, first: float, lines: float) -> Iterator[str]:
    for some in _packed(text.split("\n"), first, lines):
        yield "\n".join(some).strip("\n") or some[0]


def _cut_quote(text: str, first: float, lines: float) -> Iterator[str]:
    for piece in pages(_QUOTE.sub("", text), min(first, lines)):
        yield re.sub("^", "> ", piece, flags=re.MULTILINE)


def _cut_item(text: str, first: float, lines: float) -> Iterator[str]:
    text = re.sub(r"^[ \t]+", lambda found: found[0].expandtabs(4), text, flags=re.MULTILINE)
    mark = _ITEM.match(text)
    if not mark:
        yield text
        return
    inner = re.sub(rf"^ {{0,{mark.end()}}}", "", text[mark.end() :], flags=re.MULTILINE)
    for piece in pages(inner, min(first, lines)):
        yield mark[0].ljust(mark.end()) + re.sub(r"\n(?=.)", "\n" + " " * mark.end(), piece)


def _cut_paragraph(text: str, first: float, lines: float) -> Iterator[str]:
    parts: list[str] = []
    for sentence in _SENTENCE.split(text):
        small = [sentence] if _height(sentence) <= lines else _CLAUSE.split(sentence)
        for part in filter(None, small):
            # No link, code or emphasis is cut in two.
            if parts and _is_open(parts[-1]):
                parts[-1] = _joined([parts[-1], part])
            else:
                parts.append(part)
    for number, some in enumerate(_packed(parts, first, lines)):
        piece = _joined(some)
        mark = _MARK.match(piece) if number else None
        at = (mark.end() if mark and mark[0].isdigit() else 0) if mark else -1
        yield piece if at < 0 else f"{piece[:at]}\\{piece[at:]}"


_CUTS: dict[str, Callable[[str, float, float], Iterator[str]]] = {
    "table_open": _cut_table,
    "fence": _cut_fence,
    "code_block": _cut_code,
    "blockquote_open": _cut_quote,
    "list_item_open": _cut_item,
    "paragraph_open": _cut_paragraph,
}


def _packed(parts: Iterable[str], first: float, lines: float) -> Iterator[list[str]]:
    """Parts put together as long as they fit; none is lost for being too tall alone."""
    rooms = chain([first], repeat(lines))
    some: list[str] = []
    room = next(rooms)
    for part in parts:
        if some and _height(*some, part) > room:
            yield some
            some, room = [], next(rooms)
        some.append(part)
    if some:
        yield some


def _joined(parts: Iterable[str]) -> str:
    """Sentences or clauses as one text again."""
    made = ""
    for part in map(str.strip, parts):
        made += ("" if not made or made[-1] in "。！？、，；" else " ") + part
    return made


def _is_open(text: str) -> bool:
    """Whether a link, code or emphasis that begins in a text does not end in it."""
    return text.count("[") > text.count("]") or text.count("`") % 2 == 1 or text.count("**") % 2 == 1


def _height(*parts: str) -> float:
    """Lines that parts fill, one below the other, with the space below them."""
    lines = [line for part in parts for line in part.splitlines()]
    return sum(max(1, ceil(width(line) / COLUMNS)) for line in lines) + 0.5 if lines else 0.0


def width(text: str) -> int:
    """Columns that a line takes; wide characters count twice."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
