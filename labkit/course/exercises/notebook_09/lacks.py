"""Whether a network lacks clips or updates."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake, Wrong
from labkit.course.exercises.judging import same

CASES: tuple[
    tuple[float, float, dict[str, float], str, str], ...
] = (  # own, new, options, answer, and what to say otherwise
    (0.95, 0.5, {}, "clips", "with 95 % on its own clips and 50 % on new ones, the network lacks clips"),
    (0.5, 0.45, {}, "updates", "with 50 % on its own clips it does not even know those: it lacks updates"),
    (0.6, 0.3, {}, "updates", "with 60 % on its own clips it lacks updates, however large the gap is"),
    (0.95, 0.92, {}, "nothing", "with 92 % on new clips it knows them: the answer is 'nothing'"),
    (0.7, 0.95, {}, "nothing", "what it knows of new clips is asked first: with 95 % there, it lacks nothing"),
    (0.9, 0.3, {}, "clips", "with exactly `known` on its own clips, it knows them: say 'clips' for at least `known`"),
    (0.95, 0.9, {}, "nothing", "with exactly `known` on new clips, it knows them: say 'nothing' for at least `known`"),
    (0.7, 0.3, {"known": 0.6}, "clips", "use the argument `known`: with 0.6, a network with 70 % knows its own clips"),
    (0.7, 0.65, {"known": 0.6}, "nothing", "use `known` for new clips too: with 0.6, a network with 65 % knows them"),
)


def check(lacks: Any) -> None:
    """Ask for all three answers, and for accuracies at the limit."""
    for own, new, options, want, otherwise in CASES:
        if not same(lacks(own, new, **options), want):
            raise Wrong(otherwise)


EXERCISE = Exercise(
    number="09",
    cell="lacks-solution",
    defines="lacks",
    text="""\
**Exercise 2: which one?** Say it in code: with an accuracy of at least `known` on its own clips, the network lacks clips; else it \
lacks updates. (difficulty 1 of 5, importance 4 of 5, 5 minutes)""",
    code='''\
def lacks(own, new, known=0.9):
    """What keeps a network from knowing new clips: "clips", "updates", or "nothing" where it knows them too."""
    ### BEGIN SOLUTION
    if new >= known:
        return "nothing"
    return "clips" if own >= known else "updates"
    ### END SOLUTION
''',
    check=check,
    hints=(
        "Ask about the new clips first: if the network knows them, nothing is lacking.",
        "Three cases: `new >= known` is 'nothing'; else `own >= known` is 'clips'; else it is 'updates'.",
    ),
    explanation="A network that knows its own clips and not the new ones has learnt them by heart: other clips would help. A "
    "network that does not know its own clips has not finished learning: more updates may help.",
    right=(
        """
        if new < known and own < known:
            return "updates"
        elif new < known:
            return "clips"
        else:
            return "nothing"
        """,
        'return ("nothing" if new >= known else {True: "clips", False: "updates"}[own >= known])',
    ),
    wrong=(
        Mistake(
            "exchanged", 'return "nothing" if new >= known else "updates" if own >= known else "clips"', "50 % on new"
        ),
        Mistake("new clips forgotten", 'return "clips" if own >= known else "updates"', "the answer is 'nothing'"),
        Mistake(
            "own clips first",
            'return "updates" if own < known else "nothing" if new >= known else "clips"',
            "asked first",
        ),
        Mistake(
            "more than known",
            'return "nothing" if new >= known else "clips" if own > known else "updates"',
            "own clips, it",
        ),
        Mistake(
            "more on new",
            'return "nothing" if new > known else "clips" if own >= known else "updates"',
            "exactly `known` on new",
        ),
        Mistake(
            "fixed limit",
            'return "nothing" if new >= 0.9 else "clips" if own >= 0.9 else "updates"',
            "use the argument",
        ),
        Mistake(
            "gap",
            'return "clips" if own - new > 0.1 else "updates" if new < known else "nothing"',
            "however large the gap",
        ),
    ),
)
