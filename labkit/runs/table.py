"""All runs of a folder as one table: what ran, how it ended, what was changed, what it found."""

import math
import platform
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.records import Run
from labkit.runs.project import project_folder

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("run", "notebook", "status", "started", "minutes", "changed", "results")


def find_runs(folder: str | Path | None = None) -> list[Run]:
    """Every run below `folder` (default: the project's `runs/`), oldest first. Of a damaged `run.json` is warned."""
    folder = Path(folder) if folder else project_folder() / "runs"
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


def status(run: Run) -> str:
    """A run's status as it is now: one that says `running` but whose process is gone has `died`."""
    return "died" if run.status == "running" and not _alive(run.about.get("process", {})) else run.status


def runs_table(folder: str | Path | None = None) -> "pd.DataFrame":
    """One row per run: its name, notebook, status, start, minutes, changed parameters and recorded numbers.

    `changed` and `results` hold mappings. Raises `FileNotFoundError` where there is no such folder.
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
    """What the run recorded; nothing, and a warning, where its file is damaged."""
    try:
        return run.results
    except (ValueError, OSError) as error:
        warnings.warn(f"a run's numbers are left out: {error}", stacklevel=2)
        return {}


def _alive(process: Mapping[str, Any]) -> bool:
    """Whether the process that wrote the run is still there. On another machine nobody can tell: assume it is."""
    import psutil

    if process.get("host") != platform.node():
        return True
    try:
        # Numbers are given out again: the same number with another start time is another process.
        return abs(psutil.Process(process["pid"]).create_time() - process["since"]) < 1.0
    except (psutil.Error, KeyError, TypeError, ValueError, OverflowError):
        return False
