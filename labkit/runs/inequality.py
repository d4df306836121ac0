"""A finding as arithmetic: a measure over recorded numbers, compared with a value, over several seeds.

The measure is read with `ast` and only sums, products, `abs`, `min` and `max` of names and numbers are computed.
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from labkit.names import meant_or_all

ARITHMETIC: dict[type, Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
FUNCTIONS: dict[str, Callable[..., float]] = {"abs": abs, "min": min, "max": max}
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


def names(measure: str) -> set[str]:
    """The recorded numbers that a measure is computed from. Raises `MeasureError` for what it may not hold."""
    tree = _parse(measure)
    functions = {
        node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - functions
    _compute(tree.body, dict.fromkeys(found, 1.0), forgiving=True)
    return found


def evaluate(measure: str, numbers: Mapping[str, Any]) -> float:
    """The measure's value over recorded numbers; a recorded "not a number" (None) makes it NaN.

    Raises `MeasureError` for a name that was not recorded, naming the nearest, and for a division by zero.
    """
    return float(_compute(_parse(measure).body, numbers))


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


def _parse(measure: str) -> ast.Expression:
    try:
        return ast.parse(measure, mode="eval")
    except SyntaxError:
        raise MeasureError(f"{measure!r} is not an expression") from None


def _compute(node: ast.expr, numbers: Mapping[str, Any], *, forgiving: bool = False) -> float:
    def part(one: ast.expr) -> float:
        return _compute(one, numbers, forgiving=forgiving)

    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            return value
        case ast.Name(id=name):
            if name not in numbers:
                raise MeasureError(f"{name!r} was not recorded{meant_or_all(name, numbers)}")
            return math.nan if numbers[name] is None else float(numbers[name])
        case ast.UnaryOp(op=op, operand=operand) if type(op) in ARITHMETIC:
            return ARITHMETIC[type(op)](part(operand))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            try:
                return ARITHMETIC[type(op)](part(left), part(right))
            except ZeroDivisionError:
                if forgiving:
                    return 1.0
                raise MeasureError(f"{ast.unparse(node)} divides by zero") from None
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if (
            name in FUNCTIONS and args and (len(args) == 1) == (name == "abs")
        ):
            return FUNCTIONS[name](*map(part, args))
    raise MeasureError(f"{ast.unparse(node)!r} may not stand in a measure: only numbers, names, + - * /, abs, min, max")
