"""Recorded numbers on the index: their meaning in words, and their unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labkit.names import meant_or_all

# For each unit: the factor for the recorded value, the format, and the text after the number.
UNITS: dict[str, tuple[float, str, str]] = {
    "%": (100, ".1f", " %"),  # a share
    "points": (100, "+.1f", " points"),  # a difference of shares
    "times": (1, ".2f", " times"),
    "million": (1e-6, ".1f", " million"),
    "GMACs": (1, ".1f", " GMACs"),
    "ms": (1, ".3g", " ms"),
    "clips/s": (1, ",.0f", " clips/s"),
    "count": (1, ",.0f", ""),
}


@dataclass(frozen=True)
class Shown:
    """A recorded number on the index: its name in `record`, its meaning in words, its unit (one of `UNITS`)."""

    name: str
    words: str
    unit: str

    def said(self, value: float | None) -> str:
        """The number as the index prints it; a dash for None."""
        factor, form, behind = UNITS[self.unit]
        return "–" if value is None else f"{factor * value:{form}}{behind}"


def shown_numbers(entries: Mapping[str, Any]) -> tuple[Shown, ...]:
    """The `numbers` of a notebook in the plan: `name = ["what it is", "unit"]`. Raises `ValueError` for another form."""
    made = []
    for name, entry in entries.items():
        if not (isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, str) for part in entry)):
            raise ValueError(f'the number {name} should be ["what it is", "unit"], not {entry!r}')
        words, unit = entry
        if unit not in UNITS:
            raise ValueError(f"the number {name} has the unknown unit {unit!r}{meant_or_all(unit, UNITS)}")
        made.append(Shown(name, words, unit))
    return tuple(made)
