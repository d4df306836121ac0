"""What a rule finds, and what it may look at. No rule knows a paper by name."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from labkit.survey.card.schema import Card
from labkit.survey.publication.schema import Paper, Result

Severity = Literal["error", "warning", "note"]
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong (error), probably wrong (warning) or known (note), with its evidence.

    `rows` are the numbers it is about, the most suspicious first; `place` leads to a value of `paper.yaml` or of a
    card, where it is about no row. `claim` is the claim's id, if it is about one.
    """

    rule: str
    severity: Severity
    paper: str
    message: str
    rows: tuple[Result, ...] = ()
    place: Place = ()
    card: str = ""  # the card's file, if it stands in one
    claim: str = ""
    suggestion: str = ""

    @property
    def lines(self) -> frozenset[tuple[str, int]]:
        """The paper and the line of every row it is about."""
        return frozenset((row.paper, row.line) for row in self.rows)


@dataclass(frozen=True)
class Shelved:
    """One card for the rules: where it is, and its front matter."""

    file: str
    paper: str
    about: Card


@dataclass(frozen=True)
class Library:
    """All that rules look at."""

    papers: Mapping[str, Paper]
    results: Mapping[str, Sequence[Result]]
    cards: Sequence[Shelved] = ()


@dataclass(frozen=True)
class Rule:
    """A rule with what it looks for, in one line."""

    name: str
    what: str
    find: Callable[..., Iterator[Finding]]


# The labels that say on what and how a number is measured; the other columns are table, status and remarks.
MEASURED = ("dataset", "dataset_copy", "split", "level")
TRAINED = ("model", "variant", "frames", "input", "pretraining", "protocol")
LABELS = (*TRAINED, *MEASURED)


def label(row: Result, names: Iterable[str]) -> tuple[object, ...]:
    """The row's labels of these names, to compare rows by."""
    return tuple(getattr(row, name) for name in names)


def named(row: Result) -> str:
    """A row in a few words: `ResNet-18, Kinetics-400, top-1`."""
    parts = [row.model, row.variant, row.dataset, row.split, row.metric, row.input, row.pretraining]
    return ", ".join(dict.fromkeys(part for part in parts if part))


def grouped(rows: Iterable[Result], names: Sequence[str]) -> dict[tuple[object, ...], list[Result]]:
    """Rows that have the same labels, in order."""
    found: dict[tuple[object, ...], list[Result]] = {}
    for row in rows:
        found.setdefault(label(row, names), []).append(row)
    return found


def number(value: float) -> str:
    """A value as a text: 71.15, 64, 0.05."""
    return f"{round(value, 4):g}" if abs(value) < 1e6 else f"{value:,.0f}"
