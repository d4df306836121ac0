"""The flow of a video that is played backwards."""

from typing import Any

import numpy as np

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge


def check(backwards: Any) -> None:
    """Ask for three fields of two points with numbers that are all different."""
    fields = np.arange(1.0, 25.0).reshape(3, 2, 2, 2)
    before = fields.copy()
    judge(
        backwards(fields),
        -before[::-1],
        "the last field comes first, and both of its numbers change their sign",
        mistakes={
            "the order is right; but what moved to the right now moves to the left, so the sign changes too": before[
                ::-1
            ],
            "the signs are right; but the last field comes first in a video played backwards": -before,
            "you turned the picture round; time is the first axis": -before[:, ::-1],
            "you mirrored the picture; time is the first axis": -before[:, :, ::-1],
            "you exchanged right and down; time is the first axis": -before[..., ::-1],
            "only movements to the right changed their sign; those down do so too": before[::-1] * [-1, 1],
            "all axes are turned round; only time is, the first one": -before[::-1, ::-1, ::-1, ::-1],
        },
    )
    judge(fields, before, "your function changed the fields that it was given; make new ones")


EXERCISE = Exercise(
    number="07",
    cell="backwards-solution",
    defines="backwards",
    text="""\
**Exercise: backwards.** In a video that is played backwards, what was the last field comes first, and everything goes the other \
way. Write the flow of the video backwards. (difficulty 1 of 5, importance 5 of 5, 5 minutes)""",
    code='''\
def backwards(fields):
    """The flow of a video played backwards, `(T, H, W, 2)`; `fields` are in pixels, from each frame to the next."""
    ### BEGIN SOLUTION
    return -fields[::-1]
    ### END SOLUTION
''',
    setup="import numpy as np",
    check=check,
    hints=(
        "Two things change: which field comes first, and the direction in which every point goes.",
        "`fields[::-1]` has the last field first. A minus turns every movement round.",
    ),
    explanation="A point that went 2 pixels to the right between two frames goes 2 pixels to the left when the second frame comes "
    "first. A 2D network on a single field can therefore tell a motion from its twin; on a single frame it cannot.",
    right=(
        "return np.flip(fields, axis=0) * -1",
        "return np.stack([0 - one for one in reversed(list(fields))])",
    ),
    wrong=(
        Mistake("order alone", "return fields[::-1]", "so the sign changes too"),
        Mistake("sign alone", "return -fields", "the last field comes first"),
        Mistake("height", "return -fields[:, ::-1]", "you turned the picture round"),
        Mistake("width", "return -fields[:, :, ::-1]", "you mirrored the picture"),
        Mistake("components", "return -fields[..., ::-1]", "you exchanged right and down"),
        Mistake("one component", "return fields[::-1] * np.array([-1, 1])", "those down do so too"),
        Mistake("all axes", "return -np.flip(fields)", "all axes are turned round"),
        Mistake("in place", "fields *= -1\nreturn fields[::-1]", "make new ones"),
    ),
)
