"""Accuracy of each class."""

from typing import Any

import numpy as np

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge

LABELS = np.array([0, 0, 1, 1, 3])
ANSWERS = np.array([0, 1, 1, 1, 1])
SCORES = 0.1 + 0.5 * np.eye(5)[ANSWERS]
NAN = float("nan")


def check(accuracy_by_class: Any) -> None:
    """Ask for five classes, two of them without a row; then for three classes and four rows."""
    want = [0.5, 1, NAN, 0, NAN]
    judge(
        accuracy_by_class(SCORES.copy(), LABELS.copy()),
        np.array(want),
        "with the labels 0, 0, 1, 1, 3 and the answers 0, 1, 1, 1, 1 the accuracies are 0.5, 1, NaN, 0, NaN",
        mistakes={
            "take the rows with label c, not the rows with the answer c": np.array([1, 0.5, NAN, NAN, NAN]),
            "`argmax` goes over the classes of a row, axis 1, not over the rows": _by_class(
                SCORES.argmax(axis=0) == LABELS
            ),
            "you divide by the number of all rows; divide by the rows of the class": np.array([0.2, 0.4, 0, 0, 0]),
            "a class without a row has no accuracy: write NaN for it, not 0": np.nan_to_num(want),
            "give a value for each of the K classes; two of these five have no row": np.array([0.5, 1, 0]),
            "that is the accuracy of all rows together; give one for each class": 0.6,
            "give shares from 0 to 1, not percent": 100 * np.array(want),
            "that is the number of right answers; divide by the rows of the class": np.array([1.0, 2, 0, 0, 0]),
        },
    )
    scores = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.1, 0.6], [0.2, 0.3, 0.5]])
    given = accuracy_by_class(scores, np.array([2, 1, 2, 2]))
    judge(
        given,
        np.array([NAN, 1, 2 / 3]),
        "with the labels 2, 1, 2, 2 and the answers 0, 1, 2, 2, class 2 has 2 of 3 right",
    )


def _by_class(right: Any) -> Any:
    return np.array([right[c == LABELS].mean() if c in LABELS else NAN for c in range(5)])


EXERCISE = Exercise(
    number="06",
    cell="class-accuracy",
    defines="accuracy_by_class",
    text="""\
**Exercise 2** (difficulty 2 of 5, importance 4 of 5, 5 minutes). Compute the accuracy of each class from the scores. Of the rows \
with label c, which share has its highest score at c? Write NaN for a class without a row.""",
    code='''\
def accuracy_by_class(scores, labels):
    """Top-1 of each class in 0-1, `(K,)`, from scores `(N, K)` and labels `(N,)`."""
    ### BEGIN SOLUTION
    right = scores.argmax(axis=1) == labels
    return np.array([right[labels == c].mean() if (labels == c).any() else np.nan for c in range(scores.shape[1])])
    ### END SOLUTION
''',
    check=check,
    hints=(
        "`scores.argmax(axis=1)` is the answer in each row. In which rows is it the label? Then look at the rows of one class.",
        "With `right = scores.argmax(axis=1) == labels`, the accuracy of class c is `right[labels == c].mean()`. Without a row "
        "that is no number, so ask first whether `(labels == c).any()`.",
    ),
    explanation="The rows of a class are those with its label, whatever the network answered. The mean of True and False is the "
    "share of True. A class without a video has no accuracy; a 0 would say that all of its videos are wrong.",
    right=(
        """
        answers = np.argmax(scores, axis=1)
        accuracies = np.full(scores.shape[1], np.nan)
        for c in np.unique(labels):
            accuracies[c] = (answers[labels == c] == c).sum() / (labels == c).sum()
        return accuracies
        """,
        """
        right = pd.Series(scores.argmax(axis=1) == labels)
        return right.groupby(labels).mean().reindex(range(scores.shape[1])).to_numpy()
        """,
    ),
    wrong=(
        Mistake(
            "rows of the answer",
            "answers = pd.Series(scores.argmax(axis=1))\n"
            "return (answers == labels).groupby(answers).mean().reindex(range(scores.shape[1])).to_numpy()",
            "not the rows with the answer c",
        ),
        Mistake(
            "wrong axis",
            "right = pd.Series(scores.argmax(axis=0) == labels)\n"
            "return right.groupby(labels).mean().reindex(range(scores.shape[1])).to_numpy()",
            "axis 1, not over the rows",
        ),
        Mistake(
            "divided by all rows",
            "right = scores.argmax(axis=1) == labels\n"
            "return np.bincount(labels[right], minlength=scores.shape[1]) / len(labels)",
            "the number of all rows",
        ),
        Mistake(
            "0 without a row",
            "right = scores.argmax(axis=1) == labels\nnumber = np.bincount(labels, minlength=scores.shape[1])\n"
            "return np.bincount(labels[right], minlength=len(number)) / np.maximum(number, 1)",
            "write NaN for it, not 0",
        ),
        Mistake(
            "only classes with rows",
            "right = scores.argmax(axis=1) == labels\nreturn np.array([right[labels == c].mean() for c in np.unique(labels)])",
            "for each of the K classes",
        ),
        Mistake("all together", "return (scores.argmax(axis=1) == labels).mean()", "all rows together"),
        Mistake(
            "percent",
            "right = pd.Series(scores.argmax(axis=1) == labels)\n"
            "return 100 * right.groupby(labels).mean().reindex(range(scores.shape[1])).to_numpy()",
            "not percent",
        ),
        Mistake(
            "numbers",
            "right = scores.argmax(axis=1) == labels\nreturn np.bincount(labels[right], minlength=scores.shape[1])",
            "the number of right answers",
        ),
    ),
    setup="import numpy as np\nimport pandas as pd\n",
)
