"""The loss of a network that prefers no class."""

import math
from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge


def check(first_loss: Any) -> None:
    """Ask for twelve classes, then for two and for one."""
    judge(
        first_loss(12),
        math.log(12),
        "with twelve classes each gets a share of 1/12, and the loss is 2.485",
        mistakes={
            "take the natural logarithm, not the one to the base 2": math.log2(12),
            "take the natural logarithm, not the one to the base 10": math.log10(12),
            "that is the share of each class; the loss is minus its logarithm": 1 / 12,
            "the sign is wrong: the logarithm of a share is negative, and the loss is minus that": -math.log(12),
            "the loss does not grow with the number of classes itself, but with its logarithm": 12,
            "the share of each class is 1 / classes, not 1 / (classes - 1): the right class is one of them": math.log(
                11
            ),
            "only the right class counts in the loss; do not add up the others": 12 * math.log(12),
        },
    )
    judge(first_loss(2), math.log(2), "with two classes the loss is 0.693")
    judge(first_loss(1), 0, "with a single class nothing can be wrong: the loss is 0")


EXERCISE = Exercise(
    number="04",
    cell="first-loss-solution",
    defines="first_loss",
    text="""\
**Exercise: the first loss.** Before its training a network has no reason to prefer a class. Say it gives the same share to each \
of `classes` classes. Which loss does it have? Write `first_loss`. (difficulty 1 of 5, importance 4 of 5, 3 minutes)""",
    code='''\
def first_loss(classes):
    """Cross-entropy, in nats, of a network that gives the same share to every class."""
    ### BEGIN SOLUTION
    return -np.log(1 / classes)
    ### END SOLUTION
''',
    check=check,
    hints=(
        "Which share does the right class get? The cross-entropy is minus the natural logarithm of this share.",
        "The share is 1 / classes. `np.log` is the natural logarithm.",
    ),
    explanation="The right class gets 1 / classes, whichever it is. Minus the logarithm of that is the logarithm of the number "
    "of classes. If a training starts far above this value, look at the weights at the start and at the scale of the pixels.",
    right=(
        "return np.log(classes)",
        "return float(F.cross_entropy(torch.zeros(1, classes), torch.tensor([0])))",
    ),
    wrong=(
        Mistake("base 2", "return np.log2(classes)", "not the one to the base 2"),
        Mistake("base 10", "return np.log10(classes)", "not the one to the base 10"),
        Mistake("the share", "return 1 / classes", "that is the share of each class"),
        Mistake("sign", "return np.log(1 / classes)", "the sign is wrong"),
        Mistake("no logarithm", "return classes", "with its logarithm"),
        Mistake("the other classes", "return np.log(classes - 1) if classes > 1 else 0.0", "not 1 / (classes - 1)"),
        Mistake("sum over the classes", "return -sum(np.log(1 / classes) for _ in range(classes))", "do not add up"),
    ),
    setup="import numpy as np\nimport torch\nfrom torch.nn import functional as F\n",
)
