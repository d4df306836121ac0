"""How long a clip is."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge


def check(clip_seconds: Any) -> None:
    """Ask for a clip that leaves out frames, one of another rate, and one of a single frame."""
    judge(
        clip_seconds(8, 2, 25),
        14 / 25,
        "8 frames with stride 2 at 25 frames a second are 0.56 seconds from first to last",
        mistakes={
            "between 8 frames lie 7 steps, not 8": 16 / 25,
            "with a stride of 2, each step is two frames of the video long": 7 / 25,
            "that is a number of frames; divide by the frames of a second": 14,
            "divide by the frames of a second, do not multiply": 14 * 25,
            "the last frame of the clip is 7 steps of 2 frames behind the first, so 14 frames": 15 / 25,
            "a larger stride makes the clip longer, not shorter": 7 / 2 / 25,
        },
    )
    judge(
        clip_seconds(16, 3, 30), 1.5, "16 frames with stride 3 at 30 frames a second are 1.5 seconds from first to last"
    )
    judge(clip_seconds(1, 5, 30), 0, "from the first frame of a clip to the last are 0 seconds if it has one frame")


EXERCISE = Exercise(
    number="00",
    cell="clip-seconds",
    defines="clip_seconds",
    text="""\
**Exercise 1** (difficulty 1 of 5, importance 3 of 5, 2 minutes). Write `clip_seconds`: the seconds from the first frame of a clip \
to the last.""",
    code='''\
def clip_seconds(frames, stride, fps):
    """Seconds from the first frame of a clip to the last."""
    ### BEGIN SOLUTION
    return (frames - 1) * stride / fps
    ### END SOLUTION
''',
    check=check,
    hints=(
        "How many steps are there from the first frame of a clip to the last? How long is one step in frames of the video?",
        "There is one step less than there are frames, and each is `stride` frames long. `fps` frames are one second.",
    ),
    explanation="From the first frame to the last there are frames - 1 steps. Each is stride frames of the video long, and each "
    "frame of the video lasts 1/fps seconds.",
    right=(
        """
        last = stride * (frames - 1)
        return last * (1 / fps)
        """,
        """
        times = [number * stride / fps for number in range(frames)]
        return times[-1] - times[0]
        """,
    ),
    wrong=(
        Mistake("one step too many", "return frames * stride / fps", "between 8 frames lie 7 steps"),
        Mistake("no stride", "return (frames - 1) / fps", "each step is two frames"),
        Mistake("frames", "return (frames - 1) * stride", "that is a number of frames"),
        Mistake("times the rate", "return (frames - 1) * stride * fps", "do not multiply"),
        Mistake("one frame too many", "return (frames * stride - 1) / fps", "so 14 frames"),
        Mistake("divided by the stride", "return (frames - 1) / stride / fps", "not shorter"),
    ),
)
