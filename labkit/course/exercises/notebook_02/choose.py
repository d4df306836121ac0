"""The most accurate network for a budget of work."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge

TABLE = {
    "network": ["c", "d", "a", "b"],
    "GMACs": [12.0, 20.0, 5.0, 10.0],
    "parameters (M)": [40.0, 30.0, 20.0, 10.0],
    "Kinetics top-1 (%)": [58.0, 65.0, 50.0, 60.0],
}


def check(choose: Any) -> None:
    """Ask for a budget between two networks, exactly at one, and below all, in a table whose rows have odd labels."""
    import pandas as pd

    def chosen(budget: float) -> Any:
        return choose(pd.DataFrame(TABLE, index=[4, 5, 6, 7]), budget)

    judge(
        chosen(13),
        "b",
        "for a budget of 13, the networks with 5, 10 and 12 GMACs fit; b is the most accurate of them",
        mistakes={
            "that one costs more than the budget": "d",
            "that is the network with the most work that fits; take the most accurate one": "c",
            "that is the network with the least work; take the most accurate one": "a",
            "that is the label of a row; give the name of the network": 7,
            "that is the accuracy; give the name of the network": 60.0,
        },
    )
    judge(
        chosen(10),
        "b",
        "at a budget of 10, a network of 10 GMACs still fits",
        mistakes={"a network that costs exactly the budget fits too": "a"},
    )
    judge(chosen(4), None, "if no network fits, return None")


EXERCISE = Exercise(
    number="02",
    cell="choose",
    defines="choose",
    text="""\
**Exercise 5** (difficulty 1 of 5, importance 3 of 5, 5 minutes). Turn the decision into code. `choices` is the table above, or a \
part of it. Given a budget in GMACs per clip, which of its networks was the most accurate on Kinetics? Return its name, or `None` \
if none fits.""",
    code='''\
def choose(choices, budget):
    """The most accurate network of `choices` whose clip costs at most `budget` GMACs."""
    ### BEGIN SOLUTION
    fitting = choices[choices["GMACs"] <= budget]
    return None if fitting.empty else fitting.loc[fitting["Kinetics top-1 (%)"].idxmax(), "network"]
    ### END SOLUTION
''',
    check=check,
    hints=(
        "First keep the rows that fit the budget. What do you do if there are none?",
        '`rows["Kinetics top-1 (%)"].idxmax()` is the label of the most accurate row, and `rows.loc[label, "network"]` its name.',
    ),
    explanation="More work is not always more accuracy: a network may cost more than another one and be less accurate. So choose by "
    "accuracy among those that fit.",
    right=(
        """
        rows = choices.query("GMACs <= @budget").sort_values("Kinetics top-1 (%)")
        return rows["network"].iloc[-1] if len(rows) else None
        """,
        """
        best, name = -1, None
        for row in choices.to_dict("records"):
            if row["GMACs"] <= budget and row["Kinetics top-1 (%)"] > best:
                best, name = row["Kinetics top-1 (%)"], row["network"]
        return name
        """,
    ),
    wrong=(
        Mistake(
            "no budget",
            'return choices.loc[choices["Kinetics top-1 (%)"].idxmax(), "network"]',
            "costs more than the budget",
        ),
        Mistake(
            "most work",
            'fitting = choices[choices["GMACs"] <= budget]\nreturn fitting.loc[fitting["GMACs"].idxmax(), "network"]',
            "the most work that fits",
        ),
        Mistake(
            "below the budget",
            'fitting = choices[choices["GMACs"] < budget]\n'
            'return None if fitting.empty else fitting.loc[fitting["Kinetics top-1 (%)"].idxmax(), "network"]',
            "exactly the budget",
        ),
        Mistake(
            "label",
            'fitting = choices[choices["GMACs"] <= budget]\nreturn fitting["Kinetics top-1 (%)"].idxmax()',
            "that is the label of a row",
        ),
        Mistake(
            "none fits",
            'fitting = choices[choices["GMACs"] <= budget]\n'
            'return "" if fitting.empty else fitting.loc[fitting["Kinetics top-1 (%)"].idxmax(), "network"]',
            "return None",
        ),
    ),
)
