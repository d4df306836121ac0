"""The numbers that a notebook records: `record()` writes them, the table of runs and the findings read them."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.atomic import write_atomically
from labkit.records import Run

if TYPE_CHECKING:
    import pandas as pd

FILE = "results.json"


def record(out: str | Path, **numbers: Any) -> "pd.DataFrame":
    """Write `numbers` to `results.json` in the folder `out`, beside those already there, and return them as a table.

    A number is an int, a float, a bool, or a NumPy or torch scalar. NaN is kept as "not a number" (null in the file). A
    name recorded again replaces the earlier value. With `out=""` nothing is written, but the table is still returned, so
    that a notebook reads the same by hand and under `labkit run`. Raises `TypeError` for anything that is not one number.
    """
    import pandas as pd

    plain = {name: _plain(name, value) for name, value in numbers.items()}
    if str(out):
        path = Path(out) / FILE
        merged = {**read_results(out), **{name: _or_null(value) for name, value in plain.items()}}
        text = json.dumps(merged, indent=1, allow_nan=False) + "\n"
        write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    # Object columns keep an int beside a float as it was recorded.
    return pd.DataFrame({"recorded": pd.Series(plain, dtype="object")})


def read_results(folder: str | Path) -> Mapping[str, Any]:
    """The recorded numbers of a folder, by name; empty if there are none yet."""
    return Run(Path(folder)).results


def _plain(name: str, value: Any) -> bool | int | float:
    """`value` as a Python number."""
    if hasattr(value, "item"):
        try:
            value = value.item()
        except (ValueError, RuntimeError):  # an array or tensor of several numbers
            value = None
    if not isinstance(value, bool | int | float):
        raise TypeError(f"record() keeps single numbers; {name!r} is not one: record each of its numbers by a name")
    return value


def _or_null(value: float) -> float | None:
    """The value, or None for NaN and infinity, which JSON does not have."""
    return value if math.isfinite(value) else None
