"""Whether two accuracies differ by more than chance."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake, Wrong
from labkit.course.exercises.judging import same

CASES = (  # two accuracies, videos, answer, and what to say otherwise
    (
        0.5,
        0.55,
        50,
        False,
        "5 points on 50 videos are within chance: three standard errors of the difference are 30 points",
    ),
    (
        0.5,
        0.6,
        400,
        False,
        "both accuracies are uncertain: add the squares of both errors; three of them are 10.5 points",
    ),
    (
        0.5,
        0.62,
        400,
        True,
        "12 points on 400 videos are more than chance: add the squares of the errors, not the errors",
    ),
    (0.62, 0.5, 400, True, "the order of the two does not matter: take the size of the difference"),
    (0.5, 0.59, 400, False, "9 points on 400 videos are within three standard errors, 10.5 points"),
    (0.5, 0.62, 100, False, "12 points on 100 videos are within chance: fewer videos, larger errors"),
    (0.02, 0.1, 400, True, "near 0 and 1 the errors are small: use each accuracy in its own error"),
    (0.0, 0.3, 400, True, "from 0 % to 30 % on 400 videos is more than chance"),
)


def check(clear: Any) -> None:
    """Ask for differences just within and just beyond three standard errors."""
    for first, second, videos, want, otherwise in CASES:
        if not same(clear(first, second, videos), want):
            raise Wrong(otherwise)


EXERCISE = Exercise(
    number="09",
    cell="clear-solution",
    defines="clear",
    text="""\
**Exercise 3: more than chance?** Other test videos would give other accuracies. The standard error of an accuracy p on n videos \
is √(p (1 − p) / n). For a difference, add the squares of both errors and take the root. Write `clear`: whether two accuracies \
differ by more than three standard errors of their difference. (difficulty 2 of 5, importance 5 of 5, 10 minutes)""",
    code='''\
def clear(first, second, videos):
    """Whether two accuracies in 0-1, both measured on `videos` videos, differ by more than chance."""
    ### BEGIN SOLUTION
    squares = sum(p * (1 - p) / videos for p in (first, second))
    return abs(first - second) > 3 * squares**0.5
    ### END SOLUTION
''',
    setup="import numpy as np",
    check=check,
    hints=(
        "Compute the two errors, square them, add them, and take the root. Three of these is the limit.",
        "`p * (1 - p) / videos` is the square of one error. `abs(first - second)` is the size of the difference.",
    ),
    explanation="Both accuracies are measured, so both are uncertain. Their errors are independent, so the squares add up. Three "
    "standard errors are a strict limit: chance alone goes beyond it in fewer than 3 of 1,000 comparisons.",
    right=(
        """
        error = np.sqrt(first * (1 - first) / videos + second * (1 - second) / videos)
        return bool(np.abs(second - first) > 3 * error)
        """,
        """
        difference = first - second
        return difference**2 * videos > 9 * (first * (1 - first) + second * (1 - second))
        """,
    ),
    wrong=(
        Mistake("any difference", "return first != second", "5 points on 50 videos"),
        Mistake(
            "one error", "return abs(first - second) > 3 * (first * (1 - first) / videos) ** 0.5", "both accuracies are"
        ),
        Mistake(
            "errors added",
            "return abs(first - second) > 3 * sum((p * (1 - p) / videos) ** 0.5 for p in (first, second))",
            "not the errors",
        ),
        Mistake(
            "higher only",
            "return second - first > 3 * sum(p * (1 - p) / videos for p in (first, second)) ** 0.5",
            "does not matter",
        ),
        Mistake("largest error", "return abs(first - second) > 3 * (0.5 / videos) ** 0.5", "near 0 and 1"),
    ),
)
