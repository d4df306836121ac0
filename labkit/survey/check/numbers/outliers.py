"""A number far from the line on which the other rows of its table lie: most often a digit misread.

Two columns of one table, such as accuracies on two datasets, rise and fall together. A robust line (the median of all
slopes, Theil and Sen) is laid through the rows; a row is an outlier where it lies beyond six robust standard
deviations and more than five points from it. A misread tens digit is ten points or more; what stays below cannot be
told from a network that is simply better on one dataset.
"""

import itertools
import statistics
from collections.abc import Iterator, Sequence

from labkit.survey.check.numbers.finding import LABELS, Finding, Rule, grouped, named, number
from labkit.survey.publication.schema import Result

FEWEST, MOST = 6, 60  # rows of a table, to fit a line through them
SIGMAS, POINTS = 6.0, 5.0
COLUMN = ("dataset", "split", "metric")
# Pairs of digits that scans and people mix up.
CONFUSED = {
    frozenset(pair) for pair in ("08", "06", "09", "17", "14", "27", "38", "35", "56", "58", "59", "49", "68", "89")
}


def apart(rows: Sequence[Result]) -> Iterator[Finding]:
    """Rows that lie far from the line of their table."""
    free = tuple(name for name in LABELS if name not in COLUMN)
    for table in grouped((row for row in rows if row.unit == "%" and row.status != "unsure"), ("source",)).values():
        columns = list(grouped(table, COLUMN).values())
        for left, right in itertools.combinations([column for column in columns if len(column) >= FEWEST], 2):
            by_row = grouped(right, free)
            pairs = [(one, by_row[key][0]) for key, (one, *_) in grouped(left, free).items() if key in by_row]
            if FEWEST <= len(pairs) <= MOST:
                yield from _outliers(pairs)


def _outliers(pairs: list[tuple[Result, Result]]) -> Iterator[Finding]:
    slopes = [
        (b[1].value - a[1].value) / (b[0].value - a[0].value)
        for a, b in itertools.combinations(pairs, 2)
        if b[0].value != a[0].value
    ]
    if not slopes:
        return
    slope = statistics.median(slopes)
    offset = statistics.median(right.value - slope * left.value for left, right in pairs)
    off = [right.value - (slope * left.value + offset) for left, right in pairs]
    limit = max(SIGMAS * 1.4826 * statistics.median(map(abs, off)), POINTS)
    for place, ((left, right), residual) in enumerate(zip(pairs, off, strict=True)):
        others = pairs[:place] + pairs[place + 1 :]
        expected = {}
        # The line is not valid beyond the other rows.
        if _within(left, [one for one, _ in others]) and abs(residual) > limit:
            expected[right.line] = slope * left.value + offset
        if slope and _within(right, [one for _, one in others]) and abs(residual / slope) > limit / min(abs(slope), 1):
            expected[left.line] = (right.value - offset) / slope
        if expected:
            yield _told(left, right, expected, limit)


def _within(row: Result, others: Sequence[Result]) -> bool:
    return min(one.value for one in others) <= row.value <= max(one.value for one in others)


def _told(left: Result, right: Result, expected: dict[int, float], limit: float) -> Finding:
    wanted = " and ".join(
        f"{number(round(expected[row.line], 1))} beside {other.printed}"
        for row, other in ((left, right), (right, left))
        if row.line in expected
    )
    message = (
        f"{named(left)}: {left.printed} beside {right.printed} on {right.dataset}, {right.metric}, lies far from the "
        f"other rows of {left.source}; they suggest {wanted}"
    )
    hints = []
    for row in (left, right):
        if row.line in expected:
            for other in misreadings(row.printed):
                if abs(float(other) - expected[row.line]) < limit:
                    hints.append(f"{other} read as {row.printed}?")
    return Finding("outlier", "warning", left.paper, message, (left, right), suggestion=" or ".join(hints[:2]))


def misreadings(printed: str) -> list[str]:
    """What a number may have been before one digit was taken for another, or two were swapped."""
    found = []
    for place, digit in enumerate(printed):
        if digit.isdigit():
            found += [
                printed[:place] + other + printed[place + 1 :]
                for other in "0123456789"
                if frozenset(digit + other) in CONFUSED
            ]
            after = printed[place + 1 : place + 2]
            if after.isdigit() and after != digit:
                found.append(printed[:place] + after + digit + printed[place + 2 :])
    return found


OUTLIER_RULES = (Rule("outlier", "a number far from the line of its table, such as a digit misread", apart),)
