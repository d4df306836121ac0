"""A question: two of three windows are right. Is the video?"""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import choose


def check(video_is_right: Any) -> None:
    """Take one of three letters."""
    choose(
        video_is_right,
        "c",
        reasons={
            "a": "a mean is not a vote. Try the scores 0.5, 0.5 and 0 for the right class, and 0.4, 0.4 and 1 for another one",
            "b": "try the scores 0.9, 0.9 and 0.4 for the right class: one wrong window does not always decide",
        },
    )


EXERCISE = Exercise(
    number="06",
    cell="two-of-three-solution",
    defines="video_is_right",
    text="""\
**Question: two of three windows.** A video has three windows. In two of them the right class has the highest score, in the third \
one another class. Is the video right at video level? "a": yes, two of three decide. "b": no, one wrong window spoils the mean. \
"c": one cannot say without the scores. Set `video_is_right` to your choice. (difficulty 1 of 5, importance 4 of 5, 3 minutes)""",
    code="""\
### BEGIN SOLUTION
video_is_right = "c"
### END SOLUTION
""",
    check=check,
    hints=(
        "The scores are averaged, not the answers. Write down three scores for the right class and three for another one.",
        "Two windows may prefer the right class by a little, and the third another class by a lot. Or the other way round.",
    ),
    explanation="The mean weighs each window by how sure it is. Two windows that are hardly sure lose against one that is very "
    "sure. So the accuracy at video level does not follow from the accuracy at clip level, and both must be measured.",
    right=('video_is_right = "C"', 'video_is_right = " c "'),
    wrong=(
        Mistake("a vote", 'video_is_right = "a"', "a mean is not a vote"),
        Mistake("one spoils it", 'video_is_right = "b"', "does not always decide"),
        Mistake("yes", "video_is_right = True", "answer with one of 'a', 'b', 'c'"),
    ),
)
