"""How much of a running statistic the last updates have written."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge


def check(renewed: Any) -> None:
    """Ask for three updates of another share than the usual one; then for the usual share, and for no update."""
    judge(
        renewed(3, share=0.25),
        1 - 0.75**3,
        "three updates with a share of 0.25 renew 0.578 of the statistic",
        mistakes={
            "that is the share that is left of the old statistic; the rest is renewed": 0.75**3,
            "each update replaces a part of what the updates before it wrote, too; so the shares do not add up": 3
            * 0.25,
            "a share of each update multiplies what is left of the old statistic: use 1 - share": 0.25**3,
            "use the argument `share`, not 0.1": 1 - 0.9**3,
            "that is one update too few": 1 - 0.75**2,
            "that is one update too many": 1 - 0.75**4,
            "give a share from 0 to 1, not percent": 100 * (1 - 0.75**3),
        },
    )
    judge(renewed(10), 1 - 0.9**10, "without `share`, an update replaces a tenth: after 10 updates, 0.651 is renewed")
    judge(renewed(0), 0, "without an update nothing is renewed: the answer is 0")


EXERCISE = Exercise(
    number="05",
    cell="lag-solution",
    defines="renewed",
    text="""\
**Exercise: memory.** What share of the running statistics comes from the last `updates` updates? (difficulty 2 of 5, importance \
3 of 5, 5 minutes)""",
    code='''\
def renewed(updates, share=0.1):
    """Share of a running statistic that the last `updates` updates have written, in 0-1."""
    ### BEGIN SOLUTION
    return 1 - (1 - share) ** updates
    ### END SOLUTION
''',
    check=check,
    hints=(
        "What is left of the old statistic after one update? And after a second one?",
        "After one update 1 - share is left, after two (1 - share) times (1 - share). What is not left is renewed.",
    ),
    explanation="Each update keeps the share 1 - share of what was there. So (1 - share) to the power of the updates is left "
    "of the old statistic, and the rest is new. A tenth sounds like ten updates, but after ten updates a third is still old.",
    right=(
        """
        old = 1.0
        for _ in range(updates):
            old = old * (1 - share)
        return 1 - old
        """,
        "return sum(share * (1 - share) ** age for age in range(updates))",
    ),
    wrong=(
        Mistake("what is left", "return (1 - share) ** updates", "that is the share that is left"),
        Mistake("added up", "return min(1, share * updates)", "do not add up"),
        Mistake("power of the share", "return share**updates", "use 1 - share"),
        Mistake("fixed share", "return 1 - 0.9**updates", "use the argument `share`"),
        Mistake("one too few", "return 1 - (1 - share) ** (updates - 1)", "one update too few"),
        Mistake("percent", "return 100 * (1 - (1 - share) ** updates)", "not percent"),
    ),
)
