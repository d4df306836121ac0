"""A finding as arithmetic: a measure over recorded numbers, compared with a value, over several seeds.

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
    """The recorded numbers that a measure is computed from. Raises `MeasureError` for what it may not hold."""
    tree = arithmetic.parse(measure, GRAMMAR)
    arithmetic.check(tree, GRAMMAR)
    return arithmetic.names(tree)


def evaluate(measure: str, numbers: Mapping[str, Any]) -> float:
    """The measure's value over recorded numbers; a recorded "not a number" (None) makes it NaN.

    Raises `MeasureError` for a name that was not recorded, naming the nearest, and for a division by zero.
    """
    wanted = names(measure)
    if missing := sorted(wanted - set(numbers)):
        raise MeasureError(f"{missing[0]!r} was not recorded{meant_or_all(missing[0], numbers)}")
    known = {name: math.nan if numbers[name] is None else float(numbers[name]) for name in wanted}
    return arithmetic.compute(arithmetic.parse(measure, GRAMMAR), known, GRAMMAR)


def holds(
    values: Sequence[float], op: str, value: float, rule: str, *, margin: float = 0.0, trials: float | None = None
) -> bool:
    """Whether the inequality holds for the values of all seeds, by its rule. Nothing holds for a NaN.

    `~` says that the measure is `value`, give or take `margin`: it holds where the mean and 3 standard errors to both
    sides lie within. (That a mean lies near a value shows nothing by itself: the noisier, the easier.)
    `trials`: the values are shares of this many tries in all, so that the standard error is that of `value` itself
    (of guessing, say) and need not be estimated from a few seeds.
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
    """Whether the numbers leave it open, where it does not hold: the mean alone obeys an inequality that is judged by its
    standard error, or some of what lies within 3 standard errors of the mean is within the margin of `~`."""
    if not values or any(math.isnan(one) for one in values) or rule != MEAN_3SE:
        return False
    if op != NEAR:
        return COMPARISONS[op](mean(values), value)
    low, high = _span(values, value, trials)
    return low <= value + margin and value - margin <= high


def _span(values: Sequence[float], value: float, trials: float | None) -> tuple[float, float]:
    """The mean, 3 standard errors to both sides."""
    error = standard_error(values) if trials is None else math.sqrt(value * (1 - value) / trials)
    return mean(values) - 3 * error, mean(values) + 3 * error


def standard_error(values: Sequence[float]) -> float:
    """Of the mean over seeds; infinite for a single seed, which says nothing about others."""
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf
