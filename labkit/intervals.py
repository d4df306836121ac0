"""95 % confidence intervals: of a share of tries (Wilson), and of a mean over few seeds (Student's t)."""

import math
from collections.abc import Sequence
from statistics import mean, stdev

import numpy as np

# The 97.5 % quantile of Student's t for 1 to 30 degrees of freedom.
T975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
Z975 = 1.95996  # the same for infinitely many


def wilson(correct: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of a share, after Wilson (1927): right for few videos too. 0 to 1 where `total` is 0."""
    z2 = 1.96**2
    with np.errstate(invalid="ignore", divide="ignore"):
        share = correct / total
        middle = (share + z2 / (2 * total)) / (1 + z2 / total)
        half = np.sqrt(z2 * share * (1 - share) / total + z2**2 / (4 * total**2)) / (1 + z2 / total)
    empty = total == 0
    return np.where(empty, 0.0, middle - half), np.where(empty, 1.0, middle + half)


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of the mean of these values, after Student. For fewer than two values: NaN, NaN."""
    if len(values) < 2:
        return math.nan, math.nan
    half = _t975(len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return mean(values) - half, mean(values) + half


def _t975(freedom: int) -> float:
    if freedom <= len(T975):
        return T975[freedom - 1]
    z = Z975  # the expansion of Cornish and Fisher
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
