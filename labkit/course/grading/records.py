"""The marks: a small file for each student's notebook, written when it is graded, and the tables made of all of them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from labkit.atomic import write_atomically
from labkit.survey.publication.csv_cells import guarded

FORMAT = 1
MARKED, NOT_MARKED = "marked", "not marked"


@dataclass(frozen=True)
class Part:
    """One exercise of one student."""

    exercise: str
    points: float | None  # None: a person must grade it
    most: float
    said: str = ""  # what the check said
    answer: str = ""  # the code of the student's cell


@dataclass(frozen=True)
class Mark:
    """One student's notebook."""

    student: str
    notebook: str
    state: str  # MARKED or NOT_MARKED
    notes: tuple[str, ...] = ()  # why it is not marked, and what was put in order
    parts: tuple[Part, ...] = ()
    key: str = ""  # a hash of all that the mark depends on
    feedback: str = field(default="", compare=False)  # the page's place in the folder of marks

    @property
    def points(self) -> float | None:
        """The points of all graded parts; None if the notebook is not marked."""
        return sum(part.points or 0 for part in self.parts) if self.state == MARKED else None

    @property
    def most(self) -> float:
        """The points that the notebook gives at most."""
        return sum(part.most for part in self.parts)

    @property
    def by_hand(self) -> float:
        """The points that a person must still give or refuse."""
        return sum(part.most for part in self.parts if part.points is None)


def write_mark(mark: Mark, path: Path) -> None:
    """Keep a mark, whole or not at all."""
    text = json.dumps({"format": FORMAT, **asdict(mark)}, indent=1, ensure_ascii=False)
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_mark(path: Path, key: str) -> Mark | None:
    """The mark that was kept for the same hand-in, release and version; else None."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept.pop("format") != FORMAT or kept["key"] != key:
            return None
        parts = tuple(Part(**part) for part in kept.pop("parts"))
        return Mark(**{**kept, "parts": parts, "notes": tuple(kept["notes"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # there is none, or it cannot be read: the notebook is graded again


def write_tables(marks: Sequence[Mark], folder: Path) -> Path:
    """Write `marks.csv`, `marks.parquet` (a row for each notebook) and `exercises.csv` (a row for each exercise)."""
    import pandas as pd

    table = pd.DataFrame(map(_row, marks), columns=[*_row(Mark("", "", ""))])
    exercises = pd.DataFrame([*_parts(marks)], columns=["student", "notebook", "exercise", "points", "most", "said"])
    _write_csv(exercises, folder / "exercises.csv")
    write_atomically(folder / "marks.parquet", lambda temporary: table.to_parquet(temporary))
    return _write_csv(table, folder / "marks.csv")


def _write_csv(table: Any, path: Path) -> Path:
    """Write a table without formulas: a student chooses names and messages, and a teacher opens them in a spreadsheet."""
    safe = table.map(lambda value: guarded(value) if isinstance(value, str) else value)
    # The byte-order mark lets spreadsheets read names in any script.
    return write_atomically(path, lambda temporary: safe.to_csv(temporary, index=False, encoding="utf-8-sig"))


def _row(mark: Mark) -> dict[str, Any]:
    return {
        "student": mark.student,
        "notebook": mark.notebook,
        "state": mark.state,
        "points": mark.points,
        "most": mark.most if mark.state == MARKED else None,
        "by_hand": mark.by_hand,
        "notes": "; ".join(mark.notes),
        "feedback": mark.feedback,
    }


def _parts(marks: Sequence[Mark]) -> Iterable[tuple[Any, ...]]:
    for mark in marks:
        for part in mark.parts:
            yield mark.student, mark.notebook, part.exercise, part.points, part.most, part.said
