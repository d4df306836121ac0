"""Confidence intervals, against published values."""

import math
from statistics import stdev

import numpy as np
import pytest

from labkit.intervals import mean_interval, wilson


def test_the_interval_of_a_mean_is_students():
    # Student's sleep data (1908): the mean difference of ten pairs is 1.58, its 95 % interval 0.70 to 2.46.
    differences = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
    assert mean_interval(differences) == pytest.approx((0.7001, 2.4599), abs=1e-3)


@pytest.mark.parametrize(("freedom", "quantile"), [(1, 12.706), (30, 2.042), (31, 2.040), (60, 2.000), (120, 1.980)])
def test_the_quantile_is_that_of_the_printed_tables(freedom, quantile):
    values = [float(n % 2) for n in range(freedom + 1)]
    low, high = mean_interval(values)
    assert (high - low) / 2 / (stdev(values) / math.sqrt(len(values))) == pytest.approx(quantile, abs=6e-4)


@pytest.mark.parametrize("values", [[], [0.5]])
def test_one_value_has_no_interval(values):
    assert all(map(math.isnan, mean_interval(values)))


def test_equal_values_have_an_interval_of_no_width():
    assert mean_interval([0.5, 0.5]) == (0.5, 0.5)


def test_the_interval_of_a_share_is_within_0_and_1():
    low, high = wilson(np.array([0, 5]), np.array([5, 5]))
    assert 0 <= low[0] < 1e-9 < high[0] < 0.5
    assert 0.5 < low[1] < high[1] <= 1
