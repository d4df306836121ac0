"""The words of the course as a page, and links to them where they first stand in a document."""

import re
from collections.abc import Sequence
from typing import Any

from docutils import nodes
from sphinx import addnodes

from labkit.course.glossary import Term

LABEL = "word-"
# Words that the documents also use in their usual sense, or of something else.
USUAL = {
    "frame",
    "batch",
    "block",
    "stage",
    "stem",
    "stream",
    "role",
    "hole",
    "window",
    "split",
    "card",
    "seed",
    "gap",
    "scores",
}
CLOSED = (nodes.title, nodes.reference, nodes.literal, nodes.literal_block, nodes.raw, addnodes.pending_xref)


def shown(meaning: str) -> str:
    """Markdown in which HTML is text, outside code too."""
    return re.sub(r"`[^`]*`|<", lambda found: "&lt;" if found[0] == "<" else found[0], meaning)


def glossary_page(terms: Sequence[Term]) -> str:
    """The page of all words, each with a label that links lead to."""
    lines = ["# Glossary", "The words of the course, in the order in which a video meets them."]
    for term in terms:
        words = ", ".join(f"**{word}**" for word in term.words)
        lines.append(f"({LABEL}{term.place})=\n\n{words}\n: {term.meaning}")
    return "\n\n".join(lines) + "\n"


def link_words(doctree: Any, terms: Sequence[Term]) -> int:
    """Make the first use of each word in a document a link to the glossary. Returns the number of links."""
    left = {
        word.casefold(): term.place
        for term in terms
        for word, code in zip(term.words, term.code, strict=True)
        if not code and word.casefold() not in USUAL
    }
    made = 0
    while left:
        pattern = re.compile(
            rf"(?<![\w-])({'|'.join(map(re.escape, sorted(left, key=len, reverse=True)))})(?![\w-])", re.I
        )
        found = next(((text, hit) for text in _texts(doctree) if (hit := pattern.search(text))), None)
        if found is None:
            break
        text, hit = found
        place = left[hit[1].casefold()]
        left = {word: one for word, one in left.items() if one != place}
        _link(text, hit, place)
        made += 1
    return made


def _texts(doctree: Any) -> list[Any]:
    """The texts of sentences: not headings, links, code or tables."""
    closed = (*CLOSED, nodes.table)
    found = []
    for text in doctree.findall(nodes.Text):
        above = text.parent
        while above is not None and not isinstance(above, closed):
            above = above.parent
        if above is None:
            found.append(text)
    return found


def _link(text: Any, hit: re.Match[str], place: str) -> None:
    whole, (start, end) = str(text), hit.span()
    link = addnodes.pending_xref(
        "", nodes.inline("", whole[start:end], classes=["glossary-word"]),
        refdomain="std", reftype="ref", reftarget=LABEL + place, refexplicit=True, refwarn=True,
    )  # fmt: skip
    parts = [nodes.Text(whole[:start]), link, nodes.Text(whole[end:])]
    text.parent.replace(text, [part for part in parts if not isinstance(part, nodes.Text) or str(part)])
