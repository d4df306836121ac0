"""Timings are taken in turns, and two are said to differ only where their ranges lie apart."""

import pytest

from labkit.timing import Spread, foremost, interleaved


def test_works_take_turns_after_a_round_that_does_not_count():
    calls: list[str] = []
    seconds = interleaved({name: lambda name=name: calls.append(name) for name in "ab"}, rounds=3)
    assert "".join(calls) == "ab" + "ab" + "ba" + "ab"
    assert {name: len(each) for name, each in seconds.items()} == {"a": 3, "b": 3}


def test_a_device_is_waited_for_before_the_clock_is_read():
    calls: list[str] = []
    interleaved({"work": lambda: calls.append("work")}, rounds=2, wait=lambda: calls.append("wait"))
    assert calls == ["work", *["wait", "work", "wait"] * 2]


def test_a_spread_is_written_as_its_median_and_its_range():
    assert f"{Spread([14, 11, 12]):.0f} ms" == "12 (11 to 14) ms"


def test_what_was_measured_once_says_so_instead_of_a_range():
    assert f"{Spread([2]):.1f}" == "2.0 (measured once)"


@pytest.mark.parametrize(
    ("one", "other", "side"),
    [([1, 2], [3, 4], -1), ([3, 4], [1, 2], 1), ([1, 3], [2, 4], 0), ([1, 2], [2, 3], 0), ([1], [8, 9], 0)],
)
def test_a_side_is_taken_only_where_the_ranges_have_nothing_in_common(one, other, side):
    assert Spread(one).side(Spread(other)) == side


def test_a_ratio_is_formed_round_by_round():
    assert Spread([2, 9]).per(Spread([1, 3])).values == (2, 3)
    assert Spread([2, 9]).times(2).values == (4, 18)
    assert Spread([2, 8]).rate(16).values == (8, 2)


def test_the_foremost_are_all_that_cannot_be_told_from_the_first():
    rates = {"a": Spread([1, 2]), "b": Spread([5, 7]), "c": Spread([6, 8]), "d": Spread([0.5, 1.5])}
    assert foremost(rates) == ["c", "b"]
    assert foremost(rates, lowest=True) == ["d", "a"]


def test_a_spread_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one value"):
        Spread([])
