"""Where a time falls among bands of minutes."""

import math

import pytest

from labkit.bands import span, step_of, steps

BANDS = {"skim": (15, 30), "close reading": (60, None)}


@pytest.mark.parametrize(
    ("minutes", "side", "band"),
    [(-1, "short of", "skim"), (0, "short of", "skim"), (14.99, "short of", "skim"), (15, "within", "skim"),
     (30, "within", "skim"), (30.001, "past", "skim"), (59.9, "past", "skim"), (60, "within", "close reading"),
     (math.inf, "within", "close reading")],
)  # fmt: skip
def test_a_time_is_short_of_within_or_past_a_band(minutes, side, band):
    assert step_of(minutes, BANDS)[1:] == (side, band)


def test_a_time_at_which_two_bands_meet_is_of_the_first():
    meeting = {"skim": (0, 30), "reading": (30, 60)}
    assert [step_of(minutes, meeting).band for minutes in (0, 30, 31, 60, 61)] == ["skim", "skim", *["reading"] * 3]
    assert step_of(61, meeting).side == "past"


@pytest.mark.parametrize(
    ("bands", "said"),
    [
        ({"skim": (30, 15)}, "'skim' goes from 30 to 15"),
        ({"skim": (-1, 15)}, "'skim' goes from -1"),
        ({"skim": (15, 30), "close": (20, None)}, "'close' begins at 20 minutes, within the one before"),
        ({"close": (60, None), "more": (90, None)}, "'more' begins at 90 minutes, within the one before"),
        ({}, "no band"),
    ],
)
def test_bands_that_end_before_they_begin_or_overlap_are_refused(bands, said):
    with pytest.raises(ValueError, match=said):
        steps(bands)


def test_a_band_is_said_in_minutes():
    assert [span(*ends) for ends in BANDS.values()] == ["15-30 minutes", "60 minutes or more"]
    assert span(0.5, 1) == "0.5-1 minute"
