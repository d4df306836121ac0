"""A question: which experiment shows whether blur is the reason?"""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import choose


def check(blur_test: Any) -> None:
    """Take one of four letters."""
    choose(
        blur_test,
        "c",
        reasons={
            "a": "in more epochs the shape still moves as far from frame to frame: the blur is the same, so nothing about it "
            "is tested",
            "b": "with smaller movements the task changes for every network. If `mean` rises, scratch may rise just as much; "
            "you need both",
            "d": "this kernel is not symmetric, but it averages as many frames: it changes the second explanation and keeps the blur",
        },
    )


EXERCISE = Exercise(
    number="03",
    cell="blur-test-solution",
    defines="blur_test",
    text="""\
**Question: is it blur?** You want to know whether blur is the reason. Which experiment says so? "a": train *scratch* and `mean` for \
16 epochs instead of 8, and compare them. "b": train `mean` on clips that move half as far from frame to frame, and see whether its accuracy \
rises. "c": train *scratch* and `mean` on such clips, and see whether `mean` gains on *scratch*. "d": train the kernel of exercise 3, \
and see whether it gains on `mean`. Set `blur_test` to your choice. (difficulty 4 of 5, importance 4 of 5, 5 minutes)""",
    code="""\
### BEGIN SOLUTION
blur_test = "c"
### END SOLUTION
""",
    check=check,
    hints=(
        "What should come out if blur is the reason, and what if it is not? An experiment whose outcome is the same in both cases says "
        "nothing.",
        "Change the blur and nothing else, and compare with a network that does not blur.",
    ),
    explanation="In c only the distance from frame to frame changes, and *scratch* shows what that alone does to the task. "
    "If blur is the reason, `mean` gains on it. Experiment d is a test of the other explanation, symmetry.",
    right=('blur_test = "C"', 'blur_test = "c "'),
    wrong=(
        Mistake("more epochs", 'blur_test = "a"', "the blur is the same"),
        Mistake("without scratch", 'blur_test = "b"', "scratch may rise just as much"),
        Mistake("the other explanation", 'blur_test = "d"', "it averages as many frames"),
        Mistake("no choice", 'blur_test = "blur"', "answer with one of 'a', 'b', 'c', 'd'"),
    ),
)
