"""All runs of a folder as one Parquet table, one row per run, for pandas, DuckDB and other programs.

The first columns are the same in every table. Then follow `version.<package>`, `param.<name>` and `result.<name>`. A value
that is missing in a run is null. `labkit runs FOLDER --to runs.parquet` writes the table too.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.atomic import write_atomically
from labkit.records import Run
from labkit.runs.table import find_runs, results, status

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "runs.parquet"
WHOLE = range(-(2**63), 2**63)  # the int64 numbers


def write_parquet(folder: str | Path, to: str | Path | None = None) -> Path:
    """Write the table of all runs below `folder` to `to` (default: `runs.parquet` in the folder), and return its path.

    Warns of a damaged run and leaves it out. Raises `FileNotFoundError` for a missing folder.
    """
    import pyarrow.parquet as pq

    table = arrow_table(folder)
    path = Path(to) if to else Path(folder) / FILE
    return write_atomically(path, lambda temporary: pq.write_table(table, temporary))


def arrow_table(folder: str | Path) -> "pa.Table":
    """The table of all runs below `folder`, the oldest first. A column has one type.

    `param.*`: bool, int64, float64 or text. If the runs differ in the type of a parameter, or it is a list, the column
    is text. `result.*`: float64. Times are in UTC, `seconds` in seconds. Warns and raises as `write_parquet`.
    """
    import pyarrow as pa

    runs = find_runs(folder)
    fixed = _transposed([_fixed(run, Path(folder)) for run in runs], _COLUMNS)
    columns = {name: pa.array(values, _arrow_type(_COLUMNS[name][0])) for name, values in fixed.items()}
    groups: dict[str, Sequence[Mapping[str, Any]]] = {
        "version": [_mapping(run, "versions") for run in runs],
        "param": [run.parameters for run in runs],
        "result": [{name: _plain_number(value) for name, value in results(run).items()} for run in runs],
    }
    for group, rows in groups.items():
        names = dict.fromkeys(name for row in rows for name in row)
        for name, values in _transposed(rows, names).items():
            columns[f"{group}.{_encodable(name)}"] = _array(values)
    return pa.table(columns)


def _transposed(rows: Sequence[Mapping[str, Any]], names: Iterable[str]) -> dict[str, list[Any]]:
    return {name: [row.get(name) for row in rows] for name in names}


def _fixed(run: Run, folder: Path) -> dict[str, Any]:
    """The values of a run for the columns that every table has. None where `run.json` has no such value."""
    about = {**run.about, "run": run.folder.relative_to(folder).as_posix(), "status": status(run)}
    made = {}
    for name, (kind, path) in _COLUMNS.items():
        value: Any = about
        for key in path.split("/"):
            value = value.get(key) if isinstance(value, Mapping) else None
        made[name] = _READ[kind](value)
    return made


# Every column: its type, and the place of its value in `run.json`.
_COLUMNS = {
    "run": ("text", "run"),
    "notebook": ("text", "notebook"),
    "status": ("text", "status"),
    "error": ("text", "error/message"),
    "started": ("time", "started"),
    "ended": ("time", "ended"),
    "seconds": ("number", "seconds"),
    "seed": ("whole", "seed"),
    "threads": ("whole", "threads"),
    "device": ("text", "parameters/device"),
    "kernel": ("text", "kernel"),
    "host": ("text", "process/host"),
    "system": ("text", "hardware/system"),
    "processor": ("text", "hardware/processor"),
    "cores": ("whole", "hardware/cores"),
    "memory_gb": ("number", "hardware/memory_gb"),
    "gpus": ("names", "hardware/gpus"),
    "commit": ("text", "code/commit"),
    "dirty": ("truth", "code/dirty"),
    "notebook_sha256": ("text", "notebook_sha256"),
}


def _text(value: Any) -> str | None:
    """Text as it is, any other value as JSON."""
    if value is None:
        return None
    return _encodable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _names(value: Any) -> str | None:
    return _text(", ".join(map(str, value))) if isinstance(value, list) else _text(value)


def _encodable(text: str) -> str:
    """The text without lone surrogates, which a file cannot hold."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value in WHOLE else None


def _number(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    except OverflowError:  # a whole number beyond all floats
        return None


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _time(value: Any) -> datetime | None:
    try:
        read = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return read if read.tzinfo else None


_READ: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "names": _names,
    "whole": _whole,
    "number": _number,
    "truth": _truth,
    "time": _time,
}


def _arrow_type(kind: str) -> "pa.DataType":
    import pyarrow as pa

    if kind == "time":
        return pa.timestamp("us", tz="UTC")
    return {"whole": pa.int64(), "number": pa.float64(), "truth": pa.bool_()}.get(kind, pa.string())


def _array(values: Sequence[Any]) -> "pa.Array":
    """Values as a column of the narrowest type that holds all of them; text holds everything."""
    import pyarrow as pa

    given = [value for value in values if value is not None]
    for kind in ("truth", "whole", "number"):
        if given and all(_READ[kind](value) is not None for value in given):
            return pa.array([_READ[kind](value) for value in values], _arrow_type(kind))
    return pa.array([_text(value) for value in values], pa.string())


def _plain_number(value: Any) -> Any:
    """A recorded number as a float, True as 1. Anything else, which only another program writes, stays."""
    return float(value) if isinstance(value, bool) else value if _number(value) is None else _number(value)


def _mapping(run: Run, key: str) -> Mapping[str, Any]:
    read: Mapping[str, Any] = run.about.get(key, {})
    return read
