"""Shortcut A: subsample, and fill the new channels with zeros."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake, Wrong
from labkit.course.exercises.judging import judge


def check(shortcut_a: Any) -> None:
    """Compare values for two strides, then see whether a gradient reaches the input."""
    import torch
    import torch.nn.functional as F

    for stride, new in ((2, 4), (3, 1), (1, 0)):
        x = torch.randn(2, 3, 7, 9, 8)
        thin = x[:, :, ::stride, ::stride, ::stride]
        zeros = torch.zeros(2, new, *thin.shape[2:])
        halves = zeros[:, : new // 2], zeros[:, new // 2 :]
        ended = x[:, :, stride - 1 :: stride, stride - 1 :: stride, stride - 1 :: stride]
        judge(
            shortcut_a(x.clone(), 3 + new, stride),
            torch.cat([thin, zeros], 1),
            f"for 3 channels, {3 + new} new ones and stride {stride}, the values are not right",
            mistakes={
                "the new channels come first; they must come last": torch.cat([zeros, thin], 1),
                "half of the new channels come first; all must come last": torch.cat([halves[0], thin, halves[1]], 1),
                "there are as many new channels as `channels`; the old ones count too": F.pad(
                    thin, (0,) * 7 + (3 + new,)
                ),
                "time, height and width must all be subsampled; yours has the sizes of the input": F.pad(
                    x, (0,) * 7 + (new,)
                ),
                "time is not subsampled; it has the stride too": F.pad(
                    x[:, :, :, ::stride, ::stride], (0,) * 7 + (new,)
                ),
                "the channels are not padded": thin,
                "begin to subsample at position 0": F.pad(ended, (0,) * 7 + (new,)),
                "take every second value; do not average": F.pad(
                    F.avg_pool3d(x, stride, ceil_mode=True), (0,) * 7 + (new,)
                ),
            },
        )
    x = torch.randn(1, 2, 4, 4, 4, requires_grad=True)
    out = shortcut_a(x, 4, 2)
    if not out.requires_grad:
        why = "the values are right, but no gradient flows back to the input: `detach`, `.data` and numpy cut it off"
        raise Wrong(why, share=0.5)
    out.sum().backward()
    arriving: Any = x.grad
    judge(arriving.sum(), 2 * 8, "the gradient at the input is not right: each kept value must get a gradient of 1")


EXERCISE = Exercise(
    number="02",
    cell="shortcut-solution",
    defines="shortcut_a",
    text="""\
**Exercise 2** (difficulty 2 of 5, importance 4 of 5, 10 minutes). Write shortcut A. Subsample with a slice, then pad the \
channels. `F.pad(x, ...)` takes pairs (before, after) from the *last* dimension to the first, so the channels are the fourth pair.""",
    code='''\
def shortcut_a(x, channels, stride):
    """`(B, C, T, H, W)` to `(B, channels, T/stride, H/stride, W/stride)`; the new channels come last and are zero."""
    ### BEGIN SOLUTION
    x = x[:, :, ::stride, ::stride, ::stride]
    return F.pad(x, (0, 0, 0, 0, 0, 0, 0, channels - x.shape[1]))
    ### END SOLUTION
''',
    setup="import torch\nimport torch.nn.functional as F",
    check=check,
    hints=(
        "A slice with a step, `::stride`, takes every second value. Which of the five dimensions need it?",
        "Slice the last three dimensions. Then F.pad needs eight numbers: six zeros for width, height and time, then the pair of "
        "the channels. How many channels are missing?",
    ),
    explanation="A slice and a pad are both differentiable, so the gradient reaches the block's input. A well-known "
    "implementation made the zeros with `.data`: the forward pass was right, and no gradient came back.",
    right=(
        """
        thin = x[..., ::stride, ::stride, ::stride]
        b, c, *rest = thin.shape
        return torch.cat([thin, torch.zeros(b, channels - c, *rest, dtype=x.dtype, device=x.device)], dim=1)
        """,
        """
        thin = F.max_pool3d(x, kernel_size=1, stride=stride)
        out = thin.new_zeros(thin.shape[0], channels, *thin.shape[2:])
        out[:, : thin.shape[1]] = thin
        return out
        """,
    ),
    wrong=(
        Mistake(
            "zeros first",
            "x = x[:, :, ::stride, ::stride, ::stride]\nreturn F.pad(x, (0, 0, 0, 0, 0, 0, channels - x.shape[1], 0))",
            "the new channels come first",
        ),
        Mistake(
            "too many channels",
            "x = x[:, :, ::stride, ::stride, ::stride]\nreturn F.pad(x, (0, 0, 0, 0, 0, 0, 0, channels))",
            "the old ones count too",
        ),
        Mistake(
            "time kept",
            "x = x[:, :, :, ::stride, ::stride]\nreturn F.pad(x, (0, 0, 0, 0, 0, 0, 0, channels - x.shape[1]))",
            "time is not subsampled",
        ),
        Mistake("not padded", "return x[:, :, ::stride, ::stride, ::stride]", "the channels are not padded"),
        Mistake(
            "average",
            "x = F.avg_pool3d(x, stride, ceil_mode=True)\nreturn F.pad(x, (0, 0, 0, 0, 0, 0, 0, channels - x.shape[1]))",
            "do not average",
        ),
        Mistake(
            "detached",
            "x = x[:, :, ::stride, ::stride, ::stride].detach()\n"
            "return F.pad(x, (0, 0, 0, 0, 0, 0, 0, channels - x.shape[1]))",
            "no gradient flows back",
        ),
        Mistake(
            "pad from the first dimension",
            "x = x[:, :, ::stride, ::stride, ::stride]\nreturn F.pad(x, (0, 0, 0, channels - x.shape[1]))",
            "it should be a tensor of shape (2, 7, 4, 5, 4)",
        ),
    ),
)
