"""The weights of a grouped convolution."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge


def check(weights_of: Any) -> None:
    """Ask for four groups of unequal channels; then for one group, the default."""
    judge(
        weights_of(128, 64, 3, 4),
        55296,
        "128 outputs, 64 inputs, a 3×3×3 kernel and 4 groups have 55,296 weights: 4 · 32 · 16 · 27",
        mistakes={
            "that is a convolution without groups; each group sees only its own channels": 128 * 64 * 27,
            "that is one group; there are `groups` of them": 32 * 16 * 27,
            "the kernel is a cube: its edge to the power of 3": 4 * 32 * 16 * 9,
            "groups make it cheaper; you made it more expensive": 128 * 64 * 27 * 4,
        },
    )
    judge(weights_of(8, 6, 5), 8 * 6 * 125, "without `groups` there is one group: outputs · inputs · kernel³")


EXERCISE = Exercise(
    number="02",
    cell="groups",
    defines="weights_of",
    text="""\
**Exercise 3** (difficulty 2 of 5, importance 4 of 5, 5 minutes). A grouped convolution splits its channels into `groups` and \
convolves each group by itself. How many weights are left? Fill in the formula.""",
    code='''\
def weights_of(outputs, inputs, kernel, groups=1):
    """Weights of a 3D convolution whose kernel is a cube, without bias."""
    ### BEGIN SOLUTION
    return groups * (outputs // groups) * (inputs // groups) * kernel**3
    ### END SOLUTION
''',
    check=check,
    hints=(
        "How many channels does one group read, and how many does it give?",
        "One group has (outputs / groups) · (inputs / groups) kernels. How many groups are there, and how large is a kernel?",
    ),
    explanation="Each group is a small convolution with a share of the inputs and of the outputs. All groups together have 1/groups "
    "of the weights of the whole convolution.",
    right=(
        "return outputs * (inputs // groups) * kernel * kernel * kernel",
        "return sum(outputs // groups * inputs // groups * kernel**3 for _ in range(groups))",
    ),
    wrong=(
        Mistake("no groups", "return outputs * inputs * kernel**3", "without groups"),
        Mistake("one group", "return (outputs // groups) * (inputs // groups) * kernel**3", "that is one group"),
        Mistake(
            "a square", "return groups * (outputs // groups) * (inputs // groups) * kernel**2", "the kernel is a cube"
        ),
        Mistake("times the groups", "return groups * outputs * inputs * kernel**3", "more expensive"),
    ),
)
