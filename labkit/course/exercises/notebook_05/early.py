"""The epoch with the lowest validation loss."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge
from labkit.records import History

EPOCHS = (3, 6, 9, 12, 15)  # the measured ones
LOSS = {"train": (1.5, 1.0, 0.75, 0.25, 0.125), "val": (1.5, 1.0, 0.5, 0.5, 1.25)}
TOP1 = {"train": (0.25, 0.5, 0.75, 0.875, 1.0), "val": (0.25, 0.75, 0.5, 0.5, 0.5)}


def check(best_epoch: Any) -> None:
    """Ask for the epoch of a history with a tie, and with its best accuracy at another epoch."""
    rows = [
        {"epoch": epoch, "split": split, "loss": LOSS[split][n], "top1": TOP1[split][n], "clips": 8}
        for n, epoch in enumerate(EPOCHS)
        for split in ("train", "val")
    ]
    judge(
        best_epoch(History.of(rows)),
        9,
        "with validation losses 1.5, 1.0, 0.5, 0.5, 1.25 in the epochs 3, 6, 9, 12, 15, the answer is 9",
        mistakes={
            "that is the lowest loss on the training clips; take the rows of validation": 15,
            "that is the epoch with the highest accuracy; take the lowest loss": 6,
            "of two epochs with the same loss, take the earliest": 12,
            "that is the highest loss; take the lowest": 3,
            "that is the label of the row in the table; give its epoch": 5,
            "that is the position among the measured epochs; not every epoch is measured, so give the column `epoch`": 2,
            "that is the loss; give the epoch that has it": 0.5,
        },
    )


EXERCISE = Exercise(
    number="05",
    cell="early-solution",
    defines="best_epoch",
    text="""\
**Exercise: early stopping.** Write `best_epoch`: the epoch with the lowest validation loss. Then compare the validation accuracy \
there with that of the last epoch. (difficulty 2 of 5, importance 4 of 5, 5 minutes)""",
    code='''\
def best_epoch(history):
    """The epoch whose validation loss is lowest; the earliest, if several."""
    ### BEGIN SOLUTION
    validated = history.table[history.table["split"] == "val"]
    return int(validated.loc[validated["loss"].idxmin(), "epoch"])
    ### END SOLUTION
''',
    check=check,
    hints=(
        "Take the rows of validation first. Which of them has the smallest value in the column `loss`?",
        '`rows["loss"].idxmin()` is the label of that row, and `rows.loc[label, "epoch"]` its epoch.',
    ),
    explanation="The row's label is not its epoch: the table has rows of two splits, and not every epoch is measured. "
    "`idxmin` takes the first of several lowest values, so the earliest epoch.",
    right=(
        """
        rows = history.table.query("split == 'val'").sort_values(["loss", "epoch"])
        return rows["epoch"].iloc[0]
        """,
        """
        best = None
        for row in history.table.to_dict("records"):
            if row["split"] == "val" and (best is None or row["loss"] < best["loss"]):
                best = row
        return best["epoch"]
        """,
    ),
    wrong=(
        Mistake(
            "training loss",
            'return history.table.set_index("epoch")["loss"].idxmin()',
            "that is the lowest loss on the training clips",
        ),
        Mistake(
            "accuracy",
            'rows = history.table.query("split == \'val\'").set_index("epoch")\nreturn rows["top1"].idxmax()',
            "the epoch with the highest accuracy",
        ),
        Mistake(
            "label of the row",
            'return history.table.query("split == \'val\'")["loss"].idxmin()',
            "that is the label of the row",
        ),
        Mistake(
            "position",
            'return history.table.query("split == \'val\'")["loss"].argmin()',
            "that is the position",
        ),
        Mistake(
            "the loss itself",
            'return history.table.query("split == \'val\'")["loss"].min()',
            "that is the loss",
        ),
        Mistake(
            "latest of a tie",
            'rows = history.table.query("split == \'val\'")\nreturn rows[rows["loss"] == rows["loss"].min()]["epoch"].iloc[-1]',
            "take the earliest",
        ),
    ),
)
