"""How much goes on one slide: Markdown cut between its blocks, and long blocks between items or sentences.

Only where to cut is decided here, by an estimate of the lines that a text fills; the page itself shrinks what is still
too tall.
"""

import functools
import re
import unicodedata
from collections.abc import Iterator
from math import ceil
from typing import Any

LINES = 12  # that fit below a heading
COLUMNS = 84  # Latin letters in a line; a Chinese, Japanese or Korean character takes two
_SENTENCE = re.compile(r"(?<=[。！？])|(?<=[.!?])\s+(?=\S)")


def pages(text: str, lines: int = LINES) -> tuple[str, ...]:
    """The text on as many slides as it takes, each Markdown of its own; none where there are no words."""
    made: list[str] = []
    room = 0.0
    heading = ""  # goes where what it stands above goes
    for block, goes_on in _blocks(text):
        if block.startswith("#"):
            heading += block + "\n\n"
            continue
        block, heading = heading + block, ""
        need = _height(block)
        if made and need <= room:
            made[-1] += ("\n" if goes_on else "\n\n") + block
            room -= need
            continue
        for piece in _cut(block, lines):
            made.append(piece)
            room = lines - _height(piece)
    return (*made, heading.strip()) if heading else tuple(made)


@functools.cache
def _parser() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _blocks(text: str) -> Iterator[tuple[str, bool]]:
    """The blocks of a text in order, each item of a list one, and whether it goes on with the list of the one before.

    Definitions of links go with every block that needs them.
    """
    env: dict[str, Any] = {}
    lines = text.splitlines()
    inside = -1  # the level of the list that an item was taken from
    goes_on = False
    for token in _parser().parse(text, env):
        if token.map is None or token.nesting < 0 or token.level > (1 if inside >= 0 else 0):
            continue
        if token.level == 0:
            inside = 0 if token.type in ("bullet_list_open", "ordered_list_open") else -1
            goes_on = False
            if inside == 0:
                continue
        elif token.type != "list_item_open":
            continue
        start, end = token.map
        block = "\n".join(lines[start:end]).rstrip()
        if block.strip():
            yield _with_definitions(block, env.get("references", {})), goes_on
            goes_on = inside == 0


def _with_definitions(block: str, references: dict[str, Any]) -> str:
    used = [f"[{name}]: <{one['href']}>" for name, one in references.items() if name.casefold() in block.casefold()]
    return "\n\n".join([block, *used]) if used else block


def _cut(block: str, lines: int) -> Iterator[str]:
    """A block as it is, or where it is a paragraph too tall for a slide, by its sentences."""
    plain = not re.match(r"\s*(?:[-+*>|`~]|\d+[.)])", block)
    if _height(block) <= lines or not plain:
        yield block
        return
    piece = ""
    for sentence in _SENTENCE.split(block):
        if piece and _height(piece + sentence) > lines:
            yield piece.strip()
            piece = ""
        piece += ("" if not piece or piece[-1] in "。！？" else " ") + sentence
    if piece.strip():
        yield piece.strip()


def _height(block: str) -> float:
    """Lines that a block fills, with the space below it."""
    return sum(max(1, ceil(width(line) / COLUMNS)) for line in block.splitlines()) + 0.5


def width(text: str) -> int:
    """Columns that a line takes; wide characters count twice."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
