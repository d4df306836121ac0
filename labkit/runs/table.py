"""All runs of a folder as one table: notebook, status, changed parameters, recorded numbers."""

import math
import platform
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.names import did_you_mean
from labkit.records import Run
from labkit.runs.project import project_folder

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("run", "notebook", "status", "started", "minutes", "changed", "results")


def runs_folder(folder: str | Path | None = None) -> Path:
    """`folder`, or without one the project's `runs/`."""
    return Path(folder) if folder else project_folder() / "runs"


def find_runs(folder: str | Path | None = None) -> list[Run]:
    """All runs below `folder` (default: the project's `runs/`), the oldest first. Warns of a damaged `run.json`."""
    folder = runs_folder(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; `labkit run NOTEBOOK` makes runs")
    found = []
    for path in folder.rglob("run.json"):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        try:
            run = Run.open(path.parent)
        except (ValueError, OSError) as error:  # its folder still holds the notebook and the log
            warnings.warn(f"a run is left out: {error}", stacklevel=2)
            continue
        found.append(run)
    return sorted(found, key=lambda run: (str(run.about.get("started")), run.folder.name))


def open_run(name: str | Path) -> Run:
    """The run in this folder, or with this name in the project's `runs/`.

    Raises `FileNotFoundError`, with the nearest name, if there is none; `ValueError` if its `run.json` is malformed.
    """
    for folder in (Path(name), runs_folder() / name):
        if (folder / "run.json").is_file():
            return Run.open(folder)
    there = [path.parent.name for path in runs_folder().glob("*/run.json")]
    raise FileNotFoundError(f"{name} is not a run: it has no run.json{did_you_mean(str(name), there)}")


def status(run: Run) -> str:
    """A run's present status. If it says `running` but the process is gone, the status is `died`."""
    return "died" if run.status == "running" and not _alive(run.about.get("process", {})) else run.status


def runs_table(folder: str | Path | None = None) -> "pd.DataFrame":
    """One row per run: its name, notebook, status, start, minutes, changed parameters and recorded numbers.

    `changed` and `results` hold mappings. Raises `FileNotFoundError` for a missing folder.
    """
    import pandas as pd

    return pd.DataFrame([_row(run) for run in find_runs(folder)], columns=list(COLUMNS))


def _row(run: Run) -> dict[str, Any]:
    seconds = run.about.get("seconds")
    return {
        "run": run.folder.name,
        "notebook": Path(run.about.get("notebook", "")).stem,
        "status": status(run),
        "started": run.about.get("started"),
        "minutes": math.nan if seconds is None else seconds / 60,
        "changed": run.about.get("changed", {}),
        "results": results(run),
    }


def results(run: Run) -> dict[str, Any]:
    """The numbers that a run recorded. If its file is damaged: nothing, and a warning."""
    try:
        return run.results
    except (ValueError, OSError) as error:
        warnings.warn(f"a run's numbers are left out: {error}", stacklevel=2)
        return {}


def _alive(process: Mapping[str, Any]) -> bool:
    """Whether the run's process still exists. For a run of another machine, the answer is yes: nobody can tell."""
    import psutil

    if process.get("host") != platform.node():
        return True
    try:
        # Numbers are given out again: the same number with another start time is another process.
        return abs(psutil.Process(process["pid"]).create_time() - process["since"]) < 1.0
    except (psutil.Error, KeyError, TypeError, ValueError, OverflowError):
        return False
