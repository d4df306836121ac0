"""Design an experiment: how many test videos does a class need?"""

import math
from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge

WITHIN, SHARE = 0.07, 0.9


def check(videos_needed: Any) -> None:
    """Ask for 7 points to each side at a share of 0.9; then for the usual share, and for another interval."""
    spread = SHARE * (1 - SHARE)
    exact = 1.96**2 * spread / WITHIN**2  # 70.56
    judge(
        videos_needed(WITHIN, share=SHARE),
        71.0,
        "for 7 points to each side, at a share of 0.9, it takes 71 videos; 70 give a little more than 7 points",
        mistakes={
            "round up: with a video less the interval reaches too far": 70.0,
            "give a whole number of videos": exact,
            "the standard error has a square root, so both 1.96 and `within` are squared": _up(1.96 * spread / WITHIN),
            "that is for one standard error; a 95 % interval reaches 1.96 of them to each side": _up(exact / 1.96**2),
            "`within` is the distance to each side, not the whole interval": _up(4 * exact),
            "the interval reaches `within` to each side; do not take `within` twice": _up(exact / 4),
            "use the argument `share`, not 0.5": _up(exact / spread / 4),
            "square 1.96 too": _up(exact / 1.96),
        },
    )
    judge(videos_needed(0.05), 385.0, "without `share`, it is 0.5: for 5 points to each side it takes 385 videos")
    judge(videos_needed(0.25, share=0.2), 10.0, "for 25 points to each side, at a share of 0.2, it takes 10 videos")


def _up(videos: float) -> float:
    return float(math.ceil(videos - 1e-9))


EXERCISE = Exercise(
    number="06",
    cell="videos-needed-solution",
    defines="videos_needed",
    text="""\
**Exercise: design an experiment.** How many test videos of a class do you need, so that the 95 % interval of its accuracy \
reaches at most `within` to each side? With n videos, of which the share p is right, the standard error is the square root of \
p (1 - p) / n, and the interval reaches 1.96 standard errors to each side. Write `videos_needed`: the smallest whole number of \
videos. You do not know p before the test, so `share` is 0.5 if nothing else is given. (difficulty 3 of 5, importance 4 of 5, 10 \
minutes)""",
    code='''\
def videos_needed(within, share=0.5):
    """Videos of a class, so that its accuracy, a share, is known to `within` (0.05: five points) to each side."""
    ### BEGIN SOLUTION
    return int(np.ceil(1.96**2 * share * (1 - share) / within**2))
    ### END SOLUTION
''',
    check=check,
    hints=(
        "Write down what must hold: 1.96 times the standard error is `within`. Square both sides. What is n?",
        "n is `1.96**2 * share * (1 - share) / within**2`. It must be whole, and large enough: `np.ceil` rounds up.",
    ),
    explanation="The interval shrinks with the square root of n, so half the width takes four times the videos. A share of 0.5 has "
    "the largest standard error, so it is the safe choice before a test. Near 0 and 1 this rule is rough; the figure above uses "
    "Wilson's interval, which stays between 0 and 1.",
    right=(
        """
        videos = 1
        while 1.96 * np.sqrt(share * (1 - share) / videos) > within:
            videos += 1
        return videos
        """,
        """
        deviation = (share - share**2) ** 0.5
        return -int(-((1.96 * deviation / within) ** 2) // 1)
        """,
    ),
    wrong=(
        Mistake("rounded down", "return int(1.96**2 * share * (1 - share) / within**2)", "round up"),
        Mistake("not whole", "return 1.96**2 * share * (1 - share) / within**2", "give a whole number"),
        Mistake("no squares", "return int(np.ceil(1.96 * share * (1 - share) / within))", "has a square root"),
        Mistake("one standard error", "return int(np.ceil(share * (1 - share) / within**2))", "for one standard error"),
        Mistake(
            "half of it to each side",
            "return int(np.ceil(1.96**2 * share * (1 - share) / (within / 2) ** 2))",
            "not the whole interval",
        ),
        Mistake(
            "twice to each side",
            "return int(np.ceil(1.96**2 * share * (1 - share) / (2 * within) ** 2))",
            "do not take `within` twice",
        ),
        Mistake("fixed share", "return int(np.ceil(1.96**2 * 0.25 / within**2 - 1e-9))", "use the argument `share`"),
        Mistake("1.96 alone", "return int(np.ceil(1.96 * share * (1 - share) / within**2))", "square 1.96 too"),
    ),
    setup="import numpy as np\n",
)
