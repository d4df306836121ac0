"""The gap between the accuracy on the training clips and on new clips."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake
from labkit.course.exercises.judging import judge
from labkit.records import History

TOP1 = {"train": (0.25, 0.5, 1.0, 0.875), "val": (0.125, 0.75, 0.5, 0.375)}  # measured after each epoch
WHILE_TRAINING = 0.75
LOSS = {"train": 1.0, "val": 2.0}


def check(gap: Any) -> None:
    """Ask for the gap of a history whose best epoch is not its last one."""
    rows = [
        {"epoch": epoch, "split": split, "top1": top1, "live_top1": WHILE_TRAINING, "loss": LOSS[split], "clips": 8}
        for epoch in range(1, 5)
        for split, top1 in (("train", TOP1["train"][epoch - 1]), ("val", TOP1["val"][epoch - 1]))
    ]
    train, val = TOP1["train"], TOP1["val"]
    judge(
        gap(History.of(rows)),
        train[-1] - val[-1],
        "for training 87.5 % and validation 37.5 % in the last rows, the gap is 0.5",
        mistakes={
            "the sign is wrong: it is training minus validation": val[-1] - train[-1],
            "you took the best epoch of each split; take the last row of each": max(train) - max(val),
            "you took the first row of each split; take the last": train[0] - val[0],
            "you took the mean over the epochs; take the last row of each split": sum(train) / 4 - sum(val) / 4,
            "`live_top1` is counted while the weights change; take `top1` of both splits": WHILE_TRAINING - val[-1],
            "that is in points; give a share, 0.5 for 50 points": 100 * (train[-1] - val[-1]),
            "that is validation's accuracy alone; subtract it from training's": val[-1],
            "that is the loss; take the column `top1`": LOSS["train"] - LOSS["val"],
        },
    )


EXERCISE = Exercise(
    number="05",
    cell="gap-solution",
    defines="gap",
    text="""\
**Exercise: the gap.** A `History` has a table with one row per epoch and split; the columns you need are `split` and `top1`. \
Write `gap`: training accuracy minus validation accuracy, both from the last row of their split. \
(difficulty 1 of 5, importance 5 of 5, 5 minutes)""",
    code='''\
def gap(history):
    """Training minus validation top-1 accuracy at the end, as a share in -1 to 1."""
    ### BEGIN SOLUTION
    table = history.table
    at_end = table.groupby("split")["top1"].last()  # the last epoch always measures
    return at_end["train"] - at_end["val"]
    ### END SOLUTION
''',
    check=check,
    hints=(
        'The rows of one split are `history.table[history.table["split"] == "train"]`. What is in its last row?',
        'With a column of one split, `column.iloc[-1]` is its last value. Do this for "train" and "val", and subtract.',
    ),
    explanation="The last rows of both splits are measured in the same way: after the epoch, in evaluation mode. So they may "
    "be subtracted. The best epoch would make the gap look smaller than the gap of the network that you end up with.",
    right=(
        """
        rows = {split: history.table[history.table["split"] == split] for split in ("train", "val")}
        return rows["train"]["top1"].iloc[-1] - rows["val"]["top1"].iloc[-1]
        """,
        """
        ends = {}
        for row in history.table.to_dict("records"):
            ends[row["split"]] = row["top1"]
        return ends["train"] - ends["val"]
        """,
    ),
    wrong=(
        Mistake(
            "sign",
            'ends = history.table.groupby("split")["top1"].last()\nreturn ends["val"] - ends["train"]',
            "the sign is wrong",
        ),
        Mistake(
            "best epoch",
            'ends = history.table.groupby("split")["top1"].max()\nreturn ends["train"] - ends["val"]',
            "you took the best epoch",
        ),
        Mistake(
            "first epoch",
            'ends = history.table.groupby("split")["top1"].first()\nreturn ends["train"] - ends["val"]',
            "you took the first row",
        ),
        Mistake(
            "accuracy while training",
            'ends = history.table.groupby("split").last()\nreturn ends["live_top1"]["train"] - ends["top1"]["val"]',
            "`live_top1` is counted while the weights change",
        ),
        Mistake(
            "points",
            'ends = history.table.groupby("split")["top1"].last()\nreturn 100 * (ends["train"] - ends["val"])',
            "that is in points",
        ),
        Mistake(
            "loss",
            'ends = history.table.groupby("split")["loss"].last()\nreturn ends["train"] - ends["val"]',
            "that is the loss",
        ),
    ),
)
