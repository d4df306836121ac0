"""The share of the mistakes that pretraining removes."""

import math
from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge


def check(removed: Any) -> None:
    """Ask for a gain, a loss, and for a network that makes no mistake from scratch."""
    scratch, tuned = 0.25, 0.7
    judge(
        removed(scratch, tuned),
        0.6,
        "from 25 % to 70 %: of 75 mistakes in a hundred, 45 are gone, a share of 0.6",
        mistakes={
            "that is the gain in accuracy; set it beside the mistakes that there were": tuned - scratch,
            "that is the share of the mistakes that is left; ask for the part that is gone": (1 - tuned)
            / (1 - scratch),
            "you divide by the accuracy from scratch; divide by the mistakes from scratch": (tuned - scratch) / scratch,
            "you divide by the mistakes after pretraining; divide by those from scratch": (tuned - scratch)
            / (1 - tuned),
            "that is how many times higher the accuracy is; count mistakes": tuned / scratch,
            "the sign is wrong: mistakes that are gone count as positive": -0.6,
            "give a share from 0 to 1, not percent": 60.0,
        },
    )
    judge(removed(0.5, 0.4), -0.2, "from 50 % to 40 % there are more mistakes than before: the share is -0.2, below 0")
    judge(removed(0.0, 0.5), 0.5, "from 0 % to 50 %, half of the mistakes are gone")
    judge(removed(1.0, 1.0), math.nan, "without a mistake from scratch there is no such share: give `np.nan`")


EXERCISE = Exercise(
    number="08",
    cell="share-solution",
    defines="removed",
    text="""\
**Exercise: mistakes removed.** Which share of the mistakes from scratch are gone after pretraining? Where there are no mistakes \
from scratch, give `np.nan`. (difficulty 1 of 5, importance 4 of 5, 5 minutes)""",
    code='''\
def removed(scratch, tuned):
    """Share of the mistakes from scratch that are gone; `scratch` and `tuned` are accuracies in 0-1."""
    ### BEGIN SOLUTION
    return (tuned - scratch) / (1 - scratch) if scratch < 1 else np.nan
    ### END SOLUTION
''',
    setup="import numpy as np",
    check=check,
    hints=(
        "With an accuracy of 0.25, how many of a hundred answers are mistakes? How many are, with 0.7?",
        "The mistakes are 1 - scratch before and 1 - tuned afterwards. Divide what is gone by what there was.",
    ),
    explanation="The gain in accuracy is the number of mistakes that are gone, in a hundred answers. Divided by the mistakes "
    "from scratch it is a share, and two datasets that are not equally hard can be set side by side.",
    right=(
        """
        before, after = 1 - scratch, 1 - tuned
        if before == 0:
            return np.nan
        return 1 - after / before
        """,
        """
        mistakes = 1 - scratch
        return (mistakes - (1 - tuned)) / mistakes if mistakes else float("nan")
        """,
    ),
    wrong=(
        Mistake("points", "return tuned - scratch", "that is the gain in accuracy"),
        Mistake("what is left", "return (1 - tuned) / (1 - scratch)", "that is left"),
        Mistake("by the accuracy", "return (tuned - scratch) / scratch", "you divide by the accuracy"),
        Mistake("by the mistakes left", "return (tuned - scratch) / (1 - tuned)", "those from scratch"),
        Mistake("times", "return tuned / scratch", "how many times higher"),
        Mistake("sign", "return (scratch - tuned) / (1 - scratch)", "the sign is wrong"),
        Mistake("percent", "return 100 * (tuned - scratch) / (1 - scratch)", "not percent"),
        Mistake(
            "cut at zero",
            "return max(0, (tuned - scratch) / (1 - scratch)) if scratch < 1 else np.nan",
            "more mistakes than before",
        ),
    ),
)
