"""Fields as the channels that a 2D network reads."""

from typing import Any

import numpy as np

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge


def check(stacked: Any) -> None:
    """Ask for two fields of five, with numbers that are all different."""
    fields = np.arange(60.0).reshape(5, 2, 3, 2)
    channels = fields.transpose(0, 3, 1, 2)  # (T, 2, H, W)
    want = channels[1:3].reshape(4, 2, 3)
    judge(
        stacked(fields, 1, 2),
        want,
        "the channels of fields 1 and 2 are: right of 1, down of 1, right of 2, down of 2",
        mistakes={
            "all movements to the right come first here; put both numbers of a field side by side": np.concatenate(
                [channels[1:3, 0], channels[1:3, 1]]
            ),
            "right and down are exchanged; the first channel of a field says how far it goes to the right": channels[
                1:3, ::-1
            ].reshape(4, 2, 3),
            "the numbers are mixed up: `reshape` does not move axes; use `transpose` first": fields[1:3].reshape(
                4, 2, 3
            ),
            "height and width are exchanged": want.transpose(0, 2, 1),
            "that is one field too few": channels[1:2].reshape(2, 2, 3),
            "that is one field too many": channels[1:4].reshape(6, 2, 3),
            "the stack should begin with field `first`": channels[:2].reshape(4, 2, 3),
        },
    )
    judge(stacked(fields, 0, 5), channels.reshape(10, 2, 3), "a stack of all 5 fields has 10 channels")


EXERCISE = Exercise(
    number="07",
    cell="stacked-solution",
    defines="stacked",
    text="""\
**Exercise: a stack.** A 2D network reads channels, not time. So the two-stream design lays several fields on top of each other: \
each field gives two channels, first how far to the right, then how far down. Write `stacked`. (difficulty 2 of 5, importance 4 of \
5, 10 minutes)""",
    code='''\
def stacked(fields, first, count):
    """The stack of `count` fields from field `first` on, `(2 * count, H, W)`; `fields` are `(T, H, W, 2)`."""
    ### BEGIN SOLUTION
    some = fields[first : first + count]
    return some.transpose(0, 3, 1, 2).reshape(2 * count, *fields.shape[1:3])
    ### END SOLUTION
''',
    setup="import numpy as np",
    check=check,
    hints=(
        "Take the fields first. Which axis has to stand beside the first one before both become channels?",
        "`transpose(0, 3, 1, 2)` makes `(T, 2, H, W)`. Then `reshape` joins the first two axes.",
    ),
    explanation="After the transpose, the two numbers of a field stand beside each other, and a reshape joins them with time. A "
    "reshape alone would cut rows of the picture in pieces. A stack of ten fields has twenty channels: that is the paper's input.",
    right=(
        """
        channels = []
        for field in fields[first : first + count]:
            channels += [field[..., 0], field[..., 1]]
        return np.stack(channels)
        """,
        "return np.concatenate([np.moveaxis(fields[first + i], -1, 0) for i in range(count)])",
    ),
    wrong=(
        Mistake(
            "all right first",
            """
            some = fields[first : first + count]
            return np.concatenate([some[..., 0], some[..., 1]])
            """,
            "all movements to the right come first",
        ),
        Mistake(
            "reshape alone",
            "return fields[first : first + count].reshape(2 * count, *fields.shape[1:3])",
            "use `transpose` first",
        ),
        Mistake(
            "count as an end",
            "return fields[first:count].transpose(0, 3, 1, 2).reshape(-1, *fields.shape[1:3])",
            "one field too few",
        ),
        Mistake(
            "first ignored",
            "return fields[:count].transpose(0, 3, 1, 2).reshape(-1, *fields.shape[1:3])",
            "begin with field `first`",
        ),
        Mistake(
            "one too many",
            "return fields[first : first + count + 1].transpose(0, 3, 1, 2).reshape(-1, *fields.shape[1:3])",
            "one field too many",
        ),
        Mistake(
            "height and width",
            "return fields[first : first + count].transpose(0, 3, 2, 1).reshape(2 * count, *fields.shape[2:0:-1])",
            "height and width are exchanged",
        ),
    ),
)
