"""A question: what does the third dimension of a kernel cost?"""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge


def check(times_the_work: Any) -> None:
    """Take one number."""
    judge(
        times_the_work,
        24,
        "compare the two factors one by one: the weights of the kernel, and the numbers of the output",
        mistakes={
            "that is the kernel alone; the 3D convolution also has 8 times as many outputs": 3,
            "that is the outputs alone; the kernel is also 3 times as large": 8,
            "each of the 8 output frames needs the larger kernel: the two factors multiply": 11,
            "with 27 weights for 9, the kernel is 3 times as large, not 27 times": 27 * 8,
            "that is the number of weights in the kernel; compare it with the 9 of the 2D kernel": 27,
        },
    )


EXERCISE = Exercise(
    number="02",
    cell="price-solution",
    defines="times_the_work",
    text="""\
**Question: the price** (difficulty 2 of 5, importance 5 of 5, 3 minutes). A 2D convolution with a 3×3 kernel reads one frame. A \
3D convolution with a 3×3×3 kernel reads a clip of 8 frames and, with padding, gives 8 frames. Both have 64 channels before and \
after. How many times as many multiply-accumulates does the 3D convolution do? Set `times_the_work` to the number, then look at the \
table below.""",
    code="""\
### BEGIN SOLUTION
times_the_work = 24
### END SOLUTION
""",
    check=check,
    hints=(
        "A kernel of 3×3×3 has how many times the weights of one of 3×3? And how many times as many outputs are there?",
        "Three times the weights, eight times the outputs. Every output needs all the weights of its kernel.",
    ),
    explanation="Every number of the output costs one multiply-accumulate for each weight of its kernel. The kernel has 3 times the "
    "weights, the output 8 times the numbers: 3 · 8 = 24.",
    right=("times_the_work = 3 * 8", "times_the_work = 27 * 8 / 9"),
    wrong=(
        Mistake("kernel alone", "times_the_work = 3", "that is the kernel alone"),
        Mistake("outputs alone", "times_the_work = 8", "that is the outputs alone"),
        Mistake("added", "times_the_work = 3 + 8", "the two factors multiply"),
        Mistake("whole kernel", "times_the_work = 27 * 8", "not 27 times"),
        Mistake("no number", 'times_the_work = "much"', "it should be a number"),
    ),
)
