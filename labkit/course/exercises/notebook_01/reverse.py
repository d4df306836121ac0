"""A batch played backwards."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake, Wrong
from labkit.course.exercises.judging import judge


def check(backwards: Any) -> None:
    """Turn batches whose five axes have different lengths, with an even and an odd number of frames."""
    import torch

    for frames in (4, 5):
        batch = torch.arange(2 * 3 * frames * 7 * 6.0).reshape(2, 3, frames, 7, 6)
        given = batch.clone()
        judge(
            backwards(given),
            batch.flip(2),
            "the last frame should come first, and each picture stay as it is",
            mistakes={
                "the batch comes back as it was": batch,
                "that turns the order of the clips; time is the third axis, and axes are counted from 0": batch.flip(0),
                "that turns the order of the colours; time is the third axis, and axes are counted from 0": batch.flip(
                    1
                ),
                "that turns the pictures upside down; time is the third axis, and axes are counted from 0": batch.flip(
                    3
                ),
                "that makes mirror images; time is the third axis, and axes are counted from 0": batch.flip(4),
                "that turns all axes, so the pictures are upside down as well": batch.flip(0, 1, 2, 3, 4),
                "that turns the pictures too; turn the axis of time alone": batch.flip(2, 3, 4),
                "that moves the last frame to the front; the others should change places too": batch.roll(1, 2),
            },
        )
        if not torch.equal(given, batch):
            raise Wrong("the batch that your function gets is changed; make a new one")


EXERCISE = Exercise(
    number="01",
    cell="reverse-solution",
    defines="backwards",
    text="**Exercise 3** (difficulty 1 of 5, importance 4 of 5, 3 minutes). Play a batch backwards.",
    code='''\
def backwards(batch):
    """`(B, C, T, H, W)` to the same shape, last frame first."""
    ### BEGIN SOLUTION
    return batch.flip(2)
    ### END SOLUTION
''',
    check=check,
    setup="import torch",
    hints=(
        "Which axis of `(B, C, T, H, W)` is time? A tensor has a method that turns an axis round.",
        "`tensor.flip(axis)` turns one axis round. Axes are counted from 0: B is 0, C is 1.",
    ),
    explanation="Time is axis 2. NumPy can take a slice with a step of -1, torch cannot; `flip` makes a turned copy.",
    right=(
        "return torch.stack(batch.unbind(2)[::-1], dim=2)",
        """
        last = batch.shape[2] - 1
        return batch[:, :, [last - t for t in range(last + 1)]]
        """,
    ),
    wrong=(
        Mistake("clips", "return batch.flip(0)", "the order of the clips"),
        Mistake("colours", "return batch.flip(1)", "the order of the colours"),
        Mistake("counted from 1", "return batch.flip(3)", "upside down; time"),
        Mistake("the last axis", "return batch.flip(-1)", "mirror images"),
        Mistake("all axes", "return batch.flip(*range(batch.ndim))", "turns all axes"),
        Mistake("shifted", "return batch.roll(1, dims=2)", "moves the last frame to the front"),
        Mistake("in place", "batch[:] = batch.flip(2)\nreturn batch", "is changed"),
    ),
)
