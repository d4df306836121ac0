"""How checks compare results."""

import numpy as np
import pandas as pd
import pytest
import torch

from labkit.course.exercises.format import Wrong
from labkit.course.exercises.judging import choose, form, judge, same

TABLE = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=[3, 4])

SAME = [
    (24, 24.0),
    (np.int64(3), 3),
    (torch.tensor(0.5), 0.5),
    (np.float32(0.1), 0.1),
    (float("nan"), float("nan")),
    ([1, 2], (1, 2)),
    (torch.arange(3), torch.tensor([0.0, 1, 2])),
    (np.array([1.0, np.nan]), np.array([1, np.nan])),
    (TABLE.copy(), TABLE),
    (np.bool_(True), True),
    ({"a": 1.0}, {"a": 1}),
    (None, None),
]
DIFFERENT = [
    (24.7, 24),
    (24, "24"),
    (True, 1),
    (1, True),
    ("b", "a"),
    (None, 0),
    (0, None),
    (float("nan"), 0.0),
    ([1, 2], [1, 3]),
    ([1, 2], [1]),
    (iter([1]), [1]),
    (np.zeros((2, 1)), np.zeros((1, 2))),
    (np.zeros(2), torch.zeros(2)),
    (np.array(["a"]), np.array([1.0])),
    (TABLE.rename(columns={"a": "c"}), TABLE),
    (TABLE.reset_index(drop=True), TABLE),
    (TABLE["a"], TABLE),
    ({"a": 1}, {"b": 1}),
    (object(), 3),
]


@pytest.mark.parametrize(("got", "want"), SAME)
def test_the_same_result_in_another_type_of_number_is_the_same(got, want):
    assert same(got, want)


@pytest.mark.parametrize(("got", "want"), DIFFERENT)
def test_another_result_is_not_the_same(got, want):
    assert not same(got, want)


def test_a_typical_mistake_is_named_then_the_form_then_the_rest():
    mistakes = {"you added": 5, "you gave the shape": (2, 3)}
    for got, says in (
        (5, "you added"),
        ((2, 3), "you gave the shape"),
        ("6", "a text; it should be a number"),
        (7, "two"),
    ):
        with pytest.raises(Wrong, match=says):
            judge(got, 6, "multiply the two", mistakes=mistakes)
    judge(6.0, 6, "multiply the two", mistakes=mistakes)


def test_a_share_of_the_points_goes_along():
    with pytest.raises(Wrong) as caught:
        judge(5, 6, "no", share=0.5)
    assert caught.value.share == 0.5


def test_a_choice_is_taken_in_any_case_and_a_wrong_one_gets_its_reason():
    reasons = {"b": "it is not b", "c": "it is not c"}
    for right in ("a", "A", " a "):
        choose(right, "a", reasons)
    for got, says in (
        ("B", "it is not b"),
        ("d", "answer with one of 'a', 'b', 'c'"),
        (1, "answer with"),
        (None, "answer with"),
    ):
        with pytest.raises(Wrong, match=says):
            choose(got, "a", reasons)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "None"),
        (True, "True or False"),
        ("x", "a text"),
        (3, "a number"),
        (torch.tensor(3.0), "a number"),
        (torch.zeros(2, 3), "a tensor of shape (2, 3)"),
        (np.zeros(2), "an array of shape (2,)"),
        (TABLE, "a table of shape (2, 2)"),
        ([1], "a list of length 1"),
        ((n for n in "a"), "a generator"),
    ],
)
def test_the_form_of_a_result_is_said_in_words(value, said):
    assert form(value) == said
