"""Of the videos that got an answer, the share that belongs to this class."""

from typing import Any

import numpy as np

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge

MATRIX = np.array([[3, 1, 0, 0], [2, 4, 0, 0], [0, 1, 0, 0], [1, 2, 0, 1]])  # nothing was taken for class 2
NAN = float("nan")


def check(trust: Any) -> None:
    """Ask for a matrix of four classes, one of which was never answered; then for one of two classes."""
    right, answered, videos = MATRIX.diagonal(), MATRIX.sum(axis=0), MATRIX.sum(axis=1)
    want = np.array([1 / 2, 1 / 2, NAN, 1])
    judge(
        trust(MATRIX.copy()),
        want,
        "the answers were given to 6, 8, 0 and 1 videos, and 3, 4, 0 and 1 of these were right",
        mistakes={
            "you divide by the sums of the rows, which gives the accuracy of each class; take the columns": right
            / videos,
            "for a class that was never answered write NaN, not 0": np.nan_to_num(want),
            "you divide by all videos; divide by those with this answer": right / MATRIX.sum(),
            "the right answers stand on the diagonal; you took the wrong ones": 1 - want,
            "that is the share of all answers that this class got; look at the diagonal too": answered / MATRIX.sum(),
            "give shares from 0 to 1, not percent": 100 * want,
            "give a value for every class, NaN for those that were never answered": want[[0, 1, 3]],
            "that is one share for all classes together; give one for each class": right.sum() / MATRIX.sum(),
        },
    )
    judge(trust(np.array([[1, 5], [0, 5]])), np.array([1, 0.5]), "for the rows 1, 5 and 0, 5 the shares are 1 and 0.5")


EXERCISE = Exercise(
    number="06",
    cell="trust-solution",
    defines="trust",
    text="""\
**Exercise: can you trust an answer?** The accuracy of a class asks: of the videos of this class, which share got the right \
answer? Now turn it round: of the videos that got the answer c, which share is of class c? `matrix` is `(K, K)`, with a row for \
each true class and a column for each answer. Write `trust`, with NaN for a class that was never answered. (difficulty 2 of 5, \
importance 4 of 5, 5 minutes)""",
    code='''\
def trust(matrix):
    """For each class, the share of right ones among the videos with this answer, `(K,)`."""
    ### BEGIN SOLUTION
    answered = matrix.sum(axis=0)
    return np.where(answered > 0, matrix.diagonal() / np.maximum(answered, 1), np.nan)
    ### END SOLUTION
''',
    check=check,
    hints=(
        "Where in the matrix are all videos that got the answer c? And which of these are right?",
        "They are column c, `matrix[:, c]`. Its sum is `matrix.sum(axis=0)[c]`, and the right ones are `matrix[c, c]`.",
    ),
    explanation="A row holds the videos of a class, a column those of an answer. The two shares have the same numerator and "
    "another denominator. In the literature they are called recall (rows) and precision (columns). A network that always answers "
    "the same class has a recall of 1 there, and a low precision.",
    right=(
        """
        answered = matrix.sum(axis=0)
        shares = np.full(len(matrix), np.nan)
        np.divide(matrix.diagonal(), answered, out=shares, where=answered > 0)
        return shares
        """,
        """
        columns = pd.DataFrame(matrix)
        return np.array([columns[c][c] / columns[c].sum() if columns[c].any() else float("nan") for c in columns])
        """,
    ),
    wrong=(
        Mistake("rows", "return matrix.diagonal() / matrix.sum(axis=1)", "which gives the accuracy of each class"),
        Mistake(
            "0 without an answer",
            "return matrix.diagonal() / np.maximum(matrix.sum(axis=0), 1)",
            "write NaN, not 0",
        ),
        Mistake("all videos", "return matrix.diagonal() / matrix.sum()", "you divide by all videos"),
        Mistake(
            "the wrong ones",
            "answered = matrix.sum(axis=0)\n"
            "return np.where(answered > 0, 1 - matrix.diagonal() / np.maximum(answered, 1), np.nan)",
            "you took the wrong ones",
        ),
        Mistake("how often answered", "return matrix.sum(axis=0) / matrix.sum()", "the share of all answers"),
        Mistake(
            "percent",
            "answered = matrix.sum(axis=0)\n"
            "return np.where(answered > 0, 100 * matrix.diagonal() / np.maximum(answered, 1), np.nan)",
            "not percent",
        ),
        Mistake(
            "only answered classes",
            "answered = matrix.sum(axis=0)\nreturn (matrix.diagonal() / np.maximum(answered, 1))[answered > 0]",
            "a value for every class",
        ),
        Mistake("all together", "return matrix.diagonal().sum() / matrix.sum()", "one share for all classes"),
    ),
    setup="import numpy as np\nimport pandas as pd\n",
    equivalent=("np.maximum(answered, 1) → np.maximum(1, answered)",),
)
