"""Full-text search in four languages: titles, abstracts, keywords and the sections of cards, ranked, with the place marked.

```
search("動画 認識")                        # hits, the best first; in a notebook a list with the words marked
search("overfit", language="ja", role="results")
index = open_index(shelf)                  # for many questions
```

`card.words` cuts the text; SQLite's FTS5 holds the terms. The index lies in labkit's cache folder, one file per library;
only files that changed are indexed again.
"""

import contextlib
import html
import json
import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.bars import tqdm
from labkit.cache import cache_folder
from labkit.names import meant_or_all
from labkit.survey.card.file import CardFile
from labkit.survey.card.formats import ROLES
from labkit.survey.card.markup import shown_text
from labkit.survey.card.schema import LANGUAGES
from labkit.survey.card.words import Wanted, asked, terms
from labkit.survey.library import cache
from labkit.survey.library.shelf import Item, Shelf, open_shelf
from labkit.survey.publication.problems import STEERING
from labkit.survey.publication.schema import Paper
from labkit.survey.search.snippets import Part, snippet

FIELDS = ("title", "claims", "questions", *ROLES, "other")  # columns of the index; a section counts for its role
WEIGHTS = {"title": 8.0, "keywords": 4.0, "what": 2.0, "claims": 2.0}  # others 1
KINDS = ("paper", "card")


@dataclass(frozen=True)
class Hit:
    """A paper or a card that fits, and its best place: `snippet`, with `marks` where the words stand in it."""

    kind: str
    paper: str
    title: str  # of the paper
    path: Path
    language: str  # of the card; empty for a paper
    reader: str
    field: str
    heading: str
    snippet: str
    marks: tuple[tuple[int, int], ...]
    score: float  # larger is better

    @property
    def where(self) -> str:
        """In words: whose card, which section."""
        card = f"card {self.language}, {self.reader}" if self.kind == "card" else "paper"
        return f"{card}, {self.heading or self.field}"

    def marked(self, before: str = "[", after: str = "]") -> str:
        """The snippet with signs around what was found."""
        return "".join(f"{before}{text}{after}" if hit else text for text, hit in self._pieces())

    def _pieces(self) -> Iterator[tuple[str, bool]]:
        at = 0
        for start, end in self.marks:
            yield self.snippet[at:start], False
            yield self.snippet[start:end], True
            at = end
        yield self.snippet[at:], False

    def _repr_html_(self) -> str:
        e = html.escape
        words = "".join(f"<mark>{e(text)}</mark>" if hit else e(text) for text, hit in self._pieces())
        return f"<div><strong>{e(self.title)}</strong> <small>{e(self.where)}</small><br>{words}</div>"


