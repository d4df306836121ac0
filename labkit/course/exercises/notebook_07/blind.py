"""A question: which stream cannot notice that frames are shuffled?"""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import choose


def check(blind: Any) -> None:
    """Take one of three letters."""
    choose(
        blind,
        "a",
        reasons={
            "b": "a kernel over time sees frames side by side; in another order it sees other neighbours",
            "c": "an LSTM reads the frames one after the other, and what it remembers depends on the order",
        },
    )


EXERCISE = Exercise(
    number="07",
    cell="blind-solution",
    defines="blind",
    text="""\
**Question: which one is blind?** Three networks read the frames of a video. "a": a 2D network looks at each frame, and the mean of \
its scores is the answer. "b": a network with 3D kernels. "c": a 2D network whose features an LSTM reads. The frames are shuffled. \
Which network must give the same answer as before? Set `blind` to your choice. (difficulty 1 of 5, importance 5 of 5, 2 minutes)""",
    code="""\
### BEGIN SOLUTION
blind = "a"
### END SOLUTION
""",
    check=check,
    hints=(
        "What does each network do with two neighbouring frames?",
        "A mean does not depend on the order of its numbers.",
    ),
    explanation="The 2D network sees each frame alone, and the mean of some numbers is the same in any order. So it cannot tell a "
    "motion from its twin. The other two can learn the order; whether they do is a question for an experiment.",
    right=('blind = "A"', 'blind = " a "'),
    wrong=(
        Mistake("3D kernels", 'blind = "b"', "other neighbours"),
        Mistake("LSTM", 'blind = "c"', "depends on the order"),
        Mistake("no choice", 'blind = "none"', "answer with one of"),
    ),
)
