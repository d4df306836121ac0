"""Compute arithmetic that is written as text, without `eval`. A grammar lists the allowed operators and functions."""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from labkit.names import meant_or_all

DEEPEST = 40  # levels of parentheses and operators
LARGEST_POWER = 64
FOUR: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


@dataclass(frozen=True)
class Grammar:
    """The operators and functions that a text may use, and the error for anything else.

    `operators` go by their `ast` class, `functions` by name. A function takes two numbers or more, one of `single` takes
    one. No number on the way may be larger than `largest`; without one, what overflows is NaN.
    """

    error: type[ValueError]
    words: str  # the operators and functions, as a message lists them
    operators: Mapping[type, Callable[..., Any]] = field(default_factory=lambda: FOUR)
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    single: frozenset[str] = frozenset()
    largest: float = math.inf


def parse(text: str, grammar: Grammar) -> ast.expr:
    """The text as a tree. Raises the grammar's error if it is not an expression."""
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise grammar.error(f"{text.strip()!r} is not arithmetic") from None


def names(tree: ast.expr) -> frozenset[str]:
    """The named numbers in a tree; functions are not among them."""
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions)


def check(tree: ast.expr, grammar: Grammar, depth: int = 0) -> None:
    """Raise the grammar's error if the tree holds anything that is not allowed, or is nested too deeply."""
    if depth > DEEPEST:
        raise grammar.error("nested too deeply")
    for part in _parts(tree, grammar):
        check(part, grammar, depth + 1)


def compute(tree: ast.expr, numbers: Mapping[str, float], grammar: Grammar) -> float:
    """The tree's value with these numbers for its names. Raises the grammar's error if it has no value."""
    check(tree, grammar)
    if missing := sorted(names(tree) - set(numbers)):
        raise grammar.error(f"no number is called {missing[0]!r}{meant_or_all(missing[0], numbers)}")
    return _value(tree, numbers, grammar)


def power(base: float, exponent: float) -> Any:
    """A power with a small exponent. Raises `OverflowError` for an exponent beyond `LARGEST_POWER`."""
    if abs(exponent) > LARGEST_POWER:
        raise OverflowError
    return base**exponent


def _parts(node: ast.expr, grammar: Grammar) -> list[ast.expr]:
    """The parts of a node, in order. Raises the grammar's error for a node that is not allowed."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return []
        case ast.Name():
            return []
        case ast.UnaryOp(op=op, operand=operand) if type(op) in grammar.operators:
            return [operand]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in grammar.operators:
            return [left, right]
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if (
            name in grammar.functions and args and (len(args) == 1) == (name in grammar.single)
        ):
            return args
    raise grammar.error(f"{ast.unparse(node)!r} may not stand there: only numbers, names, {grammar.words}")


def _value(node: ast.expr, numbers: Mapping[str, float], grammar: Grammar) -> float:
    parts = [_value(part, numbers, grammar) for part in _parts(node, grammar)]
    try:
        match node:
            case ast.Constant(value=int() | float() as value):
                made: Any = float(value)
            case ast.Name(id=name):
                made = float(numbers[name])
            case ast.UnaryOp(op=op) | ast.BinOp(op=op):
                made = grammar.operators[type(op)](*parts)
            case ast.Call(func=ast.Name(id=name)):
                made = grammar.functions[name](*parts)
    except ZeroDivisionError:
        raise grammar.error(f"{ast.unparse(node)} divides by zero") from None
    except OverflowError:
        made = math.nan
    if isinstance(made, complex) or (math.isfinite(grammar.largest) and not abs(made) <= grammar.largest):
        raise grammar.error(f"{ast.unparse(node)} is a number beyond all bounds")
    return float(made)
