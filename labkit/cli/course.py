"""Commands for the course: check the machine, run notebooks, build the pages, measure the findings."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labkit.cli.app import console, group, plainly, say

if TYPE_CHECKING:
    from rich.console import Console

    from labkit.course.plan import Lesson
    from labkit.course.website.build import Site

course_app = group(
    "course",
    "Run the course and build its pages; hand it out to a class and grade what comes back.\n\n"
    "Without a command it runs: `labkit course` and `labkit course 05` are `labkit course run` and `labkit course run 05`.",
    otherwise="run",
)


@plainly
def doctor() -> None:
    """Check whether this machine can run the course, and say what to do about each problem.

    Each line says ok, warning or error. The exit code is 1 if there is an error.
    """
    from rich.text import Text

    from labkit.doctor import examine
    from labkit.survey.publication.problems import plain
    from labkit.terminal import COLOURS

    screen, wrong = console(), 0
    for line in examine():
        wrong += line.state == "error"
        text = Text.assemble((f"{line.state:8}", COLOURS[line.state]), (f"{line.what:20}", "bold"), plain(line.seen))
        screen.print(text, soft_wrap=True)
        if line.to_do:
            screen.print(Text(f"{'':28}-> {plain(line.to_do)}"), soft_wrap=True)
    if wrong:
        raise typer.Exit(1)


@plainly
def lab(
    notebook: Annotated[
        str, typer.Argument(help="The notebook to open first: a path, or the start of its name.")
    ] = "00",
) -> None:
    """Open the notebooks in JupyterLab.

    A kernel started there leaves the processors to other programs while it waits.

    Examples: `labkit lab`, `labkit lab 05`
    """
    import signal
    import subprocess

    from labkit.runs.notebook import find_notebook
    from labkit.runs.project import PLAN, project_folder

    project = project_folder()
    if not (project / PLAN).is_file():
        raise FileNotFoundError(
            f"no notebooks in {project} or above: `labkit course get DIR` gives you some to work in; go there"
        )
    path = find_notebook(notebook)
    process = subprocess.Popen([sys.executable, "-m", "jupyter", "lab", f"--notebook-dir={project}", str(path)])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C reaches JupyterLab, which asks before it stops
    raise typer.Exit(process.wait())


@course_app.command(name="run")
@plainly
def run_course(
    notebook: Annotated[
        list[str] | None, typer.Argument(help="The starts of notebooks' names, `05 06`. Default: all.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="The start of a notebook's name, `05`. Repeat for more.")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", help="A parameter for all notebooks, `name=value`. Repeat for more."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Smaller parameters, for a machine on batteries. A finding may not hold.")
    ] = False,
    strict: Annotated[bool, typer.Option(help="Fail when a notebook takes longer than its budget.")] = False,
) -> None:
    """Run every notebook of the course and build the site. `labkit course` alone does this too.

    If a notebook fails, the others still run, the first page names it, and the exit code is 1. Without OpenCV, notebook 07
    is left out, and a line says so before the start. The site needs `pip install "labkit-video[site]"`. A fault in a page
    is named at the end, and the exit code is 1. The last line printed is the path of the first page.

    Examples: `labkit course`, `labkit course 05`, `labkit course --quick`
    """
    from labkit.course.build import build_course, check_course
    from labkit.runs.notebook import split_assignments
    from labkit.terminal import run_progress

    screen, given = console(error=True), split_assignments(parameter or [])
    here = _runnable(check_course([*(notebook or []), *(only or [])], given))
    _generate_motion()
    with run_progress(screen) as progress:
        built = build_course(
            here,
            parameters=given,
            on_lesson=lambda lesson: progress.start(lesson.name),
            on_step=progress.step,
            on_site=lambda: progress.start("the site", "building the pages"),
            quick=quick,
        )
    within = _show_budget(built, screen)
    for name in built.failed:
        error = built.runs[name].about.get("error") or {}
        say(f"{name} {error.get('message', 'did not run to its end')}")
    _show_site(built.site)
    if built.failed or built.site.faults or (strict and not within):
        raise typer.Exit(1)


@course_app.command()
@plainly
def site(
    open_in: Annotated[
        list[str] | None,
        typer.Option(
            help="Links from each notebook to a service, `NAME=ADDRESS`, with `{path}` in the address. Repeat for more."
        ),
    ] = None,
) -> None:
    """Build the site anew from the runs of the last `labkit course`. Nothing is run.

    The site is in `build/site/` and needs no network: notebooks, papers, guides and reference, with a search over all.
    Building it needs `pip install "labkit-video[site]"`. A broken link, a warning and a public name without an entry are
    errors, and then the earlier site stays. The last line printed is the path of the first page.

    Examples: `labkit course site`, `labkit course site --open-in "Colab=https://colab.research.google.com/github/ME/labkit/blob/main/{path}"`
    """
    from labkit.course.website.build import build_site
    from labkit.runs.notebook import split_assignments

    _show_site(build_site(open_in=split_assignments(open_in or [])))


@plainly
def findings(
    seeds: Annotated[int, typer.Option(min=1, help="The number of seeds, counted from 0.")] = 5,
    only: Annotated[
        list[str] | None, typer.Option(help="Only notebooks whose names start with this. Repeat for more.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="The number of runs at the same time. Default: one per processor core.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Run nothing: show the last measurements.")] = False,
) -> None:
    """Measure the findings of the course over several seeds, and say which hold.

    A run that the same code has done already is not repeated, so you can go on after an interruption.

    Examples: `labkit findings`, `labkit findings --show`, `labkit findings --only 05 --seeds 10`
    """
    from labkit.runs.findings import findings as known
    from labkit.runs.findings import measure
    from labkit.terminal import table

    if show:
        found = known()
    else:
        found = measure(
            range(seeds),
            only=only or [],
            jobs=jobs,
            on_run=lambda name, seed, state: say(f"{name} seed={seed} {state}"),
        )
    rows = [(one.declared.id, one.state, one.declared.inequality, one.numbers) for one in found]
    console().print(table(("finding", "verdict", "inequality", "measured"), rows))


def _runnable(lessons: Sequence["Lesson"]) -> list[str]:
    """The names of the lessons that can run here. The others are named, with the command that helps.

    Raises `FlowError` where none can run.
    """
    from labkit.data.flow import METHODS, FlowError, check_opencv

    here, lacking = [], None
    for lesson in lessons:
        try:
            for method in METHODS if lesson.needs == "flow" else ():
                check_opencv(method)
            here.append(lesson.name)
        except FlowError as error:
            lacking = error
            say(f"{lesson.name} is left out: {error}")
    if lacking and not here:
        raise lacking
    return here


def _generate_motion() -> None:
    """Make the embedded dataset before the first notebook, so that it counts in no notebook's time."""
    from labkit.data.motion import generate

    say(f"the embedded dataset is at {generate()}")


def _show_site(site: "Site") -> None:
    """Print what is wrong with a site, its size, and at last the path of its first page."""
    from labkit.course.website.build import listed

    for line in (*([listed(site.faults)] if site.faults else []), *site.notes):
        say(line)
    say(f"the site took {site.seconds:.0f} s and has {site.bytes / 1e6:.1f} MB")
    print(site.index)


def _show_budget(built: Any, screen: "Console") -> bool:
    """Print each notebook's seconds beside its budget. Returns whether all of them, and their sum, are within it."""
    from labkit.terminal import table

    took = built.budget()
    rows = [
        (lesson.name, f"{seconds:.0f}", f"{lesson.budget_s:g}", "ok" if fits else "warning")
        for lesson, seconds, fits in took
    ]
    total = sum(seconds for _, seconds, _ in took)
    fits = total <= built.plan.budget_s
    rows.append(("together", f"{total:.0f}", f"{built.plan.budget_s:g}", "ok" if fits else "warning"))
    columns = ("notebook", "seconds", "budget", "within")
    screen.print(table(columns, rows, right=["seconds", "budget"]))
    return fits and all(fit for *_, fit in took)
