"""All cards as a table with facets: reader, language, datasets, models, year, status.

```
gallery(language="ja", role="limitation")     # a DataFrame, one row a card
gallery(query="過学習", status="done")          # with full-text search
facets(records(shelf))["language"]             # how many cards each value of a facet has
```

A paper that nobody has a card of stands in it too, with the status "no card". The page of the same name in the built
course has the same rows; `records` is what both are made of.
"""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from labkit.names import meant_or_all
from labkit.survey.card.file import CardFile
from labkit.survey.library.shelf import Item, Shelf, open_shelf
from labkit.survey.publication.cite import folded
from labkit.survey.publication.schema import Paper, Result
from labkit.survey.search.index import card_parts, open_index, plain_text

FACETS = ("language", "role", "keyword", "dataset", "model", "year", "status", "reader")
# The column of a facet in the table; several values in a row are a tuple.
COLUMNS = {"role": "roles", "keyword": "keywords", "dataset": "datasets", "model": "models"}
NO_CARD = "no card"
LONGEST = 4000  # characters of a card that the search on the page reads
SUMMARY = 240  # characters of a card's summary


def gallery(shelf: Shelf | None = None, *, query: str = "", **chosen: str | int | Sequence[Any]) -> pd.DataFrame:
    """One row a card: paper, title, year, language, reader, status, mode, roles, keywords, datasets, models, summary, path.

    Facets are arguments, `language="ja"` or `language=["ja", "ko"]`; rows fit all of them. `query` searches the text,
    and then the best stands first. Raises `TypeError` for an unknown facet, `ValueError` for a value no card has.
    """
    shelf = shelf if shelf is not None else open_shelf(progress=True)
    for name in chosen:
        if name not in FACETS:
            raise TypeError(f"no facet {name!r}{meant_or_all(name, FACETS)}")
    rows = list(records(shelf))
    for name, wanted in chosen.items():
        values = [wanted] if isinstance(wanted, str | int) else list(wanted)
        known = {folded(value): value for value in facets(rows)[name]}
        for value in values:
            if folded(value) not in known:
                raise ValueError(f"no card among these has {name} {value!r}{meant_or_all(str(value), known.values())}")
        keys = {folded(value) for value in values}
        rows = [row for row in rows if keys & {folded(value) for value in values_of(row, name)}]
    columns = ["paper", "title", "year", "language", "reader", "status", "mode", *COLUMNS.values(), "summary", "path"]
    table = pd.DataFrame(rows, columns=columns).astype({"year": "Int64"})
    return _found(shelf, table, query) if query else table.reset_index(drop=True)


def facets(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """How many rows of `records` have each value: facet → value → rows, the most frequent value first."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    for row in rows:
        for name, counter in counts.items():
            counter.update(values_of(row, name))
    return {name: dict(counter.most_common()) for name, counter in counts.items()}


def values_of(row: Mapping[str, Any], facet: str) -> tuple[str, ...]:
    """The values that a row of `records` has for a facet, as text, each once."""
    value = row[COLUMNS.get(facet, facet)]
    values = value if isinstance(value, tuple) else (value,)
    return tuple(dict.fromkeys(str(one) for one in values if one not in ("", None)))


def records(shelf: Shelf) -> Iterator[dict[str, Any]]:
    """The rows of the gallery as plain data, with the `text` that a page searches; sorted by paper, papers alone last.

    `path` is the card's file in the library. A column with several values in a row is a tuple.
    """
    measured = {paper: _measured(rows) for paper, rows in shelf.results.items()}
    with_card = set()
    said = shelf.remember("gallery", (card.item for card in shelf.cards), _read)
    for card, read in zip(shelf.cards, said, strict=True):
        paper, about = shelf.papers.get(card.paper), card.about
        with_card.add(card.paper)
        yield {
            **_of_paper(card.paper, paper, measured),
            "language": about.language,
            "reader": about.reader,
            "status": about.status,
            "mode": about.mode,
            "roles": tuple(read["roles"]) if read else (),
            "keywords": about.keywords,
            "summary": read["summary"] if read else "",
            "path": card.path.relative_to(shelf.folder).as_posix(),
            "text": read["text"] if read else "",
        }
    for key, paper in shelf.papers.items():
        if key not in with_card and paper.kind == "paper":
            texts = [*(title.text for title in paper.titles.values()), *(one.text for one in paper.abstracts.values())]
            summary = next((one.text for one in paper.abstracts.values()), "")
            yield {
                **_of_paper(key, paper, measured),
                "language": "",
                "reader": "",
                "status": NO_CARD,
                "mode": "",
                "roles": (),
                "keywords": paper.keywords,
                "summary": _short(summary),
                "path": "",
                "text": " ".join(texts)[:LONGEST],
            }


def _of_paper(
    key: str, paper: Paper | None, measured: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
) -> dict[str, Any]:
    datasets, models = measured.get(key, ((), ()))
    title, year = (paper.title, paper.year) if paper else (key, None)
    return {"paper": key, "title": title, "year": year, "datasets": datasets, "models": models}


def _measured(rows: Sequence[Result]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The datasets and models that a paper has numbers of."""
    return tuple(dict.fromkeys(row.dataset for row in rows if row.dataset)), tuple(
        dict.fromkeys(row.model for row in rows if row.model)
    )


def _read(item: Item, data: bytes) -> dict[str, Any]:
    """The parts of a card's text that the gallery needs."""
    card = CardFile.parse(data, item.path)
    parts = [text for _, _, text in card_parts(card.about, card) if text]
    filled = dict.fromkeys(one.role for one in card.sections if one.role and one.text.strip())
    roles = [role for role in filled if role]
    texts = (card.role("what"), *(one.text for one in card.sections))
    first = next(filter(None, (plain_text(text, card.references) for text in texts)), "")
    return {"roles": roles, "summary": _short(first or card.about.goal), "text": " ".join(parts)[:LONGEST]}


def _short(text: str) -> str:
    return text if len(text) <= SUMMARY else text[: SUMMARY - 1].rstrip() + "…"


def _found(shelf: Shelf, table: pd.DataFrame, query: str) -> pd.DataFrame:
    """The rows whose card, or paper where there is none, a search finds, in its order."""
    with contextlib.closing(open_index(shelf)) as index:
        hits = index.search(query, limit=max(1, len(shelf.all_items)))
    places: dict[str, int] = {}
    for number, hit in enumerate(hits):
        places.setdefault(hit.path.relative_to(shelf.folder).as_posix(), number)
    files = [path or f"{paper}/paper.yaml" for path, paper in zip(table["path"], table["paper"], strict=True)]
    ranked = table.assign(_place=[places.get(file, -1) for file in files])
    ranked = ranked[ranked["_place"] >= 0].sort_values("_place")
    return ranked.drop(columns="_place").reset_index(drop=True)
