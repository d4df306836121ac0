"""How long would an epoch of another training take here?"""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge

CLIPS, RATE, OURS, THEIRS = 72_000, 50.0, 0.25, 1.5


def check(epoch_hours: Any) -> None:
    """Ask for clips of six times the work; then for the same clip, and for a smaller one."""
    hours = CLIPS / RATE / 3600  # if the clips were ours
    judge(
        epoch_hours(CLIPS, RATE, OURS, THEIRS),
        hours * THEIRS / OURS,
        "72,000 clips at 50 clips a second are 0.4 hours; a clip of 1.5 instead of 0.25 GMACs takes six times that: 2.4",
        mistakes={
            "their clip needs more work than ours; you divide by the ratio of the two": hours * OURS / THEIRS,
            "you count their clips as if they were ours: use `ours` and `theirs`": hours,
            "that is in seconds; an hour has 3,600": 3600 * hours * THEIRS / OURS,
            "that is in minutes; give hours": 60 * hours * THEIRS / OURS,
            "the rate is in clips a second: the seconds are clips divided by the rate": CLIPS
            * RATE
            / 3600
            * THEIRS
            / OURS,
            "that is the rate for their clips, in clips a second; how long do all clips take?": RATE * OURS / THEIRS,
            "their work counts in relation to ours: divide by `ours`": hours * THEIRS,
        },
    )
    judge(epoch_hours(3600, 1.0, 0.5, 0.5), 1, "3,600 of our own clips at 1 clip a second take an hour")
    judge(epoch_hours(7200, 4.0, 2.0, 1.0), 0.25, "a clip of half our work takes half the time: the answer is 0.25")


EXERCISE = Exercise(
    number="04",
    cell="epoch-hours-solution",
    defines="epoch_hours",
    text="""\
**Exercise: hours for an epoch.** This machine handles `rate` clips a second, and each of our clips needs `ours` GMACs. Write \
`epoch_hours`: the hours that an epoch of `clips` clips would take here, if each of them needs `theirs` GMACs and the machine \
multiplies at the same rate. (difficulty 2 of 5, importance 3 of 5, 5 minutes)""",
    code='''\
def epoch_hours(clips, rate, ours, theirs):
    """Hours for `clips` clips of `theirs` GMACs, where clips of `ours` GMACs run at `rate` clips a second."""
    ### BEGIN SOLUTION
    return clips / rate * theirs / ours / 3600
    ### END SOLUTION
''',
    check=check,
    hints=(
        "How many seconds would the clips take if they were like ours? Then: how many times our work does each of them need?",
        "`clips / rate` are the seconds for clips like ours. Multiply by `theirs / ours`, and turn seconds into hours.",
    ),
    explanation="A clip of six times the work takes six times the time, if the machine multiplies at the same rate. That is a "
    "rough guess: large layers keep a GPU busier than small ones, and decoding takes a share of its own.",
    right=(
        """
        their_rate = rate * ours / theirs
        return clips / (3600 * their_rate)
        """,
        """
        work = clips * theirs
        an_hour = 60 * 60 * rate * ours
        return work / an_hour
        """,
    ),
    wrong=(
        Mistake("ratio upside down", "return clips / rate * ours / theirs / 3600", "you divide by the ratio"),
        Mistake("no ratio", "return clips / rate / 3600", "as if they were ours"),
        Mistake("seconds", "return clips / rate * theirs / ours", "that is in seconds"),
        Mistake("minutes", "return clips / rate * theirs / ours / 60", "that is in minutes"),
        Mistake("times the rate", "return clips * rate * theirs / ours / 3600", "the rate is in clips a second"),
        Mistake("their rate", "return rate * ours / theirs", "the rate for their clips"),
        Mistake("their work alone", "return clips / rate * theirs / 3600", "in relation to ours"),
    ),
)
