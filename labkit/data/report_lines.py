"""The report about a dataset's files: one line for each that is missing, broken or passed over, kept as a CSV file."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from labkit.atomic import write_atomically

FORMULA = tuple("=+-@\t\r＝＋－＠'")  # a spreadsheet would read such a cell as a formula


class Line(NamedTuple):
    """One file, below the dataset's root, and what is wrong with it."""

    path: str
    reason: str
    what: str  # missing, gone, unreadable, damaged, short, long, or passed over

    @property
    def is_fault(self) -> bool:
        """Whether it is a fault of this copy. Files that are not videos, and videos gone from the web, are not."""
        return self.what not in ("passed over", "gone")


def write_lines(file: Path, lines: Sequence[Line]) -> Path:
    """Write the report as CSV. An empty one too: it says that nothing is wrong. A cell never begins as a formula."""

    def write(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8", newline="") as out:
            rows = csv.writer(out, lineterminator="\n")
            rows.writerow(Line._fields)
            rows.writerows([f"'{cell}" if cell.startswith(FORMULA) else cell for cell in line] for line in lines)

    return write_atomically(file, write)
