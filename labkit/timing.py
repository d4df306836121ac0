"""Timing of work on this machine, and when two timings differ.

A machine has other things to do, so a single timing says little. Works are timed several times and take turns, so that
another program slows all of them alike. The result is a `Spread`. Two spreads are said to differ only where their
ranges lie apart.
"""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ROUNDS = 7


def interleaved(
    works: Mapping[Any, Callable[[], object]], *, rounds: int = ROUNDS, wait: Callable[[], object] = lambda: None
) -> dict[Any, list[float]]:
    """Seconds of each work in each round. One unmeasured round goes first; each round starts with the next work.

    `wait` is called before the clock is read: give a function that waits until a GPU has finished.
    """
    names = list(works)
    for name in names:
        works[name]()
    seconds: dict[Any, list[float]] = {name: [] for name in names}
    for round_ in range(rounds):
        turn = round_ % len(names)
        for name in names[turn:] + names[:turn]:
            wait()
            began = time.perf_counter()
            works[name]()
            wait()
            seconds[name].append(time.perf_counter() - began)
    return seconds


@dataclass(frozen=True, init=False)
class Spread:
    """One quantity, measured several times: `f"{spread:.0f} ms"` is its median and its range, `12 (11 to 14) ms`."""

    values: tuple[float, ...]

    def __init__(self, values: Iterable[float]) -> None:
        object.__setattr__(self, "values", tuple(float(value) for value in values))
        if not self.values:
            raise ValueError("a spread needs at least one value")

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The lowest value."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The highest value."""
        return max(self.values)

    def side(self, other: "Spread") -> int:
        """1 where every value lies above all of `other`, -1 where below, 0 where no difference can be seen.

        A single measurement has no range, so the answer is 0.
        """
        if min(len(self.values), len(other.values)) < 2:
            return 0
        return (self.low > other.high) - (self.high < other.low)

    def per(self, other: "Spread") -> "Spread":
        """The ratios to `other`, round by round: both were measured in the same rounds."""
        return Spread(a / b for a, b in zip(self.values, other.values, strict=True))

    def times(self, factor: float) -> "Spread":
        """Every value times `factor`."""
        return Spread(factor * value for value in self.values)

    def rate(self, amount: float) -> "Spread":
        """The amount done in one unit of time, where `amount` is done in each of these times."""
        return Spread(amount / value for value in self.values)

    def __format__(self, form: str) -> str:
        around = f"{self.low:{form}} to {self.high:{form}}" if len(self.values) > 1 else "measured once"
        return f"{self.median:{form}} ({around})"


def foremost(spreads: Mapping[Any, Spread], *, lowest: bool = False) -> list[Any]:
    """The name with the highest median (or the lowest), and all names whose ranges overlap with its range."""
    pick = min if lowest else max
    first = pick(spreads, key=lambda name: spreads[name].median)
    return [first, *(name for name in spreads if name != first and not spreads[name].side(spreads[first]))]
