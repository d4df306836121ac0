"""A question: how many numbers learn with fixed features?"""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge

FEATURES, CLASSES = 128, 6


def check(learning: Any) -> None:
    """Take the number of weights and biases of the classifier."""
    judge(
        learning,
        (FEATURES + 1) * CLASSES,
        "count the weights of one class first, then its bias; then take all classes",
        mistakes={
            "each class has one number more, which is added to its sum: the bias": FEATURES * CLASSES,
            "the classifier answers with the new classes alone, six of them": (FEATURES + 1) * 2 * CLASSES,
            "every class has a weight for every feature, so the two numbers are multiplied": FEATURES + CLASSES,
            "that is one class; there are six": FEATURES + 1,
            "a class has one bias, not one for each feature": 2 * FEATURES * CLASSES,
        },
    )


EXERCISE = Exercise(
    number="08",
    cell="head-size-solution",
    defines="learning",
    text="""\
**Question: how many numbers learn?** A network of `width` 16 gives 128 features to its classifier, an `nn.Linear` with bias. There \
are 6 new classes. How many numbers learn with *fixed features*? Set `learning` to the number, or to a product. (difficulty 1 of \
5, importance 3 of 5, 3 minutes)""",
    code="""\
### BEGIN SOLUTION
learning = 128 * 6 + 6
### END SOLUTION
""",
    check=check,
    hints=(
        "An `nn.Linear` multiplies each feature with a weight, for every class, and adds a number at the end.",
        "There are 128 weights and one bias for each of the 6 classes.",
    ),
    explanation="There are 128 × 6 weights and 6 biases. The whole network has several hundred thousand numbers: with fixed "
    "features, few clips have few numbers to choose.",
    right=("learning = 774", "learning = (128 + 1) * 6"),
    wrong=(
        Mistake("no bias", "learning = 128 * 6", "the bias"),
        Mistake("old classes too", "learning = 128 * 12 + 12", "the new classes alone"),
        Mistake("sum", "learning = 128 + 6", "multiplied"),
        Mistake("one class", "learning = 129", "that is one class"),
    ),
)
