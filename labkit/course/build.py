"""Build the course: generate the embedded data, run every notebook, write the pages.

If a notebook fails, the others still run, and the index names it. Runs are kept in `build/runs/`, pages in
`build/course/`, so that a single notebook can be run again.
"""

import json
import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.atomic import naming, write_atomically
from labkit.course.entries import ROAD, about_runs, beside, findings_of, lesson_entry
from labkit.course.glossary import FILE as GLOSSARY
from labkit.course.glossary import write_glossary
from labkit.course.one_build import one_build
from labkit.course.page import links, notebook_body, rewrite_links
from labkit.course.papers import write_library
from labkit.course.plan import Lesson, Plan, choose, read_plan
from labkit.course.templates import SITE, render
from labkit.records import Run
from labkit.runs.execute import RunFailed, Step, run_notebook
from labkit.runs.notebook import check_parameters, read_parameters
from labkit.runs.project import PLAN, course_folder, project_folder
from labkit.runs.table import status
from labkit.survey.library.shelf import open_shelf
from labkit.survey.publication.files import summaries_folder


@dataclass(frozen=True)
class Built:
    """The result of a build: the index to open, and the runs of the lessons."""

    index: Path
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
    quick: bool = False,
) -> Built:
    """Run the lessons with names that start with one of `only` (all, if empty), and write all pages anew.

    `folder` is the project's. A parameter goes to every notebook that declares it. `on_lesson` is called before each lesson.
    `quick` runs each with its quick parameters; those in `parameters` come first.
    Raises `BuildInUseError` where another process builds there.
    """
    project = Path(folder) if folder else project_folder()
    plan = _plan(folder)
    chosen = choose(plan, list(only))
    absent = [lesson.path.name for lesson in chosen if not lesson.path.is_file()]
    if absent:
        raise FileNotFoundError(
            f"the plan names {', '.join(absent)}, but {plan.lessons[0].path.parent} has no such file"
        )
    kept = project / "build" / "runs"
    with one_build(project / "build"):
        for lesson in chosen:
            if on_lesson:
                on_lesson(lesson)
            given = {**(lesson.quick if quick else {}), **(parameters or {})}
            _run(lesson, kept / lesson.name, given, on_step)
        return rewrite_pages(folder=folder)


def check_course(
    only: Sequence[str], parameters: Mapping[str, Any], *, folder: str | Path | None = None
) -> tuple[Lesson, ...]:
    """The lessons that a build would run. Their files and the given parameters are checked.

    Raises `ValueError` for an unknown name or parameter, `FileNotFoundError` for a missing notebook of the plan.
    """
    plan = _plan(folder)
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


def _plan(folder: str | Path | None) -> Plan:
    return read_plan((Path(folder) if folder else course_folder()) / PLAN)


def rewrite_pages(*, folder: str | Path | None = None) -> Built:
    """Write all pages anew from the runs there are. Nothing is run."""
    project = Path(folder) if folder else project_folder()
    plan = _plan(folder)
    runs = kept_runs(plan, project)
    return Built(write_pages(plan, runs, project), plan, runs)


def kept_runs(plan: Plan, project: Path) -> dict[str, Run]:
    """The runs of a project's last builds, by the lesson's name."""
    opened = {lesson.name: _opened(project / "build" / "runs" / lesson.name) for lesson in plan.lessons}
    return {name: run for name, run in opened.items() if run}


