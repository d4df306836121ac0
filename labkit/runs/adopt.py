"""A `Run` from the output of plain papermill: `run.json` is added to its folder, and nothing else is changed."""

import os
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labkit.atomic import create
from labkit.records import Run
from labkit.runs.execute import write_about
from labkit.runs.failure import failed_cell, stopped_cell
from labkit.runs.notebook import NotebookError, read_content, read_parameters

UNKNOWN = "papermill notes no cause (a dead kernel, a time limit, Ctrl-C?)"
HOLDS = "{} holds a run already"


def adopt(folder: str | Path) -> Run:
    """Write `run.json` into a folder with a notebook that papermill executed, and return the run.

    Parameters, times and the status come from the metadata that papermill left in the notebook. Versions are those the
    notebook says; machine and commit are not known. `results.json` beside the notebook has the run's numbers.

    Raises `FileNotFoundError` for a missing folder, `FileExistsError` for a folder that holds a run, and `NotebookError` for a
    folder without a notebook that papermill executed, with several, or with one that has not ended.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    if (folder / "run.json").exists():
        raise FileExistsError(HOLDS.format(folder))
    notebook = _executed(folder)
    about = _about(notebook, read_content(notebook))
    try:
        create(folder / "run.json", lambda temporary: write_about(temporary, about))
    except FileExistsError:
        raise FileExistsError(HOLDS.format(folder)) from None
    return Run(folder, about)


def _executed(folder: Path) -> Path:
    """The notebook in the folder that papermill executed."""
    found, odd = [], []
    for path in sorted(folder.glob("[!.]*.ipynb")):
        try:
            about = read_content(path).get("metadata", {}).get("papermill")
        except (NotebookError, OSError) as error:
            odd.append(str(error))
            continue
        if isinstance(about, dict) and about.get("start_time"):
            found.append(path)
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise NotebookError(
            f"{folder} holds {len(found)} executed notebooks ({names}): a run is one, move each to its folder"
        )
    if not found:
        why = f": {odd[0]}" if odd else "; `papermill IN.ipynb FOLDER/OUT.ipynb` makes one"
        raise NotebookError(f"{folder} holds no notebook that papermill executed{why}")
    return found[0]


def _about(notebook: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of `run.json`, without a path of this machine or of papermill's."""
    metadata = content["metadata"]
    said = metadata["papermill"]
    status, error = _ending(notebook, content)
    given = said.get("parameters")
    given = {
        name: _inside(name, value, notebook.parent)
        for name, value in (given if isinstance(given, dict) else {}).items()
    }
    defaults = _defaults(notebook)
    parameters = {**defaults, **given}
    return {
        "notebook": _name(said.get("input_path")) or notebook.name,
        "executed": notebook.name,
        "adopted": True,
        "status": status,
        "parameters": parameters,
        "changed": {name: value for name, value in given.items() if name != "out" and value != defaults.get(name)},
        "seed": parameters.get("seed"),
        "started": _moment(said.get("start_time")),
        "ended": _moment(said.get("end_time")),
        "seconds": _seconds(said.get("duration")),
        "error": error,
        "versions": _versions(metadata),
        "kernel": _mapping(metadata, "kernelspec").get("name"),
    }


def _ending(notebook: Path, content: Mapping[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """How the execution ended: the status, and for a failure the cell, its line and the exception."""
    cells = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    for cell in cells:
        for output in cell.get("outputs", []):
            if output.get("output_type") == "error":
                name, value = (str(output.get(key)) for key in ("ename", "evalue"))
                lines = [str(line) for line in output.get("traceback") or []]
                return "failed", failed_cell(cell.get("execution_count"), "".join(cell["source"]), name, value, lines)
    if not content["metadata"]["papermill"].get("end_time"):
        raise NotebookError(f"papermill has not ended {notebook}: it still runs, or it was killed")
    if all(_mapping(cell.get("metadata", {}), "papermill").get("end_time") for cell in cells):
        return "done", None
    return "failed", stopped_cell(notebook, UNKNOWN)


def _defaults(notebook: Path) -> dict[str, Any]:
    try:
        return {name: one.default for name, one in read_parameters(notebook).items() if one.plain}
    except NotebookError as error:
        warnings.warn(f"the defaults of the parameters are left out: {error}", stacklevel=3)
        return {}


def _inside(name: str, value: Any, folder: Path) -> Any:
    """The value; "." for the folder of the run, as in every run, so that the folder can be moved."""
    if not isinstance(value, str) or not value:
        return value
    itself = os.path.normpath(value) == str(folder.resolve())
    return "." if itself or name == "out" else value


def _name(path: Any) -> str:
    """The last part of a path or address, of any system."""
    return str(path or "").replace("\\", "/").rpartition("/")[2].strip("-")


def _moment(text: Any) -> str | None:
    """papermill's time as runs write it: UTC, to the second."""
    try:
        read = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="seconds")


def _seconds(value: Any) -> float | None:
    return round(float(value), 2) if isinstance(value, int | float) else None


def _versions(metadata: Mapping[str, Any]) -> dict[str, str]:
    found = {
        "python": _mapping(metadata, "language_info").get("version"),
        "papermill": metadata["papermill"].get("version"),
    }
    return {name: str(version) for name, version in found.items() if version}


def _mapping(of: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = of.get(key)
    return value if isinstance(value, dict) else {}
