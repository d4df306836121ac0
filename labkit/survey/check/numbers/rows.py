"""Rules over the numbers of one table: what arithmetic and the meaning of the columns allow."""

import re
from collections.abc import Iterator, Sequence

from labkit.survey.check.numbers.finding import LABELS, Finding, Rule, grouped, label, named, number
from labkit.survey.publication.schema import Result
from labkit.survey.publication.statements import half_unit

TABLE = (*LABELS, "source")  # the labels that top-1, top-5 and average of one row share


def outside_percent(rows: Sequence[Result]) -> Iterator[Finding]:
    """A percentage below 0 or above 100."""
    for row in rows:
        if row.unit == "%" and not 0 <= row.value <= 100:
            yield Finding(
                "percent-range", "error", row.paper, f"{named(row)}: {row.printed} % is outside 0 to 100", (row,)
            )


def wrong_average(rows: Sequence[Result]) -> Iterator[Finding]:
    """An average that is not the mean of top-1 and top-5, beyond what rounding of the three can do."""
    for top1, top5, average in _together(rows, "top-1", "top-5", "average"):
        mean = (top1.value + top5.value) / 2
        allowed = half_unit(average.printed) + (half_unit(top1.printed) + half_unit(top5.printed)) / 2
        if abs(mean - average.value) > allowed + 1e-9:
            message = (
                f"{named(average)}: the average is printed as {average.printed}, but the mean of {top1.printed} and "
                f"{top5.printed} is {number(mean)}; one of the three is wrong"
            )
            yield Finding("average", "error", average.paper, message, (average, top1, top5))


def top5_below_top1(rows: Sequence[Result]) -> Iterator[Finding]:
    """A top-5 accuracy below the top-1, which it contains."""
    for top1, top5 in _together(rows, "top-1", "top-5"):
        if top5.value < top1.value:
            message = f"{named(top5)}: {top5.printed} is below its top-1, {top1.printed}"
            yield Finding("top5-below-top1", "error", top5.paper, message, (top5, top1))


def said_twice(rows: Sequence[Result]) -> Iterator[Finding]:
    """Two numbers under the same labels in one table."""
    for same in grouped(rows, (*TABLE, "metric")).values():
        if len(same) > 1:
            values = " and ".join(dict.fromkeys(row.printed for row in same))
            message = f"{named(same[0])}: {same[0].source} has {len(same)} rows with the same labels ({values})"
            yield Finding("twice-in-a-table", "error", same[0].paper, message, tuple(same))


def worse_with_both(rows: Sequence[Result]) -> Iterator[Finding]:
    """Two streams together that are less accurate than one of them alone."""
    free = tuple(name for name in (*TABLE, "metric") if name != "input")
    for same in grouped((row for row in rows if row.unit == "%"), free).values():
        by_input = {row.input: row for row in same}
        both = by_input.get("RGB + flow")
        for single in (by_input.get("RGB"), by_input.get("flow")):
            if both and single and both.value < single.value:
                message = (
                    f"{named(both)}: {both.printed} is below the {single.printed} of {single.input} alone, "
                    "which is rare"
                )
                yield Finding("worse-with-both", "warning", both.paper, message, (both, single))


def other_count_of_classes(rows: Sequence[Result]) -> Iterator[Finding]:
    """A dataset whose name ends in another number of classes than its row says."""
    for row in rows:
        ending = re.search(r"[A-Za-z]-?(\d{2,4})$", row.dataset)
        if row.metric == "classes" and ending and float(ending[1]) != row.value:
            message = f"{row.dataset} has {ending[1]} classes in its name, but {row.printed} in this row"
            yield Finding("classes", "warning", row.paper, message, (row,))


def _together(rows: Sequence[Result], *metrics: str) -> Iterator[tuple[Result, ...]]:
    """Rows of these metrics that stand beside each other in one table."""
    wanted = [row for row in rows if row.metric in metrics and row.unit == "%"]
    for same in grouped(wanted, TABLE).values():
        by_metric = {row.metric: row for row in same}
        if all(metric in by_metric for metric in metrics):
            yield tuple(by_metric[metric] for metric in metrics)


def as_printed(rows: Sequence[Result]) -> list[Result]:
    """The table as it was printed, without corrections."""
    return [row for row in rows if row.status != "corrected"]


def as_corrected(rows: Sequence[Result]) -> list[Result]:
    """The table with its corrections in place of what they correct."""
    key = (*TABLE, "metric")
    corrected = {label(row, key) for row in rows if row.status == "corrected"}
    return [row for row in rows if row.status == "corrected" or label(row, key) not in corrected]


ROW_RULES = (
    Rule("percent-range", "a percentage outside 0-100", outside_percent),
    Rule("average", "an average that is not the mean of top-1 and top-5", wrong_average),
    Rule("top5-below-top1", "a top-5 accuracy below its top-1", top5_below_top1),
    Rule("twice-in-a-table", "two numbers under the same labels in one table", said_twice),
    Rule("worse-with-both", "two streams together below one of them", worse_with_both),
    Rule("classes", "a count of classes that the dataset's name contradicts", other_count_of_classes),
)
