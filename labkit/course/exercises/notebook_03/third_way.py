"""A kernel that sums to the 2D weight over time and is not its own mirror image. There are many right answers."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake, Wrong
from labkit.course.exercises.judging import form, same


def check(third_way: Any) -> None:
    """Look at the sum over time, and at the mirror image in time, of kernels of 3, 4 and 7 frames."""
    import torch

    weight = 1.0 + torch.arange(2 * 3 * 5 * 6.0).reshape(2, 3, 5, 6)
    for frames in (3, 4, 7):
        given = weight.clone()
        kernel = third_way(given, frames)
        if not torch.equal(given, weight):
            raise Wrong("the weight of the 2D network itself has changed; make a new one")
        _judge_sum(kernel, weight, frames)
        _judge_mirror(kernel, frames)


def _judge_sum(kernel: Any, weight: Any, frames: int) -> None:
    import torch

    want = torch.zeros(2, 3, frames, 5, 6)
    if form(kernel) != form(want):
        raise Wrong(f"with {frames} frames the result is {form(kernel)}; it should be {form(want)}")
    total = kernel.sum(2)
    times = (total / weight).mean().item()
    if same(total, weight):
        return
    if same(total, times * weight):
        raise Wrong(f"with {frames} frames your kernel sums to {times:.3g} times w over time; it should sum to w")
    raise Wrong("the slices over time should sum to w at every place; yours do so at some places only, or nowhere")


def _judge_mirror(kernel: Any, frames: int) -> None:
    used = [t for t in range(frames) if kernel[:, :, t].abs().max() > 0]
    part = kernel[:, :, used[0] : used[-1] + 1]
    if not same(part, part.flip(2)):
        return
    if len(used) == 1 and used[0] in ((frames - 1) // 2, frames // 2):
        raise Wrong("that is `centre`: it looks at one frame, so it cannot tell which frame comes first")
    if len(used) == 1:
        raise Wrong(
            "a kernel with one slice only moves the video in time: forwards or backwards, it sees single frames"
        )
    if same(kernel, kernel[:, :, :1].expand_as(kernel)):
        raise Wrong("that is `mean`: all slices are equal, so the reversed clip gives the same sums")
    raise Wrong("your kernel is its own mirror image in time, so forwards and backwards give the same sums")


EXERCISE = Exercise(
    number="03",
    cell="third-way-solution",
    defines="third_way",
    text="""\
**Exercise 3** (difficulty 4 of 5, importance 3 of 5, 15 minutes). The kernels of `mean` and `centre` are their own mirror images in \
time. Played backwards, a clip gives them the same sums, in reverse order. Design a third way: a kernel that sums to w over time and \
can tell forwards from backwards. There are many right answers; the check looks at these two properties. A kernel has 3 frames or \
more.""",
    code='''\
def third_way(weight, frames):
    """`(O, I, H, W)` to `(O, I, frames, H, W)`, summing to `weight` over time, with another mirror image in time."""
    ### BEGIN SOLUTION
    ramp = torch.arange(1.0, frames + 1)
    return weight.unsqueeze(2) * (ramp / ramp.sum()).view(-1, 1, 1)
    ### END SOLUTION
''',
    check=check,
    setup="import numpy as np\nimport torch",
    hints=(
        "Give each slice a share of w. Which property must the shares have, all together? Which property must they not have?",
        "Shares such as 1/6, 2/6, 3/6 sum to 1 and rise. For any number of frames: count from 1, and divide by the sum. Multiply "
        "`weight.unsqueeze(2)` by the shares in the shape `(frames, 1, 1)`.",
    ),
    explanation="Shares that rise with time sum to 1 and are not symmetric. Slices with a minus sign are allowed, too: w + d, w, w - d, "
    "each divided by 3, also sees how a pixel changes. A single slice at the start is not enough: it only delays the video.",
    right=(
        """
        kernel = (weight / frames).unsqueeze(2).repeat(1, 1, frames, 1, 1)
        kernel[:, :, 0] *= 0.5
        kernel[:, :, -1] *= 1.5
        return kernel
        """,
        """
        shares = torch.softmax(torch.linspace(0, 1, frames), dim=0)
        return torch.stack([share * weight for share in shares], dim=2)
        """,
        """
        kernel = weight.new_zeros(*weight.shape[:2], frames, *weight.shape[2:])
        kernel[:, :, 0], kernel[:, :, 1] = -weight, 2 * weight
        return kernel
        """,
    ),
    wrong=(
        Mistake("mean", "return (weight / frames).unsqueeze(2).repeat(1, 1, frames, 1, 1)", "that is `mean`"),
        Mistake(
            "centre",
            """
            kernel = weight.new_zeros(*weight.shape[:2], frames, *weight.shape[2:])
            kernel[:, :, frames // 2] = weight
            return kernel
            """,
            "that is `centre`",
        ),
        Mistake(
            "first slice",
            """
            kernel = weight.new_zeros(*weight.shape[:2], frames, *weight.shape[2:])
            kernel[:, :, 0] = weight
            return kernel
            """,
            "only moves the video in time",
        ),
        Mistake(
            "first and last slice",
            """
            kernel = weight.new_zeros(*weight.shape[:2], frames, *weight.shape[2:])
            kernel[:, :, 0] = kernel[:, :, -1] = weight / 2
            return kernel
            """,
            "its own mirror image",
        ),
        Mistake(
            "not divided by the sum",
            "return weight.unsqueeze(2) * torch.arange(1.0, frames + 1).view(-1, 1, 1)",
            "sums to 6 times w",
        ),
        Mistake(
            "divided by the frames",
            "return weight.unsqueeze(2) * torch.arange(1.0, frames + 1).view(-1, 1, 1) / frames",
            "sums to 2 times w",
        ),
        Mistake(
            "softmax over height",
            "return torch.softmax(torch.randn(frames, 5, 1), dim=1) * weight.unsqueeze(2)",
            "at some places only",
        ),
        Mistake(
            "in place",
            "weight /= frames\nreturn torch.stack([weight * (0.5 + t) for t in range(frames)], dim=2)",
            "itself has changed",
        ),
    ),
)
