"""Build the site from the runs there are: sources, Sphinx, the library's pages, a policy for each page, and checks.

A warning of Sphinx, a broken link and a public name without an entry are faults. The finished site takes the place of the
earlier one at the end, so a build that fails or is stopped leaves that one as it is.
"""

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.course.assets import write_assets, write_page
from labkit.course.build_folder import kept_runs, one_build
from labkit.course.entries import ROAD, about_runs, beside, findings_of, lesson_entry
from labkit.course.glossary import FILE as GLOSSARY
from labkit.course.glossary import read_glossary
from labkit.course.papers import write_library
from labkit.course.plan import Plan, read_plan
from labkit.course.website.checks import bytes_of, faults_of, notes_on_size
from labkit.course.website.packages import check_packages
from labkit.course.website.pages import forbid, write_pages
from labkit.course.website.source import OPEN_IN, Source
from labkit.records import Run
from labkit.runs.project import PLAN, project_folder
from labkit.survey.library.shelf import open_shelf
from labkit.survey.publication.files import summaries_folder

BUILDING = "site-"  # start of the name of a folder with a site that is not finished
MOST_LINES = 20  # of an error


class SiteError(RuntimeError):
    """The site has faults; the message has a line for each."""


@dataclass(frozen=True)
class Site:
    """A finished site: its first page, the seconds that its build took, and its size."""

    index: Path
    seconds: float
    bytes: int
    notes: tuple[str, ...] = ()  # on what is too large
    faults: tuple[str, ...] = ()  # Sphinx's warnings, broken links, names that the reference lacks


def build_site(*, folder: str | Path | None = None, open_in: Mapping[str, str] | None = None) -> Site:
    """Build the site in `build/site/` of a project (default: the one here) from the runs of `labkit course`. Nothing is run.

    `open_in` gives each notebook's page links to another service: its name → the address, with `{path}` in place of the
    notebook's path. Raises `ValueError` for another address, `FileNotFoundError` where nothing has been run,
    `PackagesError` where the packages are missing, `BuildInUseError` where another process builds there, and
    `SiteError` for faults: then the earlier site stays.
    """
    addresses = _addresses(open_in or {})
    check_packages()
    project = Path(folder) if folder else project_folder()
    plan = read_plan(project / PLAN if folder else None)
    runs = kept_runs(plan, project)
    if not runs:
        raise FileNotFoundError(
            f"no notebook has been run in {project}: `make course` or `labkit course` runs them and builds the site. "
            "`labkit course --quick` takes a third of the time, `labkit course 05` runs one notebook"
        )
    with one_build(project / "build"):
        return write_site(plan, runs, project, addresses, strict=True)


def write_site(
    plan: Plan,
    runs: Mapping[str, Run],
    project: Path,
    open_in: Mapping[str, str] | None = None,
    *,
    strict: bool = False,
) -> Site:
    """Build the site of these runs. The caller holds the project's `build/`.

    With `strict`, faults raise `SiteError` and the earlier site stays. Without, the site takes its place and names them.
    """
    started = time.monotonic()
    place = project / "build" / "site"
    place.parent.mkdir(parents=True, exist_ok=True)
    for left in place.parent.glob(f"{BUILDING}*"):  # of a build that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=BUILDING, dir=place.parent) as building:
        out = Path(building) / "site"
        faults = _fill(plan, runs, project, Path(building) / "source", out, open_in or {})
        if strict and faults:
            raise SiteError(listed(faults))
        notes = notes_on_size(out)
        if place.exists():
            place.rename(Path(building) / "earlier")
        out.rename(place)
    return Site(place / "index.html", time.monotonic() - started, bytes_of(place), tuple(notes), tuple(faults))


def _addresses(open_in: Mapping[str, str]) -> dict[str, str]:
    for name, address in open_in.items():
        if not address.startswith("https://") or OPEN_IN not in address:
            raise ValueError(f"the address of {name} should begin with https:// and hold {OPEN_IN}, not {address!r}")
    return dict(open_in)


def _fill(
    plan: Plan, runs: Mapping[str, Run], project: Path, folder: Path, out: Path, open_in: Mapping[str, str]
) -> list[str]:
    """Write the sources, let Sphinx build them, and add what it does not build. Returns a line for each fault."""
    course, shelf = plan.lessons[0].path.resolve().parents[1], open_shelf(summaries_folder(project))
    found = findings_of(plan)
    entries = [
        lesson_entry(lesson, runs.get(lesson.name), found, shelf.papers.get(lesson.card)) for lesson in plan.lessons
    ]
    source = Source(folder, course, entries, shelf, read_glossary(course / GLOSSARY))
    shell = {"plan": plan, "lessons": entries, "about": about_runs(runs)}
    library = write_library(out, shelf, shell, write_page)
    write_assets(out / "assets")
    hidden = {str(one): sign for one, sign in ((project, "…"), (Path.home(), "~")) if one != Path(one.anchor)}
    for lesson, entry in zip(plan.lessons, entries, strict=True):
        run = runs.get(lesson.name)
        links = [(name, address.replace(OPEN_IN, str(entry["source"]))) for name, address in open_in.items()]
        executed = run.folder / lesson.path.name if run else None
        source.write_lesson(entry, executed, hidden, open_in=links, about=shell["about"])
    source.write_documents()
    names = source.write_reference()
    failed = [entry for entry in entries if entry["failure"]]
    more = {"road": ROAD, "failed": failed, "ran": len(runs), "library": library, "beside": beside(entries, found)}
    source.write_front(plan.title, {**shell, **more})
    warnings = write_pages(source, out, plan.title)
    _copy(source, plan, out)
    forbid(out, source.allowed)
    return [*warnings, *faults_of(out, names)]


def _copy(source: Source, plan: Plan, out: Path) -> None:
    """The notebooks to download, and the files that pages link to. What only the theme's makers need is left out."""
    for lesson in plan.lessons:
        if lesson.path.is_file():
            shutil.copyfile(lesson.path, out / "notebooks" / lesson.path.name)
    shutil.rmtree(out / "_sources", ignore_errors=True)
    for name in source.leads.copies:
        place, target = source.course / name, out / "files" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir():
            shutil.copytree(place, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(place, target)
    for path in (*out.rglob("*.map"), out / "_static" / "webpack-macros.html", out / ".buildinfo"):
        path.unlink(missing_ok=True)


def listed(faults: Sequence[str]) -> str:
    """Faults as lines, the first ones."""
    more = [f"and {len(faults) - MOST_LINES} more"] if len(faults) > MOST_LINES else []
    return "\n".join(["the site has faults:", *faults[:MOST_LINES], *more])
