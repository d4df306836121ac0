"""A question: which comparison shows what the order of the frames is worth?"""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import choose


def check(needs_order: Any) -> None:
    """Take one of three letters."""
    choose(
        needs_order,
        "b",
        reasons={
            "a": "two things differ, the order and the number of frames: eight frames show more than one, also without an order",
            "c": "the network has never seen a shuffled clip. It may fail because such clips look strange to it; train it on "
            "shuffled clips, too",
        },
    )


EXERCISE = Exercise(
    number="01",
    cell="needs-order-solution",
    defines="needs_order",
    text="""\
**Question: does your dataset need the order?** You have videos of your own, with labels. You want to know how much of the accuracy \
comes from the order of the frames. Which two accuracies do you compare? "a": a 3D network on clips in order, and a 2D network on \
single frames. "b": a 3D network trained and tested on clips in order, and the same network trained and tested on shuffled clips. \
"c": a 3D network trained on clips in order, tested once in order and once on shuffled clips. Set `needs_order` to your choice. \
(difficulty 3 of 5, importance 5 of 5, 3 minutes)""",
    code="""\
### BEGIN SOLUTION
needs_order = "b"
### END SOLUTION
""",
    check=check,
    hints=(
        "Between the two networks of your comparison, only one thing may differ. What differs in each of the three?",
        "A network is good at what it was trained on. So it is fair to train it on the kind of clips that it is tested on.",
    ),
    explanation="In b both networks see the same eight frames and are tested on what they were trained on. Only the order differs. "
    "The reversed clips above are another case: they look like ordinary clips, those of the twin.",
    right=('needs_order = "B"', 'needs_order = " b"'),
    wrong=(
        Mistake("one frame", 'needs_order = "a"', "two things differ"),
        Mistake("not trained on it", 'needs_order = "c"', "has never seen a shuffled clip"),
        Mistake("no choice", 'needs_order = "shuffled"', "answer with one of 'a', 'b', 'c'"),
    ),
)
