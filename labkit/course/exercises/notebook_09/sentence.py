"""A question: what do two trainings of a deep network show?"""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import choose


def check(sentence: Any) -> None:
    """Take one of three letters."""
    choose(
        sentence,
        "b",
        reasons={
            "a": "with more updates it came nearer, so the first comparison shows how fast the networks learn; nobody has seen "
            "where the deep one ends",
            "c": "perhaps it will; but no measurement went that far, and a line that rises may end below the other",
        },
    )


EXERCISE = Exercise(
    number="09",
    cell="sentence-solution",
    defines="sentence",
    text="""\
**Question: which sentence may you write?** After 100 updates, a deep network is 20 points below a shallow one. After 200 updates \
of both, it is 10 points below. "a": deep networks cannot reach shallow ones. "b": after 200 updates the deep network is behind, \
and the distance has shrunk. "c": with enough updates the deep network wins. Set `sentence` to your choice. (difficulty 2 of 5, \
importance 5 of 5, 3 minutes)""",
    code="""\
### BEGIN SOLUTION
sentence = "b"
### END SOLUTION
""",
    check=check,
    hints=(
        "Which of the sentences says only what was measured?",
        "Two of the sentences speak of networks that nobody trained: of all deep networks, or of many more updates.",
    ),
    explanation="A measurement speaks of the updates that were made. That the distance shrinks is a reason to train longer, not a "
    "result of training longer.",
    right=('sentence = "B"', 'sentence = " b "'),
    wrong=(
        Mistake("depth is bad", 'sentence = "a"', "how fast the networks learn"),
        Mistake("depth wins", 'sentence = "c"', "no measurement went that far"),
        Mistake("no choice", 'sentence = "all"', "answer with one of"),
    ),
)