def write_pages(plan: Plan, runs: Mapping[str, Run], project: Path) -> Path:
    """Write the index, a page for every lesson, and their files to `build/course/`. Returns the index."""
    site = project / "build" / "course"
    write_assets(site / "assets")
    found = findings_of(plan)
    shelf = open_shelf(summaries_folder(project))
    entries = [
        lesson_entry(lesson, runs.get(lesson.name), found, shelf.papers.get(lesson.card)) for lesson in plan.lessons
    ]
    about = about_runs(runs)
    shell = {"plan": plan, "lessons": entries, "about": about}
    library = write_library(site, shelf, shell, write_page)
    words = write_glossary(site, plan.lessons[0].path.parents[1], shell, write_page)
    for number, (lesson, entry) in enumerate(zip(plan.lessons, entries, strict=True)):
        if lesson.name in runs:
            before = entries[number - 1] if number else None
            after = entries[number + 1] if number + 1 < len(entries) else None
            _write_lesson(
                site, lesson, runs[lesson.name], {**shell, **entry, "before": before, "after": after}, project
            )
        else:
            text = render("missing.html.j2", **shell, lesson=entry)
            write_page(site / entry["page"], text)
    failed = [entry for entry in entries if entry["failure"]]
    more = {"road": ROAD, "failed": failed, "ran": len(runs), "library": library, "words": words}
    more["beside"] = beside(entries, found)
    write_page(site / "index.html", render("index.html.j2", **shell, **more))
    return site / "index.html"


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


def _opened(place: Path) -> Run | None:
    """The run in a folder; None if there is none. For an unreadable run: None and a warning."""
    if not (place / "run.json").is_file() or not any(place.glob("[!.]*.ipynb")):
        return None
    try:
        return Run.open(place)
    except (ValueError, OSError) as error:
        warnings.warn(f"a run is left out: {error}", stacklevel=2)
        return None


def _write_lesson(site: Path, lesson: Lesson, run: Run, page: dict[str, Any], project: Path) -> None:
    """Write a lesson's page, the executed notebook beside it, and copies of the linked files."""
    executed = run.folder / lesson.path.name
    body = notebook_body(executed, page)
    for folder, shown in ((project, "…"), (Path.home(), "~")):
        if folder != Path(folder.anchor):  # in a container the home may be "/"
            body = body.replace(str(folder), shown)
    course = lesson.path.resolve().parents[1]
    rename = {other["name"] + ".ipynb": other["page"] for other in page["lessons"]}
    for target in set(links(body)):
        place = (lesson.path.parent / target).resolve()
        if target in rename or not place.exists() or not place.is_relative_to(course):
            continue
        rename[target.rstrip("/")] = _publish(place, course, site)
    write_page(site / page["page"], rewrite_links(body, rename))
    (site / "notebooks").mkdir(parents=True, exist_ok=True)
    write_atomically(site / page["source"], lambda temporary: shutil.copyfile(executed, temporary))


def _publish(place: Path, course: Path, site: Path) -> str:
    """Copy a linked file or folder into the site. Returns the link's new target."""
    inside = place.relative_to(course)
    if (
        len(inside.parts) > 1
        and inside.parts[0] == "summaries"
        and (site / "papers" / f"{inside.parts[1]}.html").exists()
    ):
        return f"papers/{inside.parts[1]}.html"
    if inside == GLOSSARY:
        return "glossary.html"
    target = Path("files") / inside
    if place.is_dir():
        with naming(site / target):
            shutil.copytree(place, site / target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        write_atomically(site / target, lambda temporary: shutil.copyfile(place, temporary))
    return target.as_posix()


def write_assets(folder: Path) -> None:
    """Write the styles and scripts that all pages share, labkit's and plotly's."""
    from plotly.offline import get_plotlyjs
    from pygments.formatters import HtmlFormatter

    from labkit.viz import theme

    light, dark = (HtmlFormatter(style=style).get_style_defs(".highlight") for style in ("default", "github-dark"))
    themes = {"light": theme.LIGHT.to_plotly_json(), "dark": theme.DARK.to_plotly_json()}
    write_page(folder / "code.css", f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n")
    write_page(folder / "themes.js", f"window.courseThemes = {json.dumps(themes)};\n")
    write_page(folder / "plotly.min.js", get_plotlyjs())
    for name in ("parts.css", "course.css", "course.js", "found.js", "gallery.js"):
        write_page(folder / name, (SITE / name).read_text(encoding="utf-8"))


def write_page(path: Path, text: str) -> None:
    """Write the text of a page, whole or not at all."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
