"""Build the course: run every notebook, then build the site from the runs.

If a notebook fails, the others still run, and the first page names it. Runs are kept in `build/runs/`, so that a single
notebook can be run again, and the site in `build/site/` can be built again without any run.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.course.build_folder import kept_runs, one_build, run_folder
from labkit.course.plan import Lesson, Plan, choose, read_plan
from labkit.course.website.packages import check_packages
from labkit.records import Run
from labkit.runs.execute import RunFailed, Step, run_notebook
from labkit.runs.notebook import check_parameters, read_parameters
from labkit.runs.project import PLAN, project_folder
from labkit.runs.table import status

if TYPE_CHECKING:
    from labkit.course.website.build import Site


@dataclass(frozen=True)
class Built:
    """The result of a build: the site, and the runs of the lessons."""

    site: "Site"
    plan: Plan
    runs: Mapping[str, Run]  # by the lesson's name

    @property
    def failed(self) -> list[str]:
        """The lessons with a failed or stopped run."""
        return [name for name, run in self.runs.items() if status(run) != "done"]

    def budget(self) -> list[tuple[Lesson, float, bool]]:
        """For every finished lesson: its seconds, and whether they are within its budget."""
        ran = [(lesson, self.runs[lesson.name]) for lesson in self.plan.lessons if lesson.name in self.runs]
        took = [(lesson, float(run.about.get("seconds") or 0)) for lesson, run in ran if run.status == "done"]
        return [(lesson, seconds, seconds <= lesson.budget_s) for lesson, seconds in took]


def build_course(
    only: Sequence[str] = (),
    *,
    folder: str | Path | None = None,
    parameters: Mapping[str, Any] | None = None,
    on_lesson: Callable[[Lesson], None] | None = None,
    on_step: Callable[[Step], None] | None = None,
    on_site: Callable[[], None] | None = None,
    quick: bool = False,
) -> Built:
    """Run the lessons with names that start with one of `only` (all, if empty), and build the site from all runs there are.

    `folder` is the project's. A parameter goes to every notebook that declares it. `on_lesson` is called before each lesson,
    `on_site` before the site is built. `quick` runs each with its quick parameters; those in `parameters` come first.
    A fault in a page does not keep the site back: see `Site.faults`. Raises what `check_course` raises, and
    `BuildInUseError` where another process builds there.
    """
    project = Path(folder) if folder else project_folder()
    chosen = check_course(only, parameters or {}, folder=folder)
    from labkit.course.website.build import write_site

    plan = read_plan(project / PLAN if folder else None)
    with one_build(project / "build"):
        for lesson in chosen:
            if on_lesson:
                on_lesson(lesson)
            given = {**(lesson.quick if quick else {}), **(parameters or {})}
            _run(lesson, run_folder(project, lesson.name), given, on_step)
        if on_site:
            on_site()
        runs = kept_runs(plan, project)
        return Built(write_site(plan, runs, project), plan, runs)


def check_course(
    only: Sequence[str], parameters: Mapping[str, Any], *, folder: str | Path | None = None
) -> tuple[Lesson, ...]:
    """The lessons that a build would run. What it needs is checked: packages, files, the given parameters.

    Raises `PackagesError` where the packages that build the site are missing, `ValueError` for an unknown lesson,
    `NotebookError` for a parameter that no lesson declares or that does not fit, `FileNotFoundError` for a missing file.
    """
    check_packages()
    plan = read_plan(Path(folder) / PLAN if folder else None)
    chosen = choose(plan, list(only))
    absent = [lesson.path.name for lesson in chosen if not lesson.path.is_file()]
    if absent:
        raise FileNotFoundError(f"the plan names {', '.join(absent)}, but {chosen[0].path.parent} has no such file")
    known = {}
    for lesson in chosen:
        declared = read_parameters(lesson.path)
        known.update(declared)
        own = {name: value for name, value in parameters.items() if name in declared}
        check_parameters(declared, own, lesson.path.name)
    check_parameters(known, parameters, "the course")
    return chosen


def _run(lesson: Lesson, place: Path, parameters: Mapping[str, Any], on_step: Callable[[Step], None] | None) -> None:
    """Run a lesson in place of its earlier run. A failure is kept in the run; nothing is raised."""
    if place.exists():
        shutil.rmtree(place)
    given = {name: value for name, value in parameters.items() if name in read_parameters(lesson.path)}
    try:
        # A slower machine is given time; a notebook that hangs must still not hold the course for long.
        run_notebook(lesson.path, given, place, time_limit=max(600.0, 6 * lesson.budget_s), on_step=on_step)
    except RunFailed:
        return
