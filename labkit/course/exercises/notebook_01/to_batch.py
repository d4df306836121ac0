"""Clips as a dataset gives them, turned into the batch that a network reads."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake, Wrong
from labkit.course.exercises.judging import judge


def check(to_batch: Any) -> None:
    """Ask for a batch whose axes all have different lengths, and for one with as many frames as colours."""
    import torch

    for shape in ((2, 4, 3, 5, 6), (1, 3, 3, 2, 2)):
        draw = torch.Generator().manual_seed(0)
        pixels = torch.randint(0, 200, shape, dtype=torch.uint8, generator=draw)
        clips, frames, colours, height, width = shape
        moved = pixels.transpose(1, 2)
        given = to_batch(pixels.clone())
        judge(
            given,
            moved / 255,
            "the pixels are not those of the clips, divided by 255",
            mistakes={
                "the shape is right, but the pixels are mixed up: `reshape` and `view` do not move an axis; `transpose` and "
                "`permute` do": pixels.reshape(clips, colours, frames, height, width) / 255,
                "the colours still come after time": pixels / 255,
                "time comes last; it should come after the colours, before height": pixels.permute(0, 2, 3, 4, 1) / 255,
                "the clips and the frames have changed places; the colours should move": pixels.transpose(0, 1) / 255,
                "the values still go from 0 to 255; divide by 255": moved.float(),
                "with `//` nearly every value becomes 0; divide with `/`": (moved // 255).float(),
                "the largest value of a pixel is 255, and 255 should become 1": moved / 256,
                "divide by 255, not by the brightest pixel; else a dark clip looks like a bright one": moved
                / pixels.max(),
            },
        )
        if given.dtype != torch.float32:
            kinds = f"{given.dtype}".removeprefix("torch.")
            raise Wrong(f"the values are {kinds}; the weights of a network are float32")


EXERCISE = Exercise(
    number="01",
    cell="to-batch-solution",
    defines="to_batch",
    text="""\
**Exercise 2** (difficulty 2 of 5, importance 5 of 5, 5 minutes). Write `to_batch`: put the colours before time, and divide by 255, \
so that each value lies between 0 and 1.""",
    code='''\
def to_batch(pixels):
    """uint8 `(B, T, C, H, W)` to float32 `(B, C, T, H, W)`, values from 0 to 1."""
    ### BEGIN SOLUTION
    return pixels.transpose(1, 2) / 255
    ### END SOLUTION
''',
    check=check,
    setup="import torch",
    hints=(
        "There are two steps, and only one of them changes numbers. Which method of a tensor exchanges two axes?",
        "`pixels.transpose(1, 2)` exchanges the axes 1 and 2. A tensor of whole numbers divided by 255 has fractions.",
    ),
    explanation="`transpose` moves an axis, and each pixel keeps its place in the picture. `reshape` only counts the same numbers "
    "into another shape: the shape looks right, and the pictures are mixed up. No error tells you.",
    right=(
        "return pixels.permute(0, 2, 1, 3, 4).float() / 255",
        """
        moved = torch.stack(pixels.unbind(1), dim=2)
        return moved.to(torch.float32).mul(1 / 255)
        """,
    ),
    wrong=(
        Mistake(
            "reshape",
            "b, t, c, h, w = pixels.shape\nreturn pixels.reshape(b, c, t, h, w) / 255",
            "the pixels are mixed up",
        ),
        Mistake("axes as they were", "return pixels / 255", "colours still come after time"),
        Mistake("time last", "return pixels.permute(0, 2, 3, 4, 1) / 255", "time comes last"),
        Mistake("not divided", "return pixels.transpose(1, 2).float()", "still go from 0 to 255"),
        Mistake("whole division", "return pixels.transpose(1, 2) // 255", "with `//`"),
        Mistake("256", "return pixels.transpose(1, 2) / 256", "255 should become 1"),
        Mistake("brightest pixel", "return pixels.transpose(1, 2) / pixels.max()", "not by the brightest pixel"),
        Mistake("float64", "return pixels.transpose(1, 2).double() / 255", "float32"),
    ),
    equivalent=("pixels.transpose(1, 2) → pixels.transpose(2, 1)",),
)
