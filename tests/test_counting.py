"""One thing is one thing, in what is printed too."""

import numpy as np
import pytest

from labkit.counting import counted, named


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (2400, "2,400 rows"), (1.0, "1 row"), (0.5, "0.5 rows"),
     (np.int64(1), "1 row"), (np.int64(240_000), "240,000 rows"), (True, "1 row")],
)  # fmt: skip
def test_a_number_of_things_is_said_as_one_says_it(number, said):
    assert counted(number, "row") == said


def test_a_plural_of_its_own_and_a_whole_phrase_are_taken_as_given():
    assert [counted(n, "class", "classes") for n in (1, 3)] == ["1 class", "3 classes"]
    assert counted(1, "row that differs", "rows that differ") == "1 row that differs"


@pytest.mark.parametrize(
    ("names", "said"), [("", ""), ("a", "a"), ("ab", "a and b"), ("abc", "a, b and c"), ("abcde", "a, b and 3 more")]
)
def test_names_are_listed_as_one_says_them_and_not_without_end(names, said):
    assert named(list(names)) == said
