"""Arithmetic from text: what a grammar allows is computed, and nothing else is."""

import ast
import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit import arithmetic
from labkit.arithmetic import FOUR, Grammar


class OwnError(ValueError):
    pass


PLAIN = Grammar(OwnError, "+ - * /")
MORE = Grammar(
    OwnError,
    "+ - * / **, abs, max",
    {**FOUR, ast.Pow: arithmetic.power},
    {"abs": abs, "max": max},
    frozenset({"abs"}),
    largest=1e30,
)


def value(text, grammar=MORE, **numbers):
    return arithmetic.compute(arithmetic.parse(text, grammar), numbers, grammar)


@pytest.mark.parametrize(
    ("text", "made"),
    [("1 + 2 * 3", 7), ("-(a - 1) / 4", -0.5), ("max(a, 2) - abs(-a)", 0), ("2 ** 10", 1024), (" a ", 3)],
)
def test_what_the_grammar_allows_is_computed(text, made):
    assert value(text, a=3) == made


@pytest.mark.parametrize(
    "text", ["a.b", "a[0]", "open('x')", "(lambda: 1)()", "True", "'a' * 9", "1j", "a if a else 1", "max(1)", "abs(1, 2)",
             "max(*[1, 2])", "max(1, key=a)", "~1", "1 // 2", "a and 1", "1 < 2", "[1]", "a; a", "a = 1", "", "(", "1\0"]
)  # fmt: skip
def test_anything_else_is_refused_with_the_grammars_own_error(text):
    with pytest.raises(OwnError):
        value(text, a=3)


def test_one_grammar_allows_what_another_refuses():
    for text in ("2 ** 3", "max(1, 2)"):
        assert value(text, MORE) > 0
        with pytest.raises(OwnError, match=r"may not stand there: only numbers, names, \+ - \* /"):
            value(text, PLAIN)


def test_names_are_the_numbers_and_not_the_functions():
    assert arithmetic.names(arithmetic.parse("max(gap, abs) + abs(max)", MORE)) == {"gap", "abs", "max"}
    assert arithmetic.names(arithmetic.parse("abs(gap)", MORE)) == {"gap"}


def test_a_name_without_a_number_is_answered_with_the_nearest():
    with pytest.raises(OwnError, match="no number is called 'gpa'; did you mean 'gap'"):
        value("gpa + 1", gap=1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 / (2 - 2)", "divides by zero"),
        ("0 ** -1", "divides by zero"),
        ("1e30 * 2", "beyond all bounds"),
        ("9 ** 65", "beyond all bounds"),
        ("9 ** 9 ** 9", "beyond all bounds"),
        ("(-8) ** 0.5", "beyond all bounds"),
        ("9" * 400, "beyond all bounds"),
        ("a", "beyond all bounds"),
        ("-" * 50 + "1", "nested too deeply"),
        ("(" * 500 + "1" + ")" * 500, "not arithmetic"),
    ],
)
def test_what_has_no_value_says_why(text, said):
    with pytest.raises(OwnError, match=said):
        value(text, a=math.nan)


def test_a_grammar_without_bounds_takes_numbers_that_are_none():
    assert math.isnan(value("a - 1", PLAIN, a=math.nan))
    assert value("a - 1", PLAIN, a=math.inf) == math.inf
    assert math.isnan(value("9" * 400, PLAIN))


def test_a_text_is_checked_without_numbers():
    arithmetic.check(arithmetic.parse("a / (b - b)", MORE), MORE)
    with pytest.raises(OwnError, match="may not stand there"):
        arithmetic.check(arithmetic.parse("a / b.c", MORE), MORE)


@given(st.text("ab12+-*/.()[]', \n\"", max_size=40))
def test_whatever_a_text_says_it_has_a_value_or_the_grammars_error(text):
    with contextlib.suppress(OwnError):
        assert abs(value(text, a=1, b=2.5)) <= 1e30
