"""Do two times differ, as far as their rounds show?"""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake, Wrong
from labkit.course.exercises.judging import judge, same

APART = "`first` has the times 8, 9, 7, and `second` has 5, 4, 6: all of `first` lie above all of `second`, so the answer is 1"
OVERLAP = "8, 6, 9 and 5, 7, 4 overlap, since 6 lies below 7; the answer is 0"


def check(compared: Any) -> None:
    """Ask for times that lie apart, in both orders; then for ranges that overlap, touch or lie within each other."""
    above, below = compared([8, 9, 7], [5, 4, 6]), compared([5, 4, 6], [8, 9, 7])
    if same(above, -1) and same(below, 1):
        raise Wrong("the sign is wrong: 1 means that the times of `first` are the larger ones")
    if same(above, 1) and same(below, 0):
        raise Wrong("you look at one side only: where `first` lies below `second`, the answer is -1")
    judge(above, 1.0, APART)
    judge(below, -1.0, "where all times of `first` lie below those of `second`, the answer is -1")
    judge(compared([8, 6, 9], [5, 7, 4]), 0.0, OVERLAP, mistakes={f"{OVERLAP}. Compare ranges, not middle values": 1.0})
    judge(
        compared([4, 8], [3, 7]),
        0.0,
        "4 to 8 and 3 to 7 overlap: compare each time with every other, not round by round",
    )
    judge(compared([3, 3, 4], [9, 2, 9]), 0.0, "3, 3, 4 lies within the range of 9, 2, 9: the answer is 0")
    judge(compared([6, 8], [5, 6]), 0.0, "ranges that touch do not lie apart: for 6, 8 and 5, 6 the answer is 0")
    judge(compared([5, 6], [6, 8]), 0.0, "ranges that touch do not lie apart: for 5, 6 and 6, 8 the answer is 0")


EXERCISE = Exercise(
    number="04",
    cell="two-times-solution",
    defines="compared",
    text="""\
**Exercise: do two times differ?** `first` and `second` are lists with the times of two works, a number for each round. Write \
`compared`: 1 where every time of `first` lies above every time of `second`, -1 where every time lies below, and 0 where the two \
ranges overlap or touch. (difficulty 2 of 5, importance 4 of 5, 5 minutes)""",
    code='''\
def compared(first, second):
    """1, -1 or 0: the times of `first` lie above those of `second`, below them, or the ranges overlap."""
    ### BEGIN SOLUTION
    if min(first) > max(second):
        return 1
    if max(first) < min(second):
        return -1
    return 0
    ### END SOLUTION
''',
    check=check,
    hints=(
        "Which two of the numbers decide whether all of `first` lie above all of `second`?",
        "All lie above if `min(first) > max(second)`. What is the same for below?",
    ),
    explanation="Only the smallest of one list and the largest of the other count. Two medians differ nearly always, also for "
    "the same work timed twice. Ranges that lie apart are a stricter sign. `Spread.side` of `labkit.timing` does the same.",
    right=(
        """
        above = all(one > other for one in first for other in second)
        below = all(one < other for one in first for other in second)
        return int(above) - int(below)
        """,
        """
        signs = {int(np.sign(one - other)) for one in first for other in second}
        return signs.pop() if len(signs) == 1 else 0
        """,
        "return Spread(first).side(Spread(second))",
    ),
    wrong=(
        Mistake(
            "medians",
            "return int(np.sign(np.median(first) - np.median(second)))",
            "Compare ranges, not middle values",
        ),
        Mistake(
            "round by round",
            "signs = {int(np.sign(one - other)) for one, other in zip(first, second)}\n"
            "return signs.pop() if len(signs) == 1 else 0",
            "not round by round",
        ),
        Mistake("sign", "return int(max(first) < min(second)) - int(min(first) > max(second))", "the sign is wrong"),
        Mistake("one side", "return int(min(first) > max(second))", "you look at one side only"),
        Mistake(
            "touching",
            "return int(min(first) >= max(second)) - int(max(first) <= min(second))",
            "ranges that touch do not lie apart",
        ),
        Mistake("a sentence", 'return "longer" if min(first) > max(second) else "shorter"', "it should be a number"),
    ),
    setup="from labkit.timing import Spread\nimport numpy as np\n",
)
