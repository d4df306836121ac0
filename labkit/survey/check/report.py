"""The check: everything that is wrong in a folder of papers and cards, with file and line. A bad file does not stop it.

```
report = check()                    # or check("some/folder")
for problem in report.problems: print(problem)
report.errors                       # how many of them make the check fail
```

What is wrong with one file alone (`one_file`) is kept by its content. What files say of each other is compared here, and
the published numbers are proofread (`numbers`).
"""

import contextlib
import functools
import gc
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.names import nearest
from labkit.runs.notebook import NotebookError, find_notebook, read_cells
from labkit.survey.card.file import CardFile
from labkit.survey.card.links import Folders, Link, fault
from labkit.survey.check.numbers import Finding, Library, Shelved, proofread_library, proofread_paper
from labkit.survey.check.one_file import Look, look_at_card, look_at_paper, look_at_results, nothing, sparse
from labkit.survey.library import cache
from labkit.survey.library.deck_files import FOLDER, deck_problems
from labkit.survey.library.shelf import Item, Shelf, open_shelf
from labkit.survey.publication.problems import Problem, Severity, in_order
from labkit.survey.publication.schema_errors import line_of
from labkit.survey.publication.text_files import read_text
from labkit.survey.publication.yaml_files import parse_yaml


@dataclass(frozen=True)
class Report:
    """The problems, and how much was looked at. `stated` counts what must have a source, `unsure` what lacks one."""

    folder: Path
    problems: tuple[Problem, ...]
    papers: int
    cards: int
    numbers: int
    stated: int
    unsure: int

    @property
    def errors(self) -> int:
        """How many problems are errors: with one, the check fails."""
        return self.count("error")

    def count(self, severity: str) -> int:
        """How many problems are of this severity."""
        return sum(problem.severity == severity for problem in self.problems)

    def __str__(self) -> str:
        counts = ", ".join(_many(self.count(name), name) for name in ("error", "warning", "note"))
        share = f"{100 * self.unsure / self.stated:.1f} %" if self.stated else "none"
        of = f"unsure: {share} ({self.unsure} of {self.stated:,} numbers, ids and claims)"
        looked = f"{_many(self.papers, 'paper')}, {_many(self.cards, 'card')}, {_many(self.numbers, 'number')}"
        return f"{looked}: {counts}; {of}"


def check(folder: str | Path | None = None, *, notebooks: Path | None = None, progress: bool = False) -> Report:
    """Look at everything in a folder, by default the one that `labkit.survey` reads.

    `notebooks` is where claims find theirs, by default the course's. Raises `FileNotFoundError` for a folder that is
    not there; whatever is wrong inside it is a problem of the report.
    """
    with _uncollected():
        return _Check(open_shelf(folder, progress=progress), notebooks).report()


def check_card(card: CardFile, *, notebooks: Path | None = None) -> tuple[Problem, ...]:
    """What is wrong with one card, saved or about to be saved. The library around it is read for links."""
    shelf = open_shelf(card.path.absolute().parents[2])
    paper, name = card.path.absolute().parts[-3], card.path.name
    item = Item("card", shelf.folder / paper / "cards" / name, paper, "")
    look = look_at_card(item, bytes(card), card.about.model_dump_json(exclude_unset=True))
    return in_order(_Check(shelf, notebooks).of_card(item, look))


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Turn the garbage collector off: it would take a third of the time for a million small records without cycles."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


