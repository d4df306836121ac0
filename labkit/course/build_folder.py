"""The folder of a build, `build/` of a project: one build at a time, and the runs that it keeps."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labkit.course.plan import Plan
from labkit.locks import alone
from labkit.records import Run

LOCK = ".lock"


class BuildInUseError(RuntimeError):
    """Another process builds the course in this folder."""


@contextmanager
def one_build(folder: Path) -> Iterator[None]:
    """Inside, `folder` belongs to this process alone: a second build would remove the runs that the first is making.

    Raises `BuildInUseError` where another process has it.
    """
    in_use = f"another `labkit course` is at work in {folder}: wait for it, or stop it"
    with alone(folder / LOCK, refuse=lambda: BuildInUseError(in_use)):
        yield


def run_folder(project: Path, name: str) -> Path:
    """The folder with the last run of a lesson."""
    return project / "build" / "runs" / name


def kept_runs(plan: Plan, project: Path) -> dict[str, Run]:
    """The runs of a project's last builds, by the lesson's name."""
    opened = {lesson.name: _opened(run_folder(project, lesson.name)) for lesson in plan.lessons}
    return {name: run for name, run in opened.items() if run}


def _opened(place: Path) -> Run | None:
    """The run in a folder; None if there is none. For an unreadable run: None and a warning."""
    if not (place / "run.json").is_file() or not any(place.glob("[!.]*.ipynb")):
        return None
    try:
        return Run.open(place)
    except (ValueError, OSError) as error:
        warnings.warn(f"a run is left out: {error}", stacklevel=2)
        return None
