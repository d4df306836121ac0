"""Bands of minutes, such as 15-30 for a skim, and the place of a time among them. Python and a page's script share them."""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

from labkit.counting import counted

Bands = Mapping[str, tuple[float, float | None]]  # name → minutes from and to, in order; None: as long as it takes


class Step(NamedTuple):
    """A step of the time: from these minutes on, it is on this side of this band."""

    minutes: float
    side: Literal["short of", "within", "past"]
    band: str


def steps(bands: Bands) -> list[Step]:
    """The steps of a growing time, in order. Both ends of a band belong to it.

    Raises `ValueError` if there is no band, and for a band that ends before it begins or begins within another.
    """
    if not bands:
        raise ValueError("there is no band of minutes")
    made = [Step(0.0, "short of", next(iter(bands)))]
    last = 0.0
    for name, (start, end) in bands.items():
        if start < 0 or (end is not None and end <= start):
            raise ValueError(f"the band {name!r} goes from {start} to {end} minutes")
        if start < last:
            raise ValueError(f"the band {name!r} begins at {start} minutes, within the one before it")
        # Where two bands meet, the second begins just after.
        made.append(Step(max(start, made[-1].minutes), "within", name))
        last = math.inf if end is None else end
        if end is not None:
            made.append(Step(math.nextafter(end, math.inf), "past", name))
    return made


def step_of(minutes: float, bands: Bands) -> Step:
    """The last step that a time has reached."""
    return next(step for step in reversed(steps(bands)) if step.minutes <= max(0.0, minutes))


def span(start: float, end: float | None) -> str:
    """A band in words: `15-30 minutes`, `60 minutes or more`."""
    return f"{counted(start, 'minute')} or more" if end is None else f"{start:g}-{counted(end, 'minute')}"
