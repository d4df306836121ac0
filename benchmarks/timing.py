"""How every benchmark here measures: candidates take turns, the median of seven rounds counts, the load is printed.

Taking turns spreads a noisy neighbour over all candidates alike; ratios are formed within a round and only then is
the median taken. Wall time on a busy machine means little: trust the ratios, and read the load beside them.
"""

import os
import platform
import statistics
from collections.abc import Sequence

from labkit.timing import ROUNDS, interleaved

__all__ = ["ROUNDS", "conditions", "interleaved", "ratio", "show", "verdict"]


def ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
    """How many times faster the second is: the median of the rounds' own ratios."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table, numbers to the right."""
    cells = [[f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in [list(header), *cells]) for column in range(len(header))]
    print(f"\n{title}")
    for line in [list(header), ["-" * width for width in widths], *cells]:
        first, *others = (cell for cell in line)
        print("  ".join([first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(others, widths[1:], strict=True))]))


def conditions() -> str:
    """One line on the machine and how busy it is."""
    load = ", ".join(f"{x:.2f}" for x in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load average {load}"


def verdict(name: str, value: float, target: float, *, at_least: bool = True) -> bool:
    """Print whether a figure meets its target, and return it."""
    met = value >= target if at_least else value <= target
    print(f"{'ok  ' if met else 'MISS'} {name}: {value:.2f} (target: {'at least' if at_least else 'at most'} {target})")
    return met
