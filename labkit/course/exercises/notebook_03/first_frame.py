"""A question: what does the first frame keep when time is padded with zeros?"""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import form, judge


def check(first_frame: Any) -> None:
    """Take the share of seven slices that lie inside the clip, to two digits."""
    judge(
        round(float(first_frame), 2) if form(first_frame) == "a number" else first_frame,
        round(4 / 7, 2),
        "the 7 slices are equal. Count those that meet a frame of the clip, and divide by 7",
        mistakes={
            "that is the share that is missing; what is left?": round(3 / 7, 2),
            "that is right for a kernel of 5 frames; this one has 7": round(3 / 5, 2),
            "that is the second frame: at the first one, three slices lie before the clip": round(5 / 7, 2),
            "more than one slice lies before the clip: the kernel's middle slice meets the first frame": round(
                6 / 7, 2
            ),
            "give a share from 0 to 1, not percent": round(400 / 7, 2),
            "that would be the whole value; but some slices meet zeros, and these add nothing": 1.0,
            "half of the slices would be three and a half; the middle slice counts whole": 0.5,
            "that is the number of slices that meet a frame; divide it by 7": 4.0,
        },
    )


EXERCISE = Exercise(
    number="03",
    cell="first-frame-solution",
    defines="first_frame",
    text="""\
**Question: the first frame.** A kernel of 7 frames is inflated with `mean`. Time is padded with three zeros on each side. The clip is \
a long boring video. The bias is 0. Which share of the right value does the first output frame have? Set `first_frame` to a number \
from 0 to 1; two digits are enough. (difficulty 2 of 5, importance 4 of 5, 3 minutes)""",
    code="""\
### BEGIN SOLUTION
first_frame = 4 / 7
### END SOLUTION
""",
    check=check,
    hints=(
        "Draw the kernel over the start of the clip: seven slices, with the middle one on the first frame.",
        "Three slices lie before the clip, where there are only zeros. The other slices add w/7 times x each.",
    ),
    explanation="The middle slice and the three after it meet frames of the clip: 4 of 7 equal slices. A `centre` kernel loses nothing "
    "here, since its other slices are 0. It begins to lose when training fills them.",
    right=("first_frame = 0.57", "first_frame = 1 - 3 / 7"),
    wrong=(
        Mistake("what is missing", "first_frame = 3 / 7", "the share that is missing"),
        Mistake("kernel of 5", "first_frame = 0.6", "a kernel of 5 frames"),
        Mistake("the second frame", "first_frame = 5 / 7", "that is the second frame"),
        Mistake("one slice", "first_frame = 6 / 7", "more than one slice"),
        Mistake("percent", "first_frame = 57.14", "not percent"),
        Mistake("all", "first_frame = 1", "the whole value"),
        Mistake("half", "first_frame = 0.5", "the middle slice counts whole"),
        Mistake("not divided", "first_frame = 4", "divide it by 7"),
    ),
)
