"""A row split in two by a wrong label: the table is a grid, and each of two rows has the columns that the other lacks."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

from labkit.survey.check.numbers.finding import MEASURED, TRAINED, Finding, Rule, grouped, named
from labkit.survey.publication.schema import Result

COLUMN = (*MEASURED, "metric")  # the labels of a table's columns; the other labels are those of its rows
ROW = (*TRAINED, "source")
FEWEST, MOST = 5, 200  # rows of a paper's tables that are compared with each other


def torn(rows: Sequence[Result]) -> Iterator[Finding]:
    """Two rows that differ in one label, of which one has exactly the columns that the other lacks."""
    lines = grouped(rows, ROW)
    columns = {key: set(grouped(row, COLUMN)) for key, row in lines.items()}
    usual = _usual_columns(columns)
    partial = [key for key in lines if columns[key] < usual[key[-1]] or not columns[key] & usual[key[-1]]]
    for one, other in itertools.combinations(partial[:MOST], 2):
        differing = [name for name, a, b in zip(ROW, one, other, strict=True) if a != b]
        fits = columns[one] | columns[other] in (usual[one[-1]], usual[other[-1]])
        if len(differing) == 1 and fits and not columns[one] & columns[other]:
            rest, piece = sorted((lines[one], lines[other]), key=len, reverse=True)
            name = differing[0]
            message = (
                f"{named(piece[0])} ({piece[0].printed}) and {named(rest[0])} ({rest[0].printed}) would be one row of "
                f"{rest[0].source}, but {name} is {_said(piece[0], name)} in one and {_said(rest[0], name)} in the other"
            )
            yield Finding("torn-row", "warning", piece[0].paper, message, (*piece, *rest))


def _usual_columns(columns: dict[tuple[object, ...], set[tuple[object, ...]]]) -> dict[object, set[tuple[object, ...]]]:
    """The columns that more than half of a table's rows have; none for a table of few rows."""
    usual = {}
    for source in {key[-1] for key in columns}:
        own = [found for key, found in columns.items() if key[-1] == source]
        counts = Counter(itertools.chain.from_iterable(own))
        enough = len(own) >= FEWEST
        usual[source] = {column for column, count in counts.items() if enough and count > len(own) / 2}
    return usual


def _said(row: Result, name: str) -> str:
    value = getattr(row, name)
    return repr(value) if value not in ("", None) else "not said"


GRID_RULES = (Rule("torn-row", "one row split in two by a wrong label", torn),)
