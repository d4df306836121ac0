"""The output frames that zeros in time make wrong."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge

OTHERS: tuple[tuple[tuple[int, ...], list[float], str], ...] = (
    (
        (8, 3, 2),
        [0.0],
        "of 8 frames, a kernel of 3 with stride 2 ends on frame 6: there it does not reach over the end",
    ),
    (
        (10, 3, 3),
        [0.0, 3.0],
        "of 10 frames, a kernel of 3 with stride 3 ends on frame 9, the last: it reaches over the end",
    ),
    ((4, 1), [], "a kernel of one frame never reaches over an end: give an empty list"),
    (
        (3, 7),
        [0.0, 1.0, 2.0],
        "a kernel of 7 frames reaches over an end of 3 frames everywhere, and counts once each",
    ),
)


def check(cut_off: Any) -> None:
    """Ask without a stride, with strides that meet the end of the clip and that miss it, and for kernels of 1 and of 7 frames."""
    _check_without_stride(cut_off)
    _check_stride(cut_off)
    for asked, want, otherwise in OTHERS:
        judge(_numbers(cut_off(*asked)), want, otherwise)


def _check_without_stride(cut_off: Any) -> None:
    judge(
        _numbers(cut_off(11, 5)),
        [0.0, 1.0, 9.0, 10.0],
        "of 11 frames, a kernel of 5 reaches over an end at the output frames 0, 1, 9 and 10",
        mistakes={
            "the kernel reaches over the other end of the clip, too": [0.0, 1.0],
            "the kernel reaches over the start of the clip, too": [9.0, 10.0],
            "the kernel has two slices on each side of its middle, so at frame 1 it still reaches over the start": [
                0.0,
                10.0,
            ],
            "at frame 2 a kernel of 5 ends just inside the clip: it reaches from frame 0 to frame 4": [
                0.0,
                1,
                2,
                8,
                9,
                10,
            ],
            "those are the frames that are right; give the others": [2.0, 3, 4, 5, 6, 7, 8],
            "output frames are counted from 0": [1.0, 2, 10, 11],
        },
    )


def _check_stride(cut_off: Any) -> None:
    judge(
        _numbers(cut_off(11, 5, 2)),
        [0.0, 5.0],
        "with stride 2, the kernel stands on the frames 0, 2, 4, 6, 8, 10; it reaches over an end at the first and the last",
        mistakes={
            "those are frames of the clip; with stride 2, output frame n stands on frame 2n of the clip": [0.0, 10.0],
            "with stride 2 there are fewer output frames, and the kernel moves on by 2": [0.0, 1.0, 9.0, 10.0],
            "the stride leaves out frames between the output frames, but the kernel is as long as before": [
                0.0,
                1,
                4,
                5,
            ],
        },
    )


def _numbers(given: Any) -> Any:
    """An array or a set of numbers is as good as a list."""
    if isinstance(given, set | frozenset):
        return sorted(given)
    return given.tolist() if hasattr(given, "tolist") else given


EXERCISE = Exercise(
    number="03",
    cell="cut-off-solution",
    defines="cut_off",
    text="""\
**Exercise 2** (difficulty 3 of 5, importance 4 of 5, 15 minutes). Write `cut_off`: the numbers of the output frames at which the \
kernel reaches over an end of the clip. The kernel has an odd number of frames, and time is padded with (kernel - 1) / 2 zeros on each \
side.""",
    code='''\
def cut_off(frames, kernel, stride=1):
    """Output frames, as a list, whose kernel reaches over an end of a clip of `frames` frames; counted from 0."""
    ### BEGIN SOLUTION
    half = (kernel - 1) // 2
    middles = range(0, frames, stride)  # where the middle of the kernel stands
    return [n for n, at in enumerate(middles) if at < half or at + half >= frames]
    ### END SOLUTION
''',
    check=check,
    setup="import numpy as np",
    hints=(
        "On which frame of the clip does the middle of the kernel stand for output frame n? How far does the kernel reach from there?",
        "The middle stands on frame n times the stride, and the kernel reaches (kernel - 1) / 2 frames to each side. The frames of the "
        "clip go from 0 to frames - 1.",
    ),
    explanation="The middle of the kernel moves over the frames 0, stride, 2 × stride … A stride can step over the frames near the end, "
    "but never over frame 0. So with a stride the start is always wrong, and the end only sometimes.",
    right=(
        """
        at = np.arange(0, frames, stride)
        side = kernel // 2
        return np.flatnonzero((at - side < 0) | (at + side > frames - 1))
        """,
        """
        wrong = []
        n = 0
        while n * stride < frames:
            reached = range(n * stride - kernel // 2, n * stride + kernel // 2 + 1)
            if any(t not in range(frames) for t in reached):
                wrong.append(n)
            n += 1
        return wrong
        """,
    ),
    wrong=(
        Mistake(
            "start only", "return [n for n in range(-(-frames // stride)) if n * stride < kernel // 2]", "the other end"
        ),
        Mistake(
            "end only",
            "return [n for n in range(-(-frames // stride)) if n * stride + kernel // 2 >= frames]",
            "the start of the clip, too",
        ),
        Mistake("first and last", "return [0, -(-frames // stride) - 1]", "two slices on each side"),
        Mistake(
            "one too many",
            "side = kernel // 2\nreturn [n for n in range(frames) if n <= side or n >= frames - 1 - side]",
            "ends just inside the clip",
        ),
        Mistake(
            "the right ones",
            "side = kernel // 2\nreturn [n for n in range(frames) if side <= n < frames - side]",
            "give the others",
        ),
        Mistake(
            "counted from 1",
            "side = kernel // 2\nreturn [n + 1 for n in range(frames) if n < side or n >= frames - side]",
            "counted from 0",
        ),
        Mistake(
            "frames of the clip",
            "side = kernel // 2\nreturn [n for n in range(0, frames, stride) if n < side or n >= frames - side]",
            "those are frames of the clip",
        ),
        Mistake(
            "no stride",
            "side = kernel // 2\nreturn [n for n in range(frames) if n < side or n >= frames - side]",
            "fewer output frames",
        ),
        Mistake(
            "stride for the outputs only",
            "side, many = kernel // 2, -(-frames // stride)\nreturn [n for n in range(many) if n < side or n >= many - side]",
            "the kernel is as long as before",
        ),
    ),
)