class _Check:
    """One run over a shelf."""

    def __init__(self, shelf: Shelf, notebooks: Path | None) -> None:
        self.shelf, self.notebooks = shelf, notebooks
        self.folders = Folders()

    def report(self) -> Report:
        """All problems, and the counts."""
        looks = [look for kind in (self.papers, self.results, self.cards) for _, look in kind]
        problems = [
            *self._unreadable(),
            *self._folders(),
            *self._decks(),
            *self._shared_numbers(),
            *self._numbers(),
            *self._proofread(),
        ]
        for item, look in (*self.papers, *self.results):
            problems += _told(item, look)
            problems += self._notebooks(item, look)
        for item, look in self.cards:
            problems += self.of_card(item, look)
        return Report(
            folder=self.shelf.folder,
            problems=in_order(problems),
            papers=len(self.papers),
            cards=len(self.cards),
            numbers=sum(look["stated"] for _, look in self.results),
            stated=sum(look["stated"] for look in looks),
            unsure=sum(look["unsure"] for look in looks),
        )

    def of_card(self, item: Item, look: Look) -> Iterator[Problem]:
        """What is wrong with a card itself and with its links to other files."""
        yield from _told(item, look)
        yield from self._notebooks(item, look)
        for place, paper, words in look["papers"]:
            if paper not in self.paper_ids:
                line = self._line(item, place)
                message = f"next: the library has no paper {paper!r} (“{words}”)"
                yield Problem(item.path, line, "error", "dead-link", message, _meant(paper, self.paper_ids))
        for place, claim, _ in look["disputes"]:
            claims = self.claims.get(item.paper, [])
            if claim not in claims:
                line = self._line(item, place)
                message = f"it disputes the claim {claim!r}, but {item.paper} has no such claim"
                yield Problem(item.path, line, "error", "dead-link", message, _meant(claim, claims))
        for raw in look["links"]:
            link = Link(*raw)
            wrong = fault(link, item.path, self.shelf.folder, self.folders)
            if wrong:
                # A review keeps the paths of where it was written, byte for byte.
                severity: Severity = "warning" if self._imported(item) and wrong.rule != "unsafe-link" else "error"
                yield Problem(item.path, link.line, severity, wrong.rule, wrong.message, wrong.suggestion)

    # What was read of each file, kept by content.

    @functools.cached_property
    def papers(self) -> list[tuple[Item, Look]]:
        """Every `paper.yaml` with what it tells."""
        return self._looks("look at papers", "paper", lambda item, data, read: look_at_paper(item, data, read["about"]))

    @functools.cached_property
    def results(self) -> list[tuple[Item, Look]]:
        """Every `results.csv` with what it tells."""
        return self._looks(
            "look at numbers", "results", lambda item, data, read: look_at_results(item, data, read["rows"])
        )

    @functools.cached_property
    def cards(self) -> list[tuple[Item, Look]]:
        """Every card with what it tells."""
        return self._looks("look at cards", "card", lambda item, data, read: look_at_card(item, data, read["about"]))

    def _looks(self, what: str, kind: Any, look: Any) -> list[tuple[Item, Look]]:
        items = self.shelf.items(kind)
        read = functools.cache(lambda: dict(self.shelf.read_items(kind)))

        def looked(item: Item, data: bytes) -> dict[str, Any]:
            found: Look = look(item, data, read()[item])
            errors = read()[item]["errors"]
            found["told"] = [*((line, "error", "schema", why, hint) for line, why, hint in errors), *found["told"]]
            return sparse(found)

        looks = self.shelf.remember(what, items, looked)
        # None stands for a file that vanished meanwhile.
        return [(item, nothing() | told) for item, told in zip(items, looks, strict=True) if told is not None]

    @functools.cached_property
    def paper_ids(self) -> frozenset[str]:
        """The folders that hold a `paper.yaml`, whether it can be read or not."""
        return frozenset(item.paper for item in self.shelf.items("paper"))

    @functools.cached_property
    def claims(self) -> dict[str, list[str]]:
        """The claims of each paper, by their ids."""
        return {item.paper: look["claims"] for item, look in self.papers}

    def _imported(self, item: Item) -> bool:
        return item.path in self._imported_cards

    @functools.cached_property
    def _imported_cards(self) -> frozenset[Path]:
        return frozenset(card.path for card in self.shelf.cards if card.about.imported)

    # Problems between several files.

    def _unreadable(self) -> Iterator[Problem]:
        for error in self.shelf.unreadable:
            yield Problem(error.path, error.line, "error", "unreadable", error.reason)

    def _folders(self) -> Iterator[Problem]:
        """Cards and numbers without their paper; ids that belong to another folder."""
        for item in self.shelf.all_items:
            if item.paper not in self.paper_ids:
                message = f"{item.paper}/paper.yaml is missing, so this file belongs to no paper"
                yield Problem(item.path, None, "error", "no-paper", message, _meant(item.paper, self.paper_ids))
        for item, look in self.papers:
            for line, _, _, message, _ in look["told"]:
                said = message.split("'")[1] if message.startswith("id is '") else ""
                if said in self.paper_ids:
                    twice = f"the id {said!r} is taken: {said}/paper.yaml has it"
                    yield Problem(item.path, line, "error", "duplicate-id", twice, f"write id: {item.paper}")

    def _decks(self) -> Iterator[Problem]:
        """The slides that several people make of one paper."""
        for paper in sorted(self.paper_ids):
            yield from deck_problems(self.shelf.folder / paper / FOLDER)

    def _shared_numbers(self) -> Iterator[Problem]:
        """Two papers that say they have one arXiv number, DOI or OpenAlex id."""
        owners: dict[tuple[str, str], list[tuple[Item, Any]]] = defaultdict(list)
        for item, look in self.papers:
            for place, register, number in look["numbers"]:
                bare = number.casefold().removeprefix("https://doi.org/").removeprefix("https://openalex.org/")
                owners[register, bare.partition("v")[0] if register == "arxiv" else bare].append((item, place))
        for (register, number), places in owners.items():
            for item, place in places if len(places) > 1 else ():
                line = self._line(item, place)
                others = ", ".join(other.paper for other, _ in places if other.paper != item.paper)
                message = (
                    f"{register} {number} also belongs to {others}: one paper is here twice, or the number is wrong"
                )
                yield Problem(item.path, line, "error", "duplicate-id", message)

    def _numbers(self) -> Iterator[Problem]:
        """Papers without a published number that do not say why, in a library where others do."""
        papers = self.shelf.papers
        silent = [one for one in papers.values() if one.kind == "paper" and not one.missing]
        for item in self.shelf.items("paper") if len(silent) < len(papers) else ():
            if papers.get(item.paper) in silent and not self.shelf.results.get(item.paper):
                message = "results.csv has no numbers, and the paper does not say why"
                yield Problem(item.path, None, "note", "no-numbers", message, "add `missing: which, and why`")

    def _notebooks(self, item: Item, look: Look) -> Iterator[Problem]:
        for place, notebook, cell in look["notebooks"]:
            wrong = self._missing(notebook, cell)
            if wrong:
                yield Problem(item.path, self._line(item, place), "error", "dead-link", *wrong)

    @functools.cache  # noqa: B019 (a check lives for one run)
    def _missing(self, notebook: str, cell: str) -> tuple[str, str] | None:
        """What is wrong with a notebook or a cell that a claim names."""
        try:
            path = find_notebook(notebook, self.notebooks)
            cells = read_cells(path)
        except NotebookError as error:
            return str(error), ""
        names = {str(one.get("id", "")) for one in cells}
        names |= {tag for one in cells for tag in one.get("metadata", {}).get("tags", [])}
        if cell and cell not in names:
            return f"the notebook {path.stem} has no cell {cell!r}", _meant(cell, names)
        return None

    # Problems in published numbers.

    def _proofread(self) -> Iterator[Problem]:
        digests = {item.paper: item.digest for item in self.shelf.items("results")}
        pairs = [
            Item("paper", item.path, item.paper, cache.digest(f"{item.digest} {digests.get(item.paper)}".encode()))
            for item in self.shelf.items("paper")
        ]

        def one_paper(item: Item, data: bytes) -> list[Any]:
            paper = self.shelf.papers.get(item.paper)
            return self._placed(proofread_paper(paper, self.shelf.results.get(item.paper, ()))) if paper else []

        def whole_library(item: Item, data: bytes) -> list[Any]:
            return self._placed(proofread_library(self._library()))

        found = self.shelf.remember("proofread papers", pairs, one_paper)
        checked = [item.digest for item, look in self.cards if look["checks"]]
        everything = cache.digest(
            *(f"{pair.paper} {pair.digest}".encode() for pair in pairs), *map(str.encode, checked)
        )
        whole = [Item("paper", pairs[0].path, "", everything)] if pairs else []
        found += self.shelf.remember("proofread library", whole, whole_library)
        for file, line, severity, rule, message, suggestion in (row for rows in found if rows for row in rows):
            yield Problem(self.shelf.folder / file, line, severity, rule, message, suggestion)

    def _library(self) -> Library:
        checked = {item.path for item, look in self.cards if look["checks"]}
        cards = [card for card in self.shelf.cards if card.path in checked]
        files = [Shelved(card.path.relative_to(self.shelf.folder).as_posix(), card.paper, card.about) for card in cards]
        return Library(self.shelf.papers, self.shelf.results, files)

    def _placed(self, findings: Iterable[Finding]) -> list[Any]:
        """Findings with the file and the line that they are about."""
        placed = []
        for one in findings:
            if one.place:
                file = one.card or f"{one.paper}/paper.yaml"
                line = line_of(one.place, self._lines(file))
            else:
                file, line = f"{one.rows[0].paper}/results.csv", one.rows[0].line
            placed.append((file, line, one.severity, one.rule, one.message, one.suggestion))
        return placed

    def _line(self, item: Item, place: Iterable[str | int]) -> int | None:
        return line_of(tuple(place), self._lines(item.path.relative_to(self.shelf.folder).as_posix()))

    @functools.cache  # noqa: B019
    def _lines(self, file: str) -> dict[Any, int]:
        path = self.shelf.folder / file
        if path.suffix == ".md":
            return CardFile.parse(path.read_bytes(), path).lines
        return parse_yaml(path, read_text(path))[1]


def _told(item: Item, look: Look) -> Iterator[Problem]:
    for line, severity, rule, message, suggestion in look["told"]:
        yield Problem(item.path, line, severity, rule, message, suggestion)  # type: ignore[arg-type]


def _meant(name: str, known: Iterable[str]) -> str:
    near = nearest(name, known)
    return f"did you mean {near}?" if near else ""


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
