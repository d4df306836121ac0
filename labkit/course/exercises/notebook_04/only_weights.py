"""A question: what is lost if only the weights are kept?"""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import choose


def check(goes_on: Any) -> None:
    """Take one of three letters."""
    choose(
        goes_on,
        "b",
        reasons={
            "a": "the network is the same at that moment, but an update uses more than the weights and the batch. Look at the "
            "list of what a checkpoint holds",
            "c": "the order of the clips is a function of seed, epoch and clip. It is the same, however often you start",
        },
    )


EXERCISE = Exercise(
    number="04",
    cell="only-weights-solution",
    defines="goes_on",
    text="""\
**Question: only the weights.** Somebody keeps nothing but the weights at the end of an epoch. Later they load them and go on with \
a new optimiser, with the right epoch, learning rate and seed. The optimiser is SGD with momentum: its step follows a running sum of \
earlier gradients. Does the training end with the same weights as without a stop? "a": yes, a network is nothing but its weights. \
"b": no, the new optimiser knows no earlier gradients. "c": no, the clips come in another order. Set `goes_on` to your choice. \
(difficulty 2 of 5, importance 4 of 5, 3 minutes)""",
    code="""\
### BEGIN SOLUTION
goes_on = "b"
### END SOLUTION
""",
    check=check,
    hints=(
        "What decides the next update? Go through the list of what a checkpoint holds, and ask for each part whether it is new.",
        "The weights, the learning rate and the batch are the same. Which part has a memory of the updates before?",
    ),
    explanation="With momentum, an update depends on the gradients of earlier updates. A new optimiser has none, so its first "
    "updates differ, and so do all later weights. That is why a checkpoint holds the optimiser's memory too.",
    right=('goes_on = "B"', 'goes_on = " b "'),
    wrong=(
        Mistake("weights are all", 'goes_on = "a"', "an update uses more than the weights"),
        Mistake("another order", 'goes_on = "c"', "a function of seed, epoch and clip"),
        Mistake("no choice", "goes_on = True", "answer with one of 'a', 'b', 'c'"),
    ),
)
