"""The frame numbers of a clip."""

from typing import Any

import numpy as np

from labkit.course.exercises.format import Exercise, Mistake, Wrong
from labkit.course.exercises.judging import judge


def check(clip_indices: Any) -> None:
    """Ask for a clip that goes over the end of its video, for one that goes over it several times, and for one that fits."""
    given = _array(clip_indices(16, 4, 5, 3))
    judge(
        given,
        np.array([4, 7, 10, 13, 0]),
        "5 frames with stride 3 from frame 4 of a video of 16 frames are 4, 7, 10, 13, 0",
        mistakes={
            "frame 16 does not exist: after frame 15, the last of 16, comes the first": [4, 7, 10, 13, 16],
            "after the last frame of the video comes its first; you repeat the last": [4, 7, 10, 13, 15],
            "after the last frame of the video comes frame 0, not `start` again": [4, 7, 10, 13, 4],
            "the video begins again one frame too soon: it has `length` frames, not length - 1": [4, 7, 10, 13, 1],
            "these are neighbours: go on by `stride` frames each time": [4, 5, 6, 7, 8],
            "the clip begins at frame 0; it should begin at `start`": [0, 3, 6, 9, 12],
            "the clip begins one step after `start`; its first frame is `start` itself": [7, 10, 13, 0, 3],
            "`start` is a frame of the file already: multiply only the steps by the stride": [12, 15, 2, 5, 8],
            "that is one frame too many: a clip has `frames` frames, its first one counted": [4, 7, 10, 13, 0, 3],
            "a clip has `frames` frames, also where the video is over: go on with its first frame": [4, 7, 10, 13],
        },
    )
    if given.dtype.kind not in "iu":
        raise Wrong(f"frame numbers are whole numbers; yours are {given.dtype}")
    judge(
        _array(clip_indices(3, 2, 8, 2)),
        np.array([2, 1, 0, 2, 1, 0, 2, 1]),
        "a short video is repeated as often as the clip needs: from 3 frames, a clip may take each several times",
    )
    judge(
        _array(clip_indices(20, 1, 4, 2)),
        np.array([1, 3, 5, 7]),
        "4 frames with stride 2 from frame 1 of a video of 20 frames are 1, 3, 5, 7",
    )


def _array(given: Any) -> Any:
    """A list of numbers is as good as an array."""
    return np.array(given) if isinstance(given, list | tuple) else given


EXERCISE = Exercise(
    number="01",
    cell="clip-solution",
    defines="clip_indices",
    text="""\
**Exercise 1** (difficulty 1 of 5, importance 5 of 5, 5 minutes). Write the frame numbers of a clip. `length` is the number of \
frames of the video, `start` the first frame of the clip.""",
    code='''\
def clip_indices(length, start, frames, stride):
    """Frame numbers of a clip, `(frames,)`; after the last frame of the video comes its first."""
    ### BEGIN SOLUTION
    return (start + stride * np.arange(frames)) % length
    ### END SOLUTION
''',
    check=check,
    setup="import numpy as np",
    hints=(
        "First forget the end of the video. What are the numbers for a start of 4 and a stride of 3? Then: which number comes "
        "after the last frame?",
        "`np.arange(frames)` counts the steps: 0, 1, 2 … Multiply it by the stride, and add the start. The rest of a division "
        "by the length, `% length`, goes on with frame 0.",
    ),
    explanation="Step k of the clip is at start + k times the stride. The rest of the division by `length` does nothing as long as "
    "the video lasts, and begins again with frame 0 when it is over, as often as needed.",
    right=(
        "return np.arange(start, start + frames * stride, stride) % length",
        """
        numbers = []
        at = start
        for _ in range(frames):
            numbers.append(at % length)
            at += stride
        return np.array(numbers)
        """,
        "return [(start + k * stride) % length for k in range(frames)]",
    ),
    wrong=(
        Mistake("no end", "return start + stride * np.arange(frames)", "frame 16 does not exist"),
        Mistake(
            "last frame repeated",
            "return np.minimum(start + stride * np.arange(frames), length - 1)",
            "you repeat the last",
        ),
        Mistake(
            "back to the start",
            "own = np.arange(start, length, stride)\nreturn np.resize(own, frames)",
            "not `start` again",
        ),
        Mistake("length - 1", "return (start + stride * np.arange(frames)) % (length - 1)", "one frame too soon"),
        Mistake("no stride", "return (start + np.arange(frames)) % length", "these are neighbours"),
        Mistake("no start", "return stride * np.arange(frames) % length", "begins at frame 0"),
        Mistake(
            "stride times start", "return stride * (start + np.arange(frames)) % length", "multiply only the steps"
        ),
        Mistake(
            "one frame too many",
            "return np.arange(start, start + frames * stride + 1, stride) % length",
            "one frame too many",
        ),
        Mistake("too short", "return np.arange(start, length, stride)[:frames]", "also where the video is over"),
        Mistake(
            "begins again once",
            "at = start + stride * np.arange(frames)\nreturn np.where(at < length, at, at - length)",
            "as often as the clip needs",
        ),
        Mistake("fractions", "return (start + stride * np.arange(float(frames))) % length", "whole numbers"),
    ),
)
