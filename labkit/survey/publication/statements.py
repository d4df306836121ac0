"""What a claim says in numbers, such as `64 * 224² / (16 * 112²) = 64`: read without `eval`, and recomputed.

Plain arithmetic (+ - * / **, also × · ÷ and ²³), named numbers, and one relation between two sides:
`=` as printed, `~` of that order of magnitude, `<`, `>`, `<=`, `>=`.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

LONGEST = 300  # characters of a statement
LARGEST = 1e30  # of any number on the way
DEEPEST = 40
_WRITTEN = {"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "²": "**2", "³": "**3", "≤": "<=", "≥": ">=", "≈": "~"}
_RELATION = re.compile(r"<=|>=|==|[=<>~]")
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: lambda base, power: _bounded(base) ** _small(power),
}


class StatementError(ValueError):
    """A statement that cannot be read or computed; the message says why."""


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
        nodes = (*ast.walk(self.left), *ast.walk(self.right))
        return frozenset(node.id for node in nodes if isinstance(node, ast.Name))


def parse(says: str) -> Statement:
    """A statement as data. Raises `StatementError` where it is not one."""
    if len(says) > LONGEST:
        raise StatementError(f"longer than {LONGEST} characters")
    plain = "".join(_WRITTEN.get(character, character) for character in says)
    sides = _RELATION.split(plain)
    if len(sides) != 2:
        raise StatementError(f"{says!r} needs exactly one of =, ~, <, >, <=, >= between two sides")
    relation = _RELATION.findall(plain)[0]
    left, right = (_side(side) for side in sides)
    return Statement(left, "=" if relation == "==" else relation, right, (sides[0].strip(), sides[1].strip()))


def judge(statement: Statement, numbers: Mapping[str, float]) -> Verdict:
    """Recompute both sides with these numbers. Raises `StatementError` where that cannot be done."""
    left, right = _value(statement.left, numbers), _value(statement.right, numbers)
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


def _side(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise StatementError(f"{text.strip()!r} is no arithmetic") from None


def _value(node: ast.expr, numbers: Mapping[str, float], depth: int = 0) -> float:
    if depth > DEEPEST:
        raise StatementError("nested too deeply")
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return _bounded(float(node.value))
    if isinstance(node, ast.Name):
        if node.id not in numbers:
            raise StatementError(f"no number is called {node.id!r}")
        return _bounded(numbers[node.id])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _value(node.operand, numbers, depth + 1)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _value(node.left, numbers, depth + 1), _value(node.right, numbers, depth + 1)
        try:
            return _bounded(_OPERATORS[type(node.op)](left, right))
        except (ZeroDivisionError, OverflowError):
            raise StatementError("divides by zero, or leaves all bounds") from None
    raise StatementError(f"{ast.unparse(node)!r} is not plain arithmetic")


def _bounded(value: float) -> float:
    if isinstance(value, complex) or not abs(value) <= LARGEST:
        raise StatementError("a number beyond all bounds")
    return value


def _small(power: float) -> float:
    if abs(power) > 64:
        raise StatementError("a power beyond all bounds")
    return power
