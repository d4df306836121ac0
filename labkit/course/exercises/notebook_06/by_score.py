"""Calibration: the mean score of a group of videos beside its accuracy."""

from typing import Any

import numpy as np

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge

SURE = np.array([0.9, 0.2, 0.95, 0.4, 0.8, 0.3, 0.5])
RIGHT = np.array([True, False, False, True, True, False, False])


def check(by_score: Any) -> None:
    """Ask for seven videos in three groups, which are not of one size; then for six in two."""
    order = np.argsort(SURE)
    want = _groups(SURE[order], RIGHT[order], np.array_split(np.arange(7), 3))
    bins = np.minimum(((SURE - 0.2) / 0.25).astype(int), 2)
    judge(
        by_score(SURE.copy(), RIGHT.copy(), 3),
        want,
        "the seven scores, sorted, fall into groups of 3, 2 and 2 videos: 0.2 to 0.4, 0.5 and 0.8, 0.9 and 0.95",
        mistakes={
            "the videos are not sorted by their score": _groups(SURE, RIGHT, np.array_split(np.arange(7), 3)),
            "you sorted the scores, but not the right answers with them: use `argsort`": _groups(
                np.sort(SURE), RIGHT, np.array_split(np.arange(7), 3)
            ),
            "you sorted scores and right answers each by themselves; then they belong to different videos": _groups(
                np.sort(SURE), np.sort(RIGHT), np.array_split(np.arange(7), 3)
            ),
            "the highest scores come first; begin with the lowest": _groups(
                SURE[order[::-1]], RIGHT[order[::-1]], np.array_split(np.arange(7), 3)
            ),
            "cut the sorted videos into groups of the same size, not the range of the scores": _groups(
                SURE, RIGHT, [np.flatnonzero(bins == n) for n in range(3)]
            ),
            "the columns are the mean score and then the accuracy; you have them the other way round": want[:, ::-1],
            "each group has a row and two columns; you have them the other way round": want.T,
            "give shares from 0 to 1, not percent": 100 * want,
            "the second column is a share: divide by the number of videos in the group": want * np.array([[1, 3], [1, 2], [1, 2]]),
        },
    )  # fmt: skip
    given = by_score(np.array([0.6, 0.5, 0.4, 0.3, 0.2, 0.1]), np.array([1, 1, 1, 0, 1, 0]) == 1, 2)
    judge(
        given,
        np.array([[0.2, 1 / 3], [0.5, 1]]),
        "six videos in two groups: the lower three scores, then the higher three",
    )


def _groups(sure: Any, right: Any, parts: Any) -> Any:
    return np.array([[sure[part].mean(), right[part].mean()] for part in parts])


EXERCISE = Exercise(
    number="06",
    cell="by-score-solution",
    defines="by_score",
    text="""\
**Exercise: does the score say how often the answer is right?** `sure` `(N,)` has the best score of each video, `right` `(N,)` \
whether the answer is right. Sort the videos by `sure`, lowest first, cut them into `groups` groups with `np.array_split`, and \
give the mean score and the accuracy of each group. Where the two agree, the network is *calibrated*. (difficulty 3 of 5, \
importance 4 of 5, 10 minutes)""",
    code='''\
def by_score(sure, right, groups):
    """Mean best score and accuracy, `(groups, 2)`, of groups of videos, from the lowest scores to the highest."""
    ### BEGIN SOLUTION
    parts = np.array_split(np.argsort(sure), groups)
    return np.array([[sure[part].mean(), right[part].mean()] for part in parts])
    ### END SOLUTION
''',
    check=check,
    hints=(
        "Each score must stay with its own answer. `np.argsort(sure)` gives the order of the videos. How do you use it for both?",
        "`np.array_split(np.argsort(sure), groups)` are the rows of each group. For one of them take `sure[part].mean()` and "
        "`right[part].mean()`.",
    ),
    explanation="Groups of one size have as many videos each, so their accuracies are known equally well. Groups of equal ranges "
    "of the score may be empty. A network is too sure of itself where its mean score lies above its accuracy.",
    right=(
        """
        table = pd.DataFrame({"sure": sure, "right": right}).sort_values("sure")
        rows = np.array_split(np.arange(len(table)), groups)
        return np.stack([table.iloc[part].astype(float).mean().to_numpy() for part in rows])
        """,
        """
        pairs = sorted(zip(sure, right), key=lambda pair: pair[0])
        size, left = divmod(len(pairs), groups)
        rows = []
        for group in range(groups):
            start = group * size + min(group, left)
            part = pairs[start : start + size + (group < left)]
            rows.append([sum(score for score, _ in part) / len(part), sum(bool(hit) for _, hit in part) / len(part)])
        return np.array(rows)
        """,
    ),
    wrong=(
        Mistake(
            "not sorted",
            "parts = np.array_split(np.arange(len(sure)), groups)\n"
            "return np.array([[sure[part].mean(), right[part].mean()] for part in parts])",
            "are not sorted",
        ),
        Mistake(
            "only scores sorted",
            "parts = np.array_split(np.arange(len(sure)), groups)\nordered = np.sort(sure)\n"
            "return np.array([[ordered[part].mean(), right[part].mean()] for part in parts])",
            "but not the right answers with them",
        ),
        Mistake(
            "sorted apart",
            "parts = np.array_split(np.arange(len(sure)), groups)\nordered, answers = np.sort(sure), np.sort(right)\n"
            "return np.array([[ordered[part].mean(), answers[part].mean()] for part in parts])",
            "each by themselves",
        ),
        Mistake(
            "highest first",
            "parts = np.array_split(np.argsort(-sure), groups)\n"
            "return np.array([[sure[part].mean(), right[part].mean()] for part in parts])",
            "begin with the lowest",
        ),
        Mistake(
            "equal ranges",
            "edges = np.linspace(sure.min(), sure.max(), groups + 1)\n"
            "number = np.minimum(np.searchsorted(edges, sure, side='right') - 1, groups - 1)\n"
            "return np.array([[sure[number == n].mean(), right[number == n].mean()] for n in range(groups)])",
            "not the range of the scores",
        ),
        Mistake(
            "columns swapped",
            "parts = np.array_split(np.argsort(sure), groups)\n"
            "return np.array([[right[part].mean(), sure[part].mean()] for part in parts])",
            "the mean score and then the accuracy",
        ),
        Mistake(
            "rows and columns swapped",
            "parts = np.array_split(np.argsort(sure), groups)\n"
            "return np.array([[sure[part].mean() for part in parts], [right[part].mean() for part in parts]])",
            "each group has a row",
        ),
        Mistake(
            "numbers of right answers",
            "parts = np.array_split(np.argsort(sure), groups)\n"
            "return np.array([[sure[part].mean(), right[part].sum()] for part in parts])",
            "divide by the number of videos",
        ),
        Mistake(
            "percent",
            "parts = np.array_split(np.argsort(sure), groups)\n"
            "return 100 * np.array([[sure[part].mean(), right[part].mean()] for part in parts])",
            "not percent",
        ),
    ),
    setup="import numpy as np\nimport pandas as pd\n",
)
