"""The trainings in a folder: of a sweep, of other runs, or of `fit` alone. Figures compare them."""

import re
from pathlib import Path
from typing import Any

import pandas as pd

from labkit.records import History, Run, Training
from labkit.runs.spread import OWN, SEED
from labkit.runs.table import find_runs, runs_folder, status

CALLED = "training"  # the parameter that tells the trainings of one history apart
MAIN = "main"  # its value where a name has only the seed and the number of clips
SEEDED = re.compile(rf"\b{SEED} (\d+)\b")
Read = tuple[list[Training], dict[str, str]]


def read_trainings(folder: str | Path | None = None) -> Read:
    """Every training whose history lies below `folder` (default: the project's `runs/`), and why others are left out.

    The parameters are those of the run. A history may hold several trainings, as notebook 05 leaves them: each is one, and
    its name in the notebook is the parameter `training`, without "seed 3" (then its seed) and "41 clips". A history
    without a run, as `fit(folder=...)` leaves it, has no parameters. Raises `FileNotFoundError` for a missing folder.
    """
    folder = runs_folder(folder)
    runs = {run.folder: run for run in find_runs(folder)}
    files = _by_owner(folder)
    found: list[Training] = []
    left_out: dict[str, str] = {}
    for owner in dict.fromkeys([*runs, *files]):
        run = runs.get(owner, Run(owner))
        if owner not in runs and (owner / "run.json").is_file():
            left_out[_name(owner, folder)] = "its run.json cannot be read"
            continue
        own = files.get(owner, [])
        if not own:
            left_out[_name(owner, folder)] = f"it has no history ({_how_it_ended(run)})"
        for number, file in enumerate(own, start=1):
            _read(file, folder, run, found, left_out, last=number == len(own))
    return found, left_out


def _by_owner(folder: Path) -> dict[Path, list[Path]]:
    """The history files by the run in which they lie, the innermost; without a run, by their own folder."""
    files: dict[Path, list[Path]] = {}
    for file in sorted(folder.rglob("history.jsonl")):
        if any(part.startswith(".") for part in file.relative_to(folder).parts):
            continue
        above = [place for place in file.parents if place.is_relative_to(folder)]
        owner = next((place for place in above if (place / "run.json").is_file()), file.parent)
        files.setdefault(owner, []).append(file)
    return files


def _read(file: Path, folder: Path, run: Run, found: list[Training], left_out: dict[str, str], *, last: bool) -> None:
    """Add the trainings of one file. Only the last one of a run can be the one that ended it."""
    name = _name(file.parent, folder)
    try:
        table = History.read(file).table
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        left_out[name] = f"its history cannot be read: {error}"[:200]
        return
    if table.empty:
        left_out[name] = "its history has no epoch" + (f" ({_how_it_ended(run)})" if run.about else "")
        return
    parts = list(table.groupby("run", sort=False))
    shared = {key: value for key, value in run.parameters.items() if key not in OWN}
    for number, (called, rows) in enumerate(parts, start=1):
        own = _own(str(called), rows) if len(parts) > 1 else {}
        shown = f"{name}: {called}" if len(parts) > 1 else name
        ended = last and number == len(parts) and _diverged(run)
        found.append(Training(shown, {**shared, **own}, History(rows.reset_index(drop=True)), ended))


def _own(called: str, rows: pd.DataFrame) -> dict[str, Any]:
    """The parameters in a training's name: its seed, and what it is called without the seed and the number of its clips."""
    seed = SEEDED.search(called)
    clips = int(rows.loc[rows["split"] == "train", "clips"].max() or 0) if (rows["split"] == "train").any() else 0
    rest = re.sub(rf"\b({clips}|{clips:,})( clips)?\b", "", SEEDED.sub("", called))
    words = ", ".join(part.strip() for part in rest.split(",") if part.strip())
    return {CALLED: words or MAIN, **({SEED: int(seed[1])} if seed else {})}


def _name(place: Path, folder: Path) -> str:
    return place.relative_to(folder).as_posix() if place != folder else folder.resolve().name


def _diverged(run: Run) -> bool:
    return run.status == "failed" and str(_error(run).get("exception", "")).startswith("DivergedError")


def _how_it_ended(run: Run) -> str:
    said = status(run)
    return f"{said}: {_error(run)['exception']}"[:120] if _error(run).get("exception") else said


def _error(run: Run) -> dict[str, Any]:
    error: dict[str, Any] = run.about.get("error") or {}
    return error
