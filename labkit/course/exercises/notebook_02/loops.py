"""The sum inside a 3D convolution."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge


def check(conv3d_by_loops: Any) -> None:
    """Compare with torch, on a clip and a kernel whose sizes all differ."""
    import torch
    import torch.nn.functional as F

    clip = torch.randn(2, 4, 5, 6, dtype=torch.float64)
    weight = torch.randn(3, 2, 2, 3, 4, dtype=torch.float64)
    got = conv3d_by_loops(clip.clone(), weight.clone())
    want = F.conv3d(clip[None], weight)[0]
    ones = torch.ones_like(weight)
    judge(
        got,
        want,
        "the output is not torch's. Take the box of the clip that begins at (i, y, x), and weight[k]",
        mistakes={
            "the output is still zero: write each sum into out[k, i, y, x]": torch.zeros_like(want),
            "your sum has only the first channel; take the box from all channels": F.conv3d(
                clip[None, :1], weight[:, :1]
            )[0],
            "that is the mean of the products; take their sum": want / weight[0].numel(),
            "multiply the box and the kernel value by value, and add up afterwards; you multiplied two sums": F.conv3d(
                clip[None], ones
            )[0]
            * weight.sum((1, 2, 3, 4)).reshape(-1, 1, 1, 1),
            "your kernel is turned around; the convolution of a network does not flip it": F.conv3d(
                clip[None], weight.flip(2, 3, 4)
            )[0],
            "that is the sum of the box alone; multiply it with the kernel": F.conv3d(clip[None], ones)[0],
            "you used the kernel of the first output channel for all; take weight[k]": want[:1].repeat(3, 1, 1, 1),
        },
    )


EXERCISE = Exercise(
    number="02",
    cell="loops",
    defines="conv3d_by_loops",
    text="""\
**Exercise 1** (difficulty 2 of 5, importance 5 of 5, 10 minutes). Fill in the sum. Each output channel has one number for each \
place of the kernel: multiply the kernel with the box of the clip below it, value by value, and add up the products. Use no stride \
and no padding.""",
    code='''\
def conv3d_by_loops(clip, weight):
    """`(C, T, H, W)` and `(O, C, t, h, w)` to `(O, T - t + 1, H - h + 1, W - w + 1)`."""
    o, _, t, h, w = weight.shape
    shape = [n - k + 1 for n, k in zip(clip.shape[1:], (t, h, w), strict=True)]
    out = torch.zeros(o, *shape, dtype=clip.dtype)
    for k in range(o):
        for i in range(shape[0]):
            for y in range(shape[1]):
                for x in range(shape[2]):
                    ### BEGIN SOLUTION
                    box = clip[:, i : i + t, y : y + h, x : x + w]  # (C, t, h, w)
                    out[k, i, y, x] = (box * weight[k]).sum()
                    ### END SOLUTION
    return out
''',
    setup="import torch",
    check=check,
    hints=(
        "The box begins at frame i, row y and column x, and is as large as the kernel. It has all channels.",
        "The box is clip[:, i : i + t, y : y + h, x : x + w]. It has the shape of weight[k]. Where does the sum go?",
    ),
    explanation="The box and the kernel have the same shape, (C, t, h, w). So they can be multiplied value by value, and one sum "
    "over everything gives one number of the output.",
    right=(
        'out[k, i, y, x] = torch.einsum("cthw,cthw->", clip[:, i : i + t, y : y + h, x : x + w], weight[k])',
        """
        total = 0.0
        for a in range(t):
            for b in range(h):
                for c in range(w):
                    total = total + (clip[:, i + a, y + b, x + c] * weight[k, :, a, b, c]).sum()
        out[k, i, y, x] = total
        """,
    ),
    wrong=(
        Mistake(
            "one channel",
            "out[k, i, y, x] = (clip[0, i : i + t, y : y + h, x : x + w] * weight[k, 0]).sum()",
            "only the first channel",
        ),
        Mistake(
            "mean",
            "out[k, i, y, x] = (clip[:, i : i + t, y : y + h, x : x + w] * weight[k]).mean()",
            "that is the mean",
        ),
        Mistake(
            "product of sums",
            "out[k, i, y, x] = clip[:, i : i + t, y : y + h, x : x + w].sum() * weight[k].sum()",
            "you multiplied two sums",
        ),
        Mistake(
            "flipped kernel",
            "out[k, i, y, x] = (clip[:, i : i + t, y : y + h, x : x + w] * weight[k].flip(1, 2, 3)).sum()",
            "turned around",
        ),
        Mistake("nothing written", "box = clip[:, i : i + t, y : y + h, x : x + w]", "still zero"),
        Mistake(
            "no kernel", "out[k, i, y, x] = clip[:, i : i + t, y : y + h, x : x + w].sum()", "the sum of the box alone"
        ),
        Mistake(
            "first kernel",
            "out[k, i, y, x] = (clip[:, i : i + t, y : y + h, x : x + w] * weight[0]).sum()",
            "take weight[k]",
        ),
        Mistake(
            "window too short",
            "out[k, i, y, x] = (clip[:, i : i + t - 1, y : y + h, x : x + w] * weight[k, :, :-1]).sum()",
            "the output is not torch's",
        ),
    ),
)
