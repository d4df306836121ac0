"""Rules over the record of a paper: year, venue, arXiv number, DOI and id have to agree."""

import re
from collections import defaultdict
from collections.abc import Iterator

from labkit.survey.check.numbers.finding import Finding, Library, Place, Rule
from labkit.survey.publication.schema import Paper

_YEAR = re.compile(r"(?<!\d)((?:19|20)\d\d)(?!\d)")
_NUMBER = re.compile(r"^(\d\d)(0[1-9]|1[0-2])\.\d{4,5}(v\d+)?$")  # since 2007: year, month, count
_SHORT = re.compile(r"\b([A-Z][\w'’-]+(?: et al\.| and [A-Z][\w'’-]+)) \(?((?:19|20)\d\d)\b")


def years_apart(paper: Paper) -> Iterator[Finding]:
    """A year that the venue, the versions, the arXiv number, the DOI or the id contradict."""
    if paper.kind != "paper" or paper.year is None:
        return
    said = _year(paper.venue)
    if said and said != paper.year:
        yield _wrong(paper, ("year",), f"the year is {paper.year}, but the venue is {paper.venue}", f"write {said}")
    for place, version in enumerate(paper.versions):
        said = _year(version.venue)
        if said and said != version.year:
            yield _wrong(
                paper, ("versions", place, "year"), f"{version.venue} is dated {version.year}", f"write {said}"
            )
    if paper.versions and all(version.year != paper.year for version in paper.versions):
        dated = ", ".join(f"{version.venue}: {version.year}" for version in paper.versions)
        yield _wrong(paper, ("year",), f"the year is {paper.year}, but no version is of that year ({dated})")
    yield from _other_venue(paper)
    yield from _doi(paper)
    named = re.search(r"-((?:19|20)\d\d)(?:-|$)", paper.id)
    if named and int(named[1]) != paper.year:
        yield _wrong(paper, ("id",), f"the id says {named[1]}, and the year is {paper.year}")
    yield from _arxiv(paper)


def _other_venue(paper: Paper) -> Iterator[Finding]:
    """The venue that the paper is cited under is one of its versions."""
    if paper.versions and paper.venue not in {version.venue for version in paper.versions}:
        listed = ", ".join(dict.fromkeys(version.venue for version in paper.versions))
        yield _wrong(paper, ("venue",), f"the venue is {paper.venue}, but the versions are {listed}")


def _doi(paper: Paper) -> Iterator[Finding]:
    """A DOI with a conference and a year must have the paper's. Journals number theirs in another way."""
    found = re.search(r"/([A-Z]+)W?\.((?:19|20)\d\d)\.", paper.doi.id) if paper.doi else None
    if found:
        for venue in dict.fromkeys([paper.venue, *(version.venue for version in paper.versions)]):
            said = _year(venue)
            if said and venue.split()[0] == found[1] and said != int(found[2]):
                yield _wrong(paper, ("doi",), f"the DOI says {found[1]} {found[2]}, but the venue is {venue}")


def _arxiv(paper: Paper) -> Iterator[Finding]:
    """An arXiv number has the year in which the paper came to arXiv."""
    if not paper.arxiv:
        return
    number = _NUMBER.match(paper.arxiv.id)
    if not number:
        if not re.match(r"^[a-z-]+(\.[A-Z]{2})?/\d{7}(v\d+)?$", paper.arxiv.id):
            message = (
                f"{paper.arxiv.id!r} is not an arXiv number; one looks like 1711.09577: year and month, a dot, a count"
            )
            yield _wrong(paper, ("arxiv",), message)
        return
    year = 2000 + int(number[1])
    for place, version in enumerate(paper.versions):
        if version.venue.casefold().startswith("arxiv") and version.year != year:
            message = f"arXiv {paper.arxiv.id} is from {year}, but that version is dated {version.year}"
            yield _wrong(paper, ("versions", place, "year"), message, f"write {year}")
    if paper.year and paper.year < year:
        message = f"the paper is from {paper.year}, but its arXiv number is from {year} ({paper.arxiv.id})"
        yield Finding("year", "warning", paper.id, message, place=("arxiv",))


def cited_years(library: Library) -> Iterator[Finding]:
    """A source that cites a paper with a year in which the library has none by these authors."""
    years = defaultdict(set)
    for paper in library.papers.values():
        if paper.authors and paper.year:
            years[paper.short.removesuffix(f" {paper.year}")].add(paper.year)
    for rows in library.results.values():
        told = set()
        for row in rows:
            for name, year in _SHORT.findall(f"{row.source}; {row.note}"):
                if name in years and int(year) not in years[name] and (name, year) not in told:
                    told.add((name, year))
                    known = ", ".join(map(str, sorted(years[name])))
                    message = f"{name} {year} is not in the library; their papers there are from {known}"
                    yield Finding("cited-year", "warning", row.paper, message, (row,), suggestion=f"write {known}?")


def _year(text: str) -> int | None:
    found = _YEAR.search(text)
    return int(found[1]) if found else None


def _wrong(paper: Paper, place: Place, message: str, suggestion: str = "") -> Finding:
    return Finding("year", "error", paper.id, message, place=place, suggestion=suggestion)


YEAR_RULES = (Rule("year", "a year or venue that versions, arXiv number, DOI or id contradict", years_apart),)
CITED_YEAR_RULES = (Rule("cited-year", "a paper cited with the wrong year", cited_years),)
