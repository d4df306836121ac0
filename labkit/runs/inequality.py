"""Findings as arithmetic: a measure of recorded numbers, compared with a value, over several seeds.

A measure holds sums, products, quotients, `abs`, `min` and `max` of names and numbers, and nothing else.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from labkit import arithmetic
from labkit.names import meant_or_all

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
EVERY_SEED, MEAN_3SE = "every seed", "mean and 3 standard errors"
RULES = (EVERY_SEED, MEAN_3SE)
NEAR = "~"  # equal within a margin


class MeasureError(ValueError):
    """A measure that cannot be computed; the message says which part."""


GRAMMAR = arithmetic.Grammar(
    MeasureError,
    "+ - * /, abs, min, max",
    functions={"abs": abs, "min": min, "max": max},
    single=frozenset({"abs"}),
)


def names(measure: str) -> frozenset[str]:
    """The names of the recorded numbers in a measure. Raises `MeasureError` for anything but arithmetic."""
    tree = arithmetic.parse(measure, GRAMMAR)
    arithmetic.check(tree, GRAMMAR)
    return arithmetic.names(tree)


def evaluate(measure: str, numbers: Mapping[str, Any]) -> float:
    """The measure's value for recorded numbers. A recorded "not a number" (None) makes it NaN.

    Raises `MeasureError` for a name that was not recorded, with the nearest one, and for a division by zero.
    """
    wanted = names(measure)
    if missing := sorted(wanted - set(numbers)):
        raise MeasureError(f"{missing[0]!r} was not recorded{meant_or_all(missing[0], numbers)}")
    known = {name: math.nan if numbers[name] is None else float(numbers[name]) for name in wanted}
    return arithmetic.compute(arithmetic.parse(measure, GRAMMAR), known, GRAMMAR)


def holds(
    values: Sequence[float], op: str, value: float, rule: str, *, margin: float = 0.0, trials: float | None = None
) -> bool:
    """Whether the inequality holds for the seeds' values by its rule. It does not hold if a value is NaN.

    `~` says that the measure is `value`, give or take `margin`. It holds if the mean, with 3 standard errors on both
    sides, lies within the margin. (A mean near the value is not enough: noisy values reach that easily.)
    `trials`: the values are shares of this many tries in all. Then the standard error follows from `value` (that of
    guessing, for example), and is not estimated from a few seeds.
    """
    if not values or any(math.isnan(one) for one in values):
        return False
    if rule == EVERY_SEED:
        return all(abs(one - value) <= margin if op == NEAR else COMPARISONS[op](one, value) for one in values)
    low, high = _span(values, value, trials)
    if op == NEAR:
        return value - margin <= low and high <= value + margin
    return COMPARISONS[op](low if op.startswith(">") else high, value)


def leans(
    values: Sequence[float], op: str, value: float, rule: str, *, margin: float = 0.0, trials: float | None = None
) -> bool:
    """Whether an inequality that does not hold is still open, as the seeds differ too much.

    With the rule of 3 standard errors, it is open if the mean itself obeys the inequality. For `~` it is open if a part of
    the 3 standard errors around the mean is within the margin.
    """
    if not values or any(math.isnan(one) for one in values) or rule != MEAN_3SE:
        return False
    if op != NEAR:
        return COMPARISONS[op](mean(values), value)
    low, high = _span(values, value, trials)
    return low <= value + margin and value - margin <= high


def _span(values: Sequence[float], value: float, trials: float | None) -> tuple[float, float]:
    """The mean minus and plus 3 standard errors."""
    error = standard_error(values) if trials is None else math.sqrt(value * (1 - value) / trials)
    return mean(values) - 3 * error, mean(values) + 3 * error


def standard_error(values: Sequence[float]) -> float:
    """The standard error of the mean over seeds. For a single seed it is infinite."""
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf
