"""All cards as a table with facets: who read what, in which language, about which datasets and models, how far.

```
gallery(language="ja", role="limitation")     # a DataFrame, one row a card
gallery(query="過学習", status="done")          # with full-text search
facets(gallery())                              # how many cards each value of each facet has
```

A paper that nobody has a card of stands in it too, with the status "no card". The page of the same name in the built
course has the same rows; `records` is what both are made of.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
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
LONGEST = 4000  # characters of a card that the page's own search looks through
SUMMARY = 240  # of what a card says first


def gallery(shelf: Shelf | None = None, *, query: str = "", **chosen: str | int | Sequence[Any]) -> pd.DataFrame:
    """One row a card: paper, title, year, language, reader, status, mode, roles, keywords, datasets, models, summary, path.

    Facets are arguments, `language="ja"` or `language=["ja", "ko"]`; rows fit all of them. `query` searches the text,
    and then the best stands first. Raises `TypeError` for an unknown facet, `ValueError` for a value no card has.
    """
    shelf = shelf if shelf is not None else open_shelf(progress=True)
    for name in chosen:
        if name not in FACETS:
            raise TypeError(f"no facet {name!r}{meant_or_all(name, FACETS)}")
    rows = [{key: value for key, value in record.items() if key != "text"} for record in records(shelf)]
    columns = ["paper", "title", "year", "language", "reader", "status", "mode", *COLUMNS.values(), "summary", "path"]
    table = pd.DataFrame(rows, columns=columns).astype({"year": "Int64"})
    for name, wanted in chosen.items():
        values = [wanted] if isinstance(wanted, str | int) else list(wanted)
        known = facets(table).loc[name].index if name in facets(table).index else pd.Index([])
        keys = {folded(value) for value in known}
        for value in values:
            if folded(value) not in keys:
                raise ValueError(f"no card among these has {name} {value!r}{meant_or_all(str(value), map(str, known))}")
        table = table[_fit(table[COLUMNS.get(name, name)], {folded(value) for value in values})]
    return _found(shelf, table, query) if query else table.reset_index(drop=True)


def facets(table: pd.DataFrame) -> pd.Series:
    """How many rows of a gallery have each value: a series of counts indexed by facet and value, the most frequent first."""
    counts: dict[tuple[str, str], int] = {}
    for name in FACETS:
        column = table[COLUMNS.get(name, name)]
        values = Counter(value for cell in column for value in (cell if isinstance(cell, tuple) else (cell,)))
        counts |= {
            (name, str(value)): times for value, times in values.most_common() if not pd.isna(value) and value != ""
        }
    index = pd.MultiIndex.from_tuples(counts, names=["facet", "value"]) if counts else None
    return pd.Series(list(counts.values()), index=index, name="cards", dtype="int64")


def records(shelf: Shelf) -> Iterator[dict[str, Any]]:
    """The rows of the gallery as plain data, with the `text` that a page searches; sorted by paper, papers alone last.

    `path` is the card's file in the library, `rich` a tuple where a row may have several values.
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
    """What the gallery needs of a card's text."""
    card = CardFile.parse(data, item.path)
    parts = [text for _, _, text in card_parts(card.about, card) if text]
    filled = dict.fromkeys(one.role for one in card.sections if one.role and one.text.strip())
    roles = [role for role in filled if role]
    texts = (card.role("what"), *(one.text for one in card.sections))
    first = next(filter(None, (plain_text(text, card.references) for text in texts)), "")
    return {"roles": roles, "summary": _short(first or card.about.goal), "text": " ".join(parts)[:LONGEST]}


def _short(text: str) -> str:
    return text if len(text) <= SUMMARY else text[: SUMMARY - 1].rstrip() + "…"


def _fit(column: pd.Series, wanted: set[str]) -> list[bool]:
    return [
        any(folded(value) in wanted for value in (cell if isinstance(cell, tuple) else (cell,)) if not pd.isna(value))
        for cell in column
    ]


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
