"""What a network's answer to a whole video costs."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge


def check(video_work: Any) -> None:
    """Ask for a video with an incomplete window, and for one that the windows fill."""
    judge(
        video_work(2, 50, 16, crops=3),
        24,
        "50 frames are 4 windows of 16, the last incomplete; with 3 crops of each and 2 MACs a clip, that is 24",
        mistakes={
            "the last, incomplete window counts too: round up": 18,
            "a window is scored whole: it costs as much when it is filled up, so round up": 18.75,
            "each window is scored once for every crop: multiply by `crops`": 8,
            "that is the number of clips; each costs `macs`": 12,
            "windows lie side by side; they do not begin at every frame": 2 * 3 * 35,
            "the crops do not add to the work of the windows, they multiply it": 11,
        },
    )
    judge(
        video_work(5, 32, 16),
        10,
        "32 frames are two whole windows of 16; with 5 MACs a clip, that is 10",
        mistakes={"32 frames fill two windows of 16; nothing is left for a third": 15},
    )


EXERCISE = Exercise(
    number="09",
    cell="inference-solution",
    defines="video_work",
    text="""\
**Exercise 1: a test video** (difficulty 1 of 5, importance 4 of 5, 5 minutes). Write this arithmetic. The last window may be \
incomplete: it is filled up and counts too.""",
    code='''\
def video_work(macs, video_frames, clip_frames, crops=1):
    """Multiply-accumulates for a video: a network of `macs` a clip scores `crops` of every window."""
    ### BEGIN SOLUTION
    windows = -(-video_frames // clip_frames)  # rounded up
    return crops * windows * macs
    ### END SOLUTION
''',
    check=check,
    hints=(
        "How many windows of 16 frames does a video of 50 frames need, the last one incomplete?",
        "`-(-a // b)` divides and rounds up. The work is crops times windows times MACs.",
    ),
    explanation="Windows lie side by side, and the last is filled up, so their number is rounded up. Each crop of each window "
    "is one clip, and the network works as hard for each.",
    right=(
        """
        whole, rest = divmod(video_frames, clip_frames)
        return crops * macs * (whole + (rest > 0))
        """,
        """
        import math

        return math.ceil(video_frames / clip_frames) * crops * macs
        """,
    ),
    wrong=(
        Mistake("rounded down", "return crops * (video_frames // clip_frames) * macs", "counts too: round up"),
        Mistake("not rounded", "return crops * video_frames / clip_frames * macs", "scored whole"),
        Mistake("one crop", "return -(-video_frames // clip_frames) * macs", "multiply by `crops`"),
        Mistake("clips", "return crops * -(-video_frames // clip_frames)", "the number of clips"),
        Mistake("every frame", "return crops * (video_frames - clip_frames + 1) * macs", "do not begin at every frame"),
        Mistake("one more", "return crops * (video_frames // clip_frames + 1) * macs", "nothing is left for a third"),
    ),
)