class Hits(tuple[Hit, ...]):
    """Hits in order; in a notebook a list."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        shown = "".join(f"<li>{hit._repr_html_()}</li>" for hit in self)
        return f"<ol>{shown}</ol>" if shown else "<p>Nothing was found.</p>"


def search(question: str, *, shelf: Shelf | None = None, **filters: Any) -> Hits:
    """The papers and cards that fit a question, the best first. Filters as for `Index.search`."""
    with contextlib.closing(open_index(shelf)) as index:
        return index.search(question, **filters)


def open_index(shelf: Shelf | None = None) -> "Index":
    """The index of a library, brought up to date with it."""
    return Index(shelf if shelf is not None else open_shelf(progress=True))


class Index:
    """The terms of a library. Close it, or use `contextlib.closing`."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.place: Path | None = None  # its file; None where it is in memory
        try:
            self.place = _place(shelf.folder)
            self._connection = _opened(self.place)
            self._bring_up_to_date()
        except (OSError, sqlite3.Error) as error:  # read-only or broken: it works without a file as well
            if (
                self.place
                and isinstance(error, sqlite3.DatabaseError)
                and not isinstance(error, sqlite3.OperationalError)
            ):
                with contextlib.suppress(OSError):
                    self.place.unlink()
            self.place = None
            self._connection = _opened(":memory:")
            self._bring_up_to_date()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def search(
        self, question: str, *, kind: str = "", language: str = "", role: str = "", reader: str = "", limit: int = 20
    ) -> Hits:
        """Papers and cards with all words of a question, else with any of them. "Quoted words" must follow each other.

        `kind` is paper or card; `role` a section's role, or title, claims, questions. Raises `ValueError` for a
        question without a word and for a filter that is unknown.
        """
        wanted = asked(question)
        if not wanted:
            raise ValueError(f"{question!r} has no word to search for")
        for name, value, known in (("kind", kind, KINDS), ("language", language, LANGUAGES), ("role", role, FIELDS)):
            if value and value not in known:
                raise ValueError(f"no {name} {value!r}{meant_or_all(value, known)}")
        readers = {card.about.reader for card in self.shelf.cards} if reader else {reader}
        if reader not in readers:
            raise ValueError(f"no card of a reader {reader!r}{meant_or_all(reader, sorted(readers))}")
        if limit < 1:
            raise ValueError(f"limit is {limit}; ask for at least one hit")
        filters = {"kind": kind, "language": language, "reader": reader}
        rows = self._matching(wanted, " AND ", role, filters, limit)
        if not rows and len(wanted) > 1:
            rows = self._matching(wanted, " OR ", role, filters, limit)
        return Hits(self._hit(row, wanted, role) for row in rows)

    def _matching(
        self, wanted: Sequence[Wanted], joined: str, role: str, filters: dict[str, str], limit: int
    ) -> list[Any]:
        phrases = [f'"{" ".join(one.terms)}"{" *" if one.open_end else ""}' for one in wanted]
        match = joined.join(phrases)
        match = f"{{{role}}} : ({match})" if role else match
        given = {name: value for name, value in filters.items() if value}
        narrowed = "".join(f" AND entries.{name} = ?" for name in given)
        weights = ", ".join(str(WEIGHTS.get(field, 1.0)) for field in FIELDS)
        question = (
            "SELECT entries.kind, paper, name, language, reader, parts, bm25(terms, " + weights + ") AS score"  # noqa: S608 (the names are columns of ours; values go in by `?`)
            " FROM terms JOIN entries ON entries.id = terms.rowid WHERE terms MATCH ?"
            + narrowed
            + " ORDER BY score LIMIT ?"
        )
        return self._connection.execute(question, (match, *given.values(), limit)).fetchall()

    def _hit(self, row: Any, wanted: Sequence[Wanted], role: str) -> Hit:
        kind, paper, name, language, reader, parts, score = row
        own = [part for part in json.loads(parts) if not role or part[0] == role]
        best = snippet(own, wanted)
        known = self.shelf.papers.get(paper)
        path = self.shelf.folder / paper / name
        title = known.title if known else paper
        return Hit(kind, paper, title, path, language, reader, *best, -score)

    def _bring_up_to_date(self) -> None:
        connection, shelf = self._connection, self.shelf
        found = connection.execute("SELECT value FROM about WHERE name = 'digest'").fetchone()
        if found and found[0] == shelf.digest:
            return
        here = {_key(item): item for item in (*shelf.items("paper"), *shelf.items("card"))}
        with connection:
            known = {key for (key,) in connection.execute("SELECT key FROM entries")}
            connection.executemany("DELETE FROM entries WHERE key = ?", [(key,) for key in known - here.keys()])
            terms_kept = connection.execute("SELECT count(*) FROM terms").fetchone()[0]
            if terms_kept > 1000 and terms_kept > 2 * len(known & here.keys()):
                known = set()  # most terms belong to deleted files
                connection.execute("DELETE FROM entries")
                connection.execute("INSERT INTO terms (terms) VALUES ('delete-all')")
            self._add({key for key in here if key not in known})
            connection.execute("INSERT OR REPLACE INTO about VALUES ('digest', ?)", (shelf.digest,))

    def _add(self, missing: set[str]) -> None:
        quiet = not self.shelf.progress or len(missing) < 100
        entries = tqdm(_entries(self.shelf, missing), desc="index", total=len(missing), disable=quiet, leave=False)
        for about, parts in entries:
            texts = dict.fromkeys(FIELDS, "")
            for field, heading, text in parts:
                # A term between two parts keeps phrases from reaching over.
                texts[field] += " ".join(term.text for term in terms(f"{heading} {text}")) + " ␞ "
            written = json.dumps(parts, ensure_ascii=False)
            cursor = self._connection.execute(
                "INSERT INTO entries (key, kind, paper, name, language, reader, parts) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*about, written),
            )
            columns, marks = ", ".join(f'"{field}"' for field in FIELDS), ", ".join("?" * len(FIELDS))
            self._connection.execute(
                f"INSERT INTO terms (rowid, {columns}) VALUES (?, {marks})",  # noqa: S608 (the names are columns of ours; values go in by `?`)
                (cursor.lastrowid, *texts.values()),
            )


