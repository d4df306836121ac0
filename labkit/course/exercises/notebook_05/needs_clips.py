"""A question: which of two networks lacks clips?"""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import choose


def check(needs_clips: Any) -> None:
    """Take one of three letters."""
    choose(
        needs_clips,
        "a",
        reasons={
            "b": "network B does nearly as well on new clips as on its own: it has not even learnt its own clips yet",
            "c": "look at the gaps: 60 points for A, 5 points for B. Only one of them has learnt its clips by heart",
        },
    )


EXERCISE = Exercise(
    number="05",
    cell="needs-clips-solution",
    defines="needs_clips",
    text="""\
**Question: which one needs clips?** Network A is right on 100 % of its own clips and on 40 % of new ones. Network B is right on \
55 % of its own clips and on 50 % of new ones. For which one would you look for more training clips first? "a": for A. "b": for \
B. "c": for both, since both do badly on new clips. Set `needs_clips` to your choice. (difficulty 1 of 5, importance 5 of 5, 2 \
minutes)""",
    code="""\
### BEGIN SOLUTION
needs_clips = "a"
### END SOLUTION
""",
    check=check,
    hints=(
        "How large is the gap of each network?",
        "A large gap means that a network learnt its clips by heart. A network with a low accuracy on its own clips lacks "
        "something else: updates, or size.",
    ),
    explanation="A has a gap of 60 points: it knows its own clips and little else, so it needs other clips. B has a gap of 5 "
    "points: more clips would not help a network that cannot fit those it has. Train it longer, or take a larger one.",
    right=('needs_clips = "A"', 'needs_clips = " a "'),
    wrong=(
        Mistake("the lower accuracy on its own clips", 'needs_clips = "b"', "has not even learnt its own clips"),
        Mistake("both", 'needs_clips = "c"', "look at the gaps"),
        Mistake("no choice", 'needs_clips = "more"', "answer with one of 'a', 'b', 'c'"),
    ),
)
