"""Rules over the whole library: one measurement has one value, wherever it is printed or quoted."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from labkit.survey.check.numbers.finding import Finding, Library, Rule, label, named
from labkit.survey.check.numbers.outliers import misreadings
from labkit.survey.check.numbers.rows import as_corrected
from labkit.survey.publication.schema import Result

SAME = ("model", "variant", "dataset", "metric", "unit")
MORE = ("dataset_copy", "split", "level", "frames", "input", "pretraining", "protocol")  # may be left unsaid
_QUOTED = re.compile(r"^(?P<short>.+ \d{4}), (?P<table>.+)$")


def two_values(library: Library) -> Iterator[Finding]:
    """The same model on the same thing with two values in two tables, of one paper or of two.

    A row that says less must agree with one of those that say more. Tables of one paper word the protocol differently,
    so there it counts only where it decides between several rows.
    """
    by_name: dict[tuple[object, ...], list[Result]] = defaultdict(list)
    for rows in library.results.values():
        for row in as_corrected(rows):
            if row.model and not _QUOTED.match(row.source):
                by_name[label(row, SAME)].append(row)
    for same in by_name.values():
        seen = set()
        for row in same:
            for peers in _peers(row, same):
                if all(peer.value != row.value for peer in peers):
                    finding = _differing(row, peers)
                    if finding.lines not in seen:
                        seen.add(finding.lines)
                        yield finding


def _peers(row: Result, same: Sequence[Result]) -> Iterator[list[Result]]:
    """Rows that measure what this row measures: of each other table of its paper, and of each other paper."""
    places: dict[tuple[str, ...], list[Result]] = defaultdict(list)
    for other in same:
        if other.paper != row.paper:
            if _says_more(other, row, MORE):
                places[other.paper,].append(other)
        elif other.source != row.source and _says_more(other, row, MORE[:-1]):
            places[other.paper, other.source].append(other)
    for place, peers in places.items():
        alike = [peer for peer in peers if peer.protocol == row.protocol or not (peer.protocol and row.protocol)]
        if alike or len(peers) == 1 or len(place) == 1:
            yield alike or peers


def _says_more(other: Result, row: Result, names: Sequence[str]) -> bool:
    """Whether another row says everything that this one says, and perhaps more."""
    return all(getattr(row, name) in ("", None, getattr(other, name)) for name in names)


def _differing(row: Result, peers: list[Result]) -> Finding:
    where = " and ".join(dict.fromkeys(f"{p.printed} in {_place(p, row)}" for p in peers))
    slip = next((peer.printed for peer in peers if peer.printed in misreadings(row.printed)), "")
    hint = f"{slip} read as {row.printed}, or the other way round?" if slip else ""
    message = f"{named(row)}: {row.printed} in {row.source}, but {where}"
    return Finding("two-values", "warning", row.paper, message, (row, *peers), suggestion=hint)


def _place(row: Result, beside: Result) -> str:
    return row.source if row.paper == beside.paper else f"{row.cited_as or row.paper}, {row.source}"


def misquoted(library: Library) -> Iterator[Finding]:
    """A number that is quoted from another paper's table, which prints another or has no such row."""
    by_short = defaultdict(list)
    for paper in library.papers.values():
        by_short[paper.short].append(paper.id)
    for rows in library.results.values():
        for row in rows:
            found = _QUOTED.match(row.source)
            if not found or found["short"] not in by_short:
                continue
            table = [r for name in by_short[found["short"]] for r in library.results.get(name, ())]
            near = [r for r in table if r.source == found["table"] and label(r, SAME) == label(row, SAME)]
            alike = [r for r in near if all(_agree(r, row, name) for name in MORE)]
            if any(r.value == row.value for r in alike):
                continue
            yield _misquoted(row, alike or near)


def _agree(one: Result, other: Result, name: str) -> bool:
    a, b = getattr(one, name), getattr(other, name)
    return a == b or a in ("", None) or b in ("", None)


def _misquoted(row: Result, near: list[Result]) -> Finding:
    if not near:
        message = f"{named(row)}: {row.source} has no such row"
        return Finding("quoted", "error", row.paper, message, (row,))
    printed = ", ".join(f"{r.printed} ({named(r)})" for r in near[:4])
    message = f"{named(row)}: quoted as {row.printed}, but {row.source} prints {printed}"
    hint = f"write {near[0].printed}" if len(near) == 1 else ""
    return Finding("quoted", "error", row.paper, message, (row, *near), suggestion=hint)


SAME_RULES = (
    Rule("two-values", "the same model with two values in two tables or papers", two_values),
    Rule("quoted", "a quoted number that differs from its table", misquoted),
)
