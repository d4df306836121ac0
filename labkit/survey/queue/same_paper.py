"""Says whether two papers are the same: by a number, or by title, year and first author. The title alone is not enough.

Two "Editorial"s of two years are two papers. Whatever is decided comes with its reason, for the reader to see.
"""

from collections import defaultdict
from collections.abc import Iterable, Set
from typing import NamedTuple

from labkit.survey.publication.schema import Paper
from labkit.survey.queue.lists import Queued
from labkit.survey.queue.people import first_family
from labkit.survey.queue.references import ARXIV, Names, compared


class Known(NamedTuple):
    """What is known of a paper that another is compared with. What is not known is empty and speaks against nothing."""

    id: str
    titles: tuple[str, ...]  # in all languages
    years: frozenset[str]
    family: str  # of the first author
    numbers: frozenset[str]  # "arXiv 1711.09577", "DOI 10.1109/…"

    @classmethod
    def queued(cls, one: Queued) -> "Known":
        """A paper of a list or a queue."""
        years = [one.year, _arxiv_year(one.arxiv)]
        return cls(
            one.id, (one.title,), frozenset(years) - {""}, first_family(one.authors), _numbers(one.arxiv, one.doi)
        )

    @classmethod
    def shelved(cls, paper: Paper) -> "Known":
        """A paper of the library: of the year of any of its versions."""
        arxiv = paper.arxiv.id if paper.arxiv else ""
        years = [str(paper.year or ""), *(str(one.year) for one in paper.versions), _arxiv_year(arxiv)]
        numbers = _numbers(arxiv, paper.doi.id if paper.doi else "")
        titles = tuple(title.text for title in paper.titles.values())
        return cls(paper.id, titles, frozenset(years) - {""}, paper.authors[0].family if paper.authors else "", numbers)


class Verdict(NamedTuple):
    """`same` is whether two are one paper, `why` what speaks for it or against it."""

    same: bool
    why: str


def compare(one: Known, other: Known) -> Verdict:
    """Whether two papers are the same. They must share a number or a title."""
    titles = [title for title in other.titles if compared(title) in set(map(compared, one.titles))]
    apart = _apart(one, other)
    shared = sorted(one.numbers & other.numbers)
    if shared and titles:
        return Verdict(True, f"the same {shared[0]}")
    if shared and "another first author" in apart:
        return Verdict(False, f"the same {shared[0]}, but another title and first author, so one number may be wrong")
    if shared:
        return Verdict(True, f"the same {shared[0]}, though its title is {other.titles[0]!r}")
    if apart:
        return Verdict(False, f"the same title, but {' and '.join(apart)}")
    given = ["year"] * bool(one.years and other.years) + ["first author"] * bool(one.family and other.family)
    return Verdict(True, f"the same {' and '.join(['title', *given])}")


def _apart(one: Known, other: Known) -> list[str]:
    """The fields that both have, with different values."""
    ours, theirs = ({number for number in side.numbers if number.startswith("arXiv")} for side in (one, other))
    apart: list[tuple[str, Set[str], Set[str]]] = [
        ("another year", one.years, other.years),
        ("another first author", {compared(one.family)} - {""}, {compared(other.family)} - {""}),
        ("another arXiv number", ours, theirs),
    ]
    return [words for words, left, right in apart if left and right and not left & right]


def _arxiv_year(number: str) -> str:
    """When it came to arXiv: a preprint is mostly of the year before."""
    return f"20{number[:2]}" if ARXIV.fullmatch(number) else ""


def _numbers(arxiv: str, doi: str) -> frozenset[str]:
    # An arXiv number has versions, and a DOI has no case.
    both = [f"arXiv {arxiv.partition('v')[0]}"] * bool(arxiv) + [f"DOI {doi.casefold()}"] * bool(doi)
    return frozenset(both)


class Shelf:
    """Papers that others are compared with, by what they may have in common."""

    def __init__(self, papers: Iterable[Known] = ()) -> None:
        self._by: dict[str, list[Known]] = defaultdict(list)
        for paper in papers:
            self.add(paper)

    def add(self, paper: Known) -> None:
        """From now on others are compared with this one too."""
        for name in {*paper.numbers, *map(compared, paper.titles)}:
            self._by[name].append(paper)

    def verdicts(self, paper: Known) -> list[tuple[Known, Verdict]]:
        """Those with a number or a title in common, and what they are; those that are the same first."""
        names = [*paper.numbers, *map(compared, paper.titles)]
        near = {other.id: other for name in names for other in self._by.get(name, ())}
        return sorted(((other, compare(paper, other)) for other in near.values()), key=lambda pair: not pair[1].same)


def shelf_of(names: Names) -> Shelf:
    """The library's papers."""
    return Shelf(Known.shelved(paper) for paper in names.papers.values())