def _place(folder: Path) -> Path:
    """The index's file; of those that other versions of the code made of the same library, only the latest stay."""
    name = cache.digest(str(folder).encode())[:12]
    place = cache_folder("survey") / f"search-{name}-{cache.version()}.sqlite"
    cache.remove_old(place, f"search-{name}-*.sqlite")
    return place


def _opened(place: str | Path) -> sqlite3.Connection:
    connection = sqlite3.connect(place, timeout=30)
    columns = ", ".join(f'"{field}"' for field in FIELDS)
    try:
        # Nothing in it is the only copy: a file that a crash leaves broken is made again.
        connection.executescript(f"""
            PRAGMA synchronous = OFF;
            CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT);
            CREATE TABLE IF NOT EXISTS entries (id INTEGER PRIMARY KEY, key TEXT UNIQUE, kind TEXT, paper TEXT,
                name TEXT, language TEXT, reader TEXT, parts TEXT);
            CREATE VIRTUAL TABLE IF NOT EXISTS terms USING fts5({columns}, content='', tokenize='ascii');
        """)
    except BaseException:
        connection.close()
        raise
    return connection


def _key(item: Item) -> str:
    return f"{item.digest} {item.paper}/{item.path.name}"


def _entries(shelf: Shelf, wanted: set[str]) -> Iterator[tuple[tuple[str, ...], list[Part]]]:
    """What the index keeps of each file that can be read: its key, kind, paper, name, language and reader, and its text."""
    for item in shelf.items("paper"):
        if _key(item) in wanted and item.paper in shelf.papers:
            parts = _paper_parts(shelf.papers[item.paper])
            yield (_key(item), "paper", item.paper, item.path.name, "", ""), _composed(parts)
    for card in shelf.cards:
        if _key(card.item) not in wanted:
            continue
        with contextlib.suppress(OSError, ValueError):
            parts = card_parts(card.about, card.read())
            name = card.path.relative_to(shelf.folder / card.paper).as_posix()
            about = card.about
            yield (_key(card.item), "card", card.paper, name, about.language, about.reader), _composed(parts)


def _composed(parts: Iterable[Part]) -> list[Part]:
    composed = ((field, *(unicodedata.normalize("NFC", one) for one in said)) for field, *said in parts)
    # Control characters are left out of the text: a terminal shows the hits.
    return [
        (field, STEERING.sub(" ", heading), STEERING.sub(" ", text))
        for field, heading, text in composed
        if text.strip()
    ]


def _paper_parts(paper: Paper) -> Iterator[Part]:
    yield "title", "", " · ".join([*(title.text for title in paper.titles.values()), *paper.aliases])
    yield "keywords", "keywords", ", ".join(paper.keywords)
    for language, abstract in paper.abstracts.items():
        yield "what", f"abstract, {language}", abstract.text
    yield "claims", "claims", " ".join(claim.text for claim in paper.claims)
    yield (
        "other",
        "errata",
        " ".join(f"{one.where}: {one.printed}; {one.correct}. {one.evidence}" for one in paper.errata),
    )
    numbers = [one.id for one in (paper.arxiv, paper.doi) if one]
    authors = paper.byline
    yield "other", "published", " · ".join([authors, paper.venue, str(paper.year or ""), paper.id, *numbers])


def card_parts(about: Any, card: CardFile) -> Iterator[Part]:
    """The searched parts of a card: field, heading and plain text, for the front matter and every section."""
    yield "keywords", "keywords", ", ".join(about.keywords)
    yield "other", "goal", about.goal
    yield "claims", "claims", " ".join(f"{claim.text} {claim.evidence}".strip() for claim in about.claims)
    yield "questions", "open questions", " ".join(question.text for question in about.questions)
    yield "next", "next", " · ".join(one.text for one in about.next)
    for section in card.sections:
        yield section.role or "other", section.heading, plain_text(section.text, card.references)


def plain_text(markdown: str, references: Mapping[str, Any] | None = None) -> str:
    """What a page shows of the Markdown, on one line and without comments. `references`: links defined elsewhere."""
    return shown_text(re.sub(r"<!--.*?-->", " ", markdown, flags=re.DOTALL), references)
