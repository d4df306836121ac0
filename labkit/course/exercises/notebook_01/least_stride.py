"""A question: which stride makes a clip long enough?"""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake, Wrong
from labkit.course.exercises.judging import form, judge

FILE_FRAMES, LEAST = 48.0, 4.0  # not whole numbers, for which a fraction would be cut off


def check(least_stride: Any) -> None:
    """Take the smallest whole number that is large enough."""
    if form(least_stride) == "a number" and LEAST < least_stride < FILE_FRAMES:
        raise Wrong("with this stride a clip is long enough, but a smaller stride is enough, too")
    judge(
        least_stride,
        LEAST,
        "with this stride, a clip of 16 frames does not hold the first and the last of 48 frames",
        mistakes={
            "that is 48 / 16; but 16 frames have 15 steps between them, so with stride 3 a clip spans 46 frames": 3.0,
            "a stride is a whole number, and with 3 the clip is still too short": 47 / 15,
            "that is the number of frames of the file; the stride is the step from one frame of the clip to the next": FILE_FRAMES,
        },
    )


EXERCISE = Exercise(
    number="01",
    cell="least-stride-solution",
    defines="least_stride",
    text="""\
**Question: which stride?** A door takes 2 seconds to open, in a video with 24 frames per second. A network reads clips of 16 \
frames. Which is the smallest stride with which a clip can span all 48 frames of the opening, or more? Set `least_stride`. \
(difficulty 2 of 5, importance 4 of 5, 3 minutes)""",
    code="""\
### BEGIN SOLUTION
least_stride = 4
### END SOLUTION
""",
    check=check,
    hints=(
        "How many frames does a clip span with stride 1? And with stride 2? Above, eight frames with stride 2 span 15.",
        "Between 16 frames there are 15 steps, so a clip spans 15 times the stride, plus 1.",
    ),
    explanation="With stride 3 a clip spans 15 × 3 + 1 = 46 frames: the last moment of the opening is missing. With stride 4 it spans "
    "61. Real videos need such a thought: with stride 1, 16 frames show two thirds of a second.",
    right=(
        "least_stride = -(-(48 - 1) // (16 - 1))",
        "least_stride = min(s for s in range(1, 48) if 15 * s + 1 >= 48)",
    ),
    wrong=(
        Mistake("frames for steps", "least_stride = 48 / 16", "16 frames have 15 steps"),
        Mistake("not rounded", "least_stride = 47 / 15", "a stride is a whole number"),
        Mistake("larger than needed", "least_stride = 5", "a smaller stride is enough"),
        Mistake("too small", "least_stride = 2", "does not hold the first and the last"),
        Mistake("frames of the file", "least_stride = 24 * 2", "the number of frames of the file"),
    ),
)
