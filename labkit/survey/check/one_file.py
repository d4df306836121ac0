"""Looks at one file of the library for the check: what is wrong with it alone, and which other files it needs.

The functions depend on the file's bytes and name alone, so that `library.shelf` can keep their answers; these are plain
data, so that they can be JSON.
"""

import re
from collections.abc import Iterable
from typing import Any, TypedDict

from labkit.survey.card.file import CardFile
from labkit.survey.card.links import Link, links
from labkit.survey.card.schema import Card, CardClaim, Question
from labkit.survey.library.shelf import Item
from labkit.survey.publication.problems import SummaryError
from labkit.survey.publication.schema import Claim, Paper, Sourced
from labkit.survey.publication.schema_errors import line_of

Told = tuple[int | None, str, str, str, str]  # line, severity, rule, message, suggestion
# Place in the file, and what: a paper's id, a claim's, a notebook with its cell.
Needed = tuple[list[str | int], str, str]


class Look(TypedDict):
    """What was found in a file. Every kind of file fills in what it has."""

    told: list[Told]
    stated: int  # numbers, ids and claims that must have a source
    unsure: int  # of those, how many are marked unsure
    numbers: list[Needed]  # place, register (arxiv, doi, openalex), number
    claims: list[str]
    papers: list[Needed]  # place, the paper meant, the reader's words
    disputes: list[Needed]  # place, claim, ""
    notebooks: list[Needed]  # place, notebook, cell
    links: list[Link]
    checks: bool  # has claims that can be checked by numbers


def sparse(look: Look) -> dict[str, Any]:
    """A look without its empty fields. Most files have nothing wrong, and one look per file is kept."""
    return {key: value for key, value in look.items() if value}


def nothing() -> Look:
    """A look with empty fields."""
    return Look(
        told=[],
        stated=0,
        unsure=0,
        numbers=[],
        claims=[],
        papers=[],
        disputes=[],
        notebooks=[],
        links=[],
        checks=False,
    )


def look_at_bytes(data: bytes, *, imported: bool = False) -> list[Told]:
    """Problems with the byte-order mark and line ends. The file is read all the same, so they are not errors.

    An imported review is kept as it was found: there it is a note.
    """
    told: list[Told] = []
    worse = "note" if imported else "warning"
    if data.startswith(b"\xef\xbb\xbf"):
        hint = "save it as UTF-8 without a byte-order mark"
        told.append((1, worse, "byte-order-mark", "the file begins with a byte-order mark", hint))
    windows, all_ends = data.count(b"\r\n"), data.count(b"\n")
    if windows and windows == all_ends:
        # As git gives them to people on Windows.
        told.append((1, "note", "line-ends", "lines end as on Windows (CRLF)", ""))
    elif windows:
        odd = (data[: data.index(b"\r\n")] if windows < all_ends / 2 else data[: _lone(data)]).count(b"\n") + 1
        message = f"line ends are mixed: {windows} of {all_ends} are CRLF"
        told.append((odd, worse, "line-ends", message, "use one kind of line end"))
    return told


def _lone(data: bytes) -> int:
    """Where the first line feed without a carriage return is."""
    found = re.search(rb"(?<!\r)\n", data)
    return found.start() if found else 0


def look_at_paper(item: Item, data: bytes, about: str) -> Look:
    """A `paper.yaml`; `about` is the paper as JSON, empty where it cannot be read."""
    look = nothing()
    look["told"] += look_at_bytes(data)
    if not about:
        return look
    paper = Paper.model_validate_json(about)
    for register in ("arxiv", "doi", "openalex"):
        identifier = getattr(paper, register)
        if identifier:
            look["numbers"].append(([register, "id"], register, identifier.id))
    _count(look, (paper.arxiv, paper.doi, paper.openalex, *paper.versions, *paper.claims))
    look["claims"] = [claim.id for claim in paper.claims]
    look["notebooks"] = [
        (["claims", place, "notebook"], claim.notebook, "")
        for place, claim in enumerate(paper.claims)
        if claim.notebook
    ]
    look["checks"] = any(claim.check for claim in paper.claims)
    return look


def look_at_results(item: Item, data: bytes, rows: Iterable[dict[str, Any]]) -> Look:
    """A `results.csv`; `rows` are those that can be read."""
    look = nothing()
    look["told"] += look_at_bytes(data)
    listed = list(rows)
    look["stated"] = len(listed)
    look["unsure"] = sum(row.get("status") == "unsure" for row in listed)
    return look


def look_at_card(item: Item, data: bytes, about: str) -> Look:
    """A card; `about` is its front matter as JSON, empty where it cannot be read."""
    look = nothing()
    try:
        file = CardFile.parse(data, item.path)
    except SummaryError:
        return look  # reported when the file was read
    card = Card.model_validate_json(about) if about else None
    look["told"] += look_at_bytes(data, imported=bool(card and card.imported))
    look["links"] = list(links(file.words, file.text.count("\n", 0, file.body_start) + 1))
    if card is None:
        return look
    look["told"] += _misplaced(item, card, file)
    look["told"] += unfinished(file, card)
    _count(look, card.claims)
    look["papers"] = [
        (["next", place, "paper"], wanted.paper, wanted.text) for place, wanted in enumerate(card.next) if wanted.paper
    ]
    for place, claim in enumerate(card.claims):
        if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", claim.disputes):
            look["disputes"].append((["claims", place, "disputes"], claim.disputes, ""))
    linked: list[tuple[str, int, CardClaim | Question]] = [("claims", n, one) for n, one in enumerate(card.claims)]
    linked += [("questions", n, one) for n, one in enumerate(card.questions)]
    for key, place, one in linked:
        if one.notebook:
            look["notebooks"].append(([key, place, "cell" if one.cell else "notebook"], one.notebook, one.cell))
    look["checks"] = any(claim.check for claim in card.claims)
    return look


def _misplaced(item: Item, card: Card, file: CardFile) -> list[Told]:
    """Problems with the place of a card: its name is language and reader, its folder is the paper's."""
    told: list[Told] = []
    if card.paper != item.paper:
        message = f"the card is about {card.paper}, but lies in the folder of {item.paper}"
        told.append((line_of(("paper",), file.lines), "error", "misplaced", message, f"move it to {card.paper}/cards"))
    if card.file_name != item.path.name:
        message = f"the file is called {item.path.name}, but the card is {card.language} by {card.reader}"
        told.append((line_of(("language",), file.lines), "error", "misplaced", message, f"call it {card.file_name}"))
    return told


def unfinished(file: CardFile, card: Card) -> list[Told]:
    """A card that is done but has no words below its headings, besides title, authors and links."""
    if not card.finished or file.is_written:
        return []
    message = f"the card is {card.status}, but there are no words below its headings"
    hint = "write it, or set the status to reading"
    return [(line_of(("status",), file.lines), "error", "empty-card", message, hint)]


def _count(look: Look, stated: Iterable[Sourced | Claim | None]) -> None:
    """How much must have a source, and how much of it is unsure."""
    for one in stated:
        if one is not None:
            look["stated"] += 1
            look["unsure"] += one.unsure
