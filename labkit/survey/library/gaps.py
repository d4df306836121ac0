"""The map of open questions: datasets across, conditions down, numbers and questions in the cells.

A cell holds the published numbers measured on that dataset under that condition, and the questions that cards leave
open there. A cell with questions and without a number is a hole. Nobody has asked about an empty cell.

```
found = gap_map()
found.table                            # conditions × datasets: how many numbers and questions
found.cell("UCF-101", "from scratch")
```

`CONDITIONS` says which published numbers were measured under a condition; one that is not listed is looked for among
the values of the columns `pretraining`, `input`, `protocol` and `model` as it is written.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd

from labkit.counting import counted
from labkit.survey.library.compare import depth_of
from labkit.survey.library.shelf import Shelf, open_shelf
from labkit.survey.publication.cite import folded
from labkit.survey.publication.schema import Result

CONDITIONS: dict[str, Callable[[Result], bool]] = {
    "from scratch": lambda row: row.pretraining == "scratch",
    "inflated from images": lambda row: "ImageNet" in row.pretraining and ("3D" in row.model or "I3D" in row.model),
    "Kinetics pretraining": lambda row: "Kinetics" in row.pretraining,
    "flow beside RGB": lambda row: row.input == "RGB + flow",
    "one frame per video": lambda row: row.frames == 1,
    "64 frames at 112²": lambda row: row.frames == 64 and "I3D" not in row.model,
    "more depth": lambda row: (depth_of(row.model) or 0) > 100,
    "LSTM": lambda row: "lstm" in row.model.casefold(),
}
_LOOKED_AT = ("pretraining", "input", "protocol", "model")
ELSEWHERE = "not said"  # a question without a dataset or a condition


@dataclass(frozen=True)
class OpenQuestion:
    """What a card asks: its words, who asks, about which paper, and the notebook that tries an answer."""

    text: str
    paper: str
    reader: str
    language: str
    notebook: str = ""


@dataclass
class Cell:
    """One dataset under one condition."""

    results: list[Result] = field(default_factory=list)
    questions: list[OpenQuestion] = field(default_factory=list)

    @property
    def state(self) -> str:
        """solved (numbers, no question), open (questions, no number), disputed (both), empty."""
        if self.results:
            return "disputed" if self.questions else "solved"
        return "open" if self.questions else "empty"

    @property
    def best(self) -> Result | None:
        """The highest of its top-1 accuracies."""
        shares = [row for row in self.results if row.metric == "top-1"]
        return max(shares, key=lambda row: row.value, default=None)


@dataclass(frozen=True)
class GapMap:
    """The cells by dataset and condition. Both are in the order of the map: the fullest rows and columns first."""

    datasets: tuple[str, ...]
    conditions: tuple[str, ...]
    cells: dict[tuple[str, str], Cell]

    def cell(self, dataset: str, condition: str) -> Cell:
        """What stands at one place; an empty cell where nothing does."""
        return self.cells.get((dataset, condition), Cell())

    @property
    def table(self) -> pd.DataFrame:
        """Conditions down, datasets across, in words: `12 numbers, 2 open`."""
        rows = [
            [_in_words(self.cell(dataset, condition)) for dataset in self.datasets] for condition in self.conditions
        ]
        return pd.DataFrame(rows, index=pd.Index(self.conditions, name="condition"), columns=list(self.datasets))

    @property
    def holes(self) -> pd.DataFrame:
        """The questions where nothing was published, one a row."""
        found = [
            (dataset, condition, one.text, one.paper, one.reader, one.notebook)
            for (dataset, condition), cell in self.cells.items()
            for one in cell.questions
            if cell.state == "open"
        ]
        return pd.DataFrame(found, columns=["dataset", "condition", "question", "paper", "reader", "notebook"])

    def records(self) -> pd.DataFrame:
        """Every cell as a row, for a figure: `dataset`, `condition`, `results`, `questions`, `state`, `best`."""
        rows = []
        for condition in self.conditions:
            for dataset in self.datasets:
                cell = self.cell(dataset, condition)
                best = cell.best.value if cell.best else float("nan")
                rows.append((dataset, condition, len(cell.results), len(cell.questions), cell.state, best))
        return pd.DataFrame(rows, columns=["dataset", "condition", "results", "questions", "state", "best"])

    def _repr_html_(self) -> str:
        return str(self.table.to_html(border=0))


def gap_map(shelf: Shelf | None = None) -> GapMap:
    """The map of the whole library: all datasets with accuracies or questions, all conditions listed here or asked about."""
    shelf = shelf if shelf is not None else open_shelf()
    cells: dict[tuple[str, str], Cell] = {}
    for card in shelf.cards:
        about = card.about
        for one in about.questions:
            place = (one.dataset or ELSEWHERE, one.condition or ELSEWHERE)
            asked = OpenQuestion(one.text, card.paper, about.reader, about.language, one.notebook)
            cells.setdefault(place, Cell()).questions.append(asked)
    asked_under = {condition for _, condition in cells if condition != ELSEWHERE}
    conditions = list(dict.fromkeys([*CONDITIONS, *sorted(asked_under)]))
    tests = {condition: CONDITIONS.get(condition) or _as_written(condition) for condition in conditions}
    for rows in shelf.results.values():
        for row in rows:
            if row.model and row.dataset and row.unit == "%":
                for condition, test in tests.items():
                    if test(row):
                        cells.setdefault((row.dataset, condition), Cell()).results.append(row)
    return GapMap(_ranked(cells, 0), _ranked(cells, 1), cells)


def _as_written(condition: str) -> Callable[[Result], bool]:
    wanted = folded(condition)
    return lambda row: any(folded(getattr(row, name)) == wanted for name in _LOOKED_AT)


def _ranked(cells: dict[tuple[str, str], Cell], place: int) -> tuple[str, ...]:
    """The names on one side of the map, those that most is said about first, what is not said last."""
    weight: dict[str, int] = {}
    for key, cell in cells.items():
        weight[key[place]] = weight.get(key[place], 0) + len(cell.results) + 5 * len(cell.questions)
    return tuple(sorted(weight, key=lambda name: (name == ELSEWHERE, -weight[name], name)))


def _in_words(cell: Cell) -> str:
    numbers = counted(len(cell.results), "number") if cell.results else ""
    asked = f"{len(cell.questions)} open" if cell.questions else ""
    return ", ".join(part for part in (numbers, asked) if part)
