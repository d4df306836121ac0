"""What a claim says in numbers, such as `64 * 224² / (16 * 112²) = 64`: read without `eval`, and recomputed.

Plain arithmetic (+ - * / **, also × · ÷ and ²³), named numbers, and one relation between two sides:
`=` as printed, `~` of that order of magnitude, `<`, `>`, `<=`, `>=`.
"""

import ast
import math
import operator
import re
from collections.abc import Mapping
from typing import NamedTuple

from labkit import arithmetic

LONGEST = 300  # characters of a statement
_WRITTEN = {"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "²": "**2", "³": "**3", "≤": "<=", "≥": ">=", "≈": "~"}
_RELATION = re.compile(r"<=|>=|==|[=<>~]")


class StatementError(ValueError):
    """A statement that cannot be read or computed; the message says why."""


GRAMMAR = arithmetic.Grammar(StatementError, "+ - * / **", {**arithmetic.FOUR, ast.Pow: arithmetic.power}, largest=1e30)


class Verdict(NamedTuple):
    """Whether a statement holds, and what its two sides are. `apart` is how many times the larger is the smaller."""

    holds: bool
    left: float
    right: float
    relation: str

    @property
    def apart(self) -> float:
        """How many times the larger side is the smaller; infinite where one is zero or negative."""
        low, high = sorted((self.left, self.right))
        return high / low if low > 0 else math.inf


class Statement(NamedTuple):
    """Two sides and what is said of them."""

    left: ast.expr
    relation: str
    right: ast.expr
    text: tuple[str, str]

    @property
    def names(self) -> frozenset[str]:
        """The named numbers in it."""
        return arithmetic.names(self.left) | arithmetic.names(self.right)


def parse(says: str) -> Statement:
    """A statement as data. Raises `StatementError` where it is not one."""
    if len(says) > LONGEST:
        raise StatementError(f"longer than {LONGEST} characters")
    plain = "".join(_WRITTEN.get(character, character) for character in says)
    sides = _RELATION.split(plain)
    if len(sides) != 2:
        raise StatementError(f"{says!r} needs exactly one of =, ~, <, >, <=, >= between two sides")
    relation = _RELATION.findall(plain)[0]
    left, right = (arithmetic.parse(side, GRAMMAR) for side in sides)
    return Statement(left, "=" if relation == "==" else relation, right, (sides[0].strip(), sides[1].strip()))


def judge(statement: Statement, numbers: Mapping[str, float]) -> Verdict:
    """Recompute both sides with these numbers. Raises `StatementError` where that cannot be done."""
    left, right = (arithmetic.compute(side, numbers, GRAMMAR) for side in (statement.left, statement.right))
    said = statement.relation
    if said == "~":
        # Of one order of magnitude: nearer to it than to ten times or a tenth of it.
        holds = left * right > 0 and abs(math.log10(left / right)) < 0.5
    elif said == "=":
        holds = abs(left - right) <= max(_rounding(statement.text[1]), _rounding(statement.text[0])) + 1e-9 * abs(right)
    else:
        compare = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}[said]
        holds = compare(left, right)
    return Verdict(bool(holds), left, right, said)


def half_unit(printed: str) -> float:
    """Half of the last printed digit: what rounding may have taken or added. 66.1 → 0.05."""
    decimals = printed.partition(".")[2]
    return 0.5 * 10.0 ** -len(decimals)


def _rounding(side: str) -> float:
    """What rounding allows where a side is one printed decimal; whole numbers are taken at their word."""
    return half_unit(side) if re.fullmatch(r"\d+\.\d+", side) else 0.0
