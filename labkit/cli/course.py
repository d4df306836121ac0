"""Commands for the course: check the machine, run notebooks, build the pages, measure the findings."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labkit.cli.app import console, group, plainly, say

if TYPE_CHECKING:
    from rich.console import Console

    from labkit.course.plan import Lesson

MOST_VALUES = 200_000  # in a file of parameters: a list of 20,000 points with nine parameters, for example

course_app = group(
    "course",
    "Run the course and build its pages; hand it out to a class and grade what comes back.\n\n"
    "Without a command it runs: `labkit course`, `labkit course 05`, `labkit course --pages` are `labkit course run`.",
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


@plainly
def run(
    notebook: Annotated[str, typer.Argument(help="The notebook: a path, a file name, or the start of its name, `05`.")],
    parameter: Annotated[
        list[str] | None, typer.Option("-p", "--parameter", help="A parameter, `name=value`. Repeat for more.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("-f", "--file", help="A YAML file with parameters, or with a list of them. `-p` overrides it."),
    ] = None,
    index: Annotated[
        int | None, typer.Option(min=0, help="Which entry of the list in the file, counted from 0.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="The run's folder; files in it are not overwritten. Default: `runs/<date>-<notebook>-<n>`."),
    ] = None,
    time_limit: Annotated[float, typer.Option(help="Most minutes for the whole notebook. 0: no limit.")] = 60,
    stall_limit: Annotated[
        float, typer.Option(help="Minutes without work after which the kernel counts as hung. 0: never.")
    ] = 10,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, help="Threads to compute with. A seed gives other numbers with other threads. Default: torch's."
        ),
    ] = None,
    kernel: Annotated[str | None, typer.Option(help="The name of an installed kernel. Default: this Python.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="The course's parameters for a third of the work; `-p` overrides them.")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Let every training write a TensorBoard, beside its history.")
    ] = False,
    describe: Annotated[bool, typer.Option("--parameters", help="Only list the parameters.")] = False,
    ends: Annotated[bool, typer.Option("--end-with-stdin", hidden=True)] = False,
) -> None:
    """Run a notebook with parameters, and keep its results in a new folder.

    Parameters are checked before anything starts. A parameter that you set needs a plain type in the notebook. The
    notebook runs on this Python; a notebook saved with another kernel is named. The folder holds the executed notebook,
    `run.json` (parameters, versions, hardware, commit, status), `results.json` and `log.txt`. A failed or stopped run
    keeps what it had. The last line printed is the folder's path.

    Examples:

    - `labkit run 05`
    - `labkit run 05 --parameters`
    - `labkit run 06 -p video=me.mp4 -p seed=1 --time-limit 10`
    - `labkit run 05 --quick` (a third of the work)
    - `labkit run 05 --threads 1` (the findings were measured this way)
    - `labkit run 05 -f params.yaml --index $SLURM_ARRAY_TASK_ID` (one of many: `docs/runs.md`)
    """
    from labkit.course.plan import quick_parameters
    from labkit.runs.execute import RunFailed, RunInterrupted, run_notebook
    from labkit.runs.notebook import check_parameters, find_notebook, read_parameters, split_assignments
    from labkit.runs.table import results
    from labkit.runs.watch import end_with_stdin
    from labkit.survey.publication.problems import plain
    from labkit.terminal import run_progress

    path = find_notebook(notebook)
    if describe:
        _show_parameters(path)
        return
    if ends:
        end_with_stdin()
    preset = quick_parameters(path) if quick else {}
    given = {**preset, **_read_file(file, index), **split_assignments(parameter or [])}
    given = check_parameters(read_parameters(path), given, path.name)
    limits: dict[str, Any] = {"time_limit": time_limit * 60 or None, "stall_limit": stall_limit * 60 or None}
    try:
        with run_progress(console(error=True)) as progress:
            progress.start(path.stem)
            more: dict[str, Any] = {"threads": threads, "kernel": kernel, "tensorboard": tensorboard}
            done = run_notebook(path, given, folder, on_step=progress.step, **limits, **more)
    except (RunFailed, RunInterrupted) as stopped:
        print(stopped.run.folder)
        raise
    for name, value in results(done).items():
        print(plain(f"{name} = {value}"))
    print(done.folder)


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
        bool, typer.Option("--quick", help="A third of the work, for a machine on batteries. A finding may not hold.")
    ] = False,
    strict: Annotated[bool, typer.Option(help="Fail when a notebook takes longer than its budget.")] = False,
    pages: Annotated[
        bool, typer.Option("--pages", help="Run nothing: write the pages from the runs there are.")
    ] = False,
) -> None:
    """Run every notebook of the course and build its pages. `labkit course` alone does this too.

    If a notebook fails, the others still run, the index names it, and the exit code is 1. Without OpenCV, notebook 07 is
    left out, and a line says so before the start. The last line printed is the path of the index.

    Examples: `labkit course`, `labkit course 05`, `labkit course --quick`, `labkit course --pages`
    """
    from labkit.course.build import build_course, check_course, rewrite_pages
    from labkit.runs.notebook import split_assignments
    from labkit.terminal import run_progress

    screen, chosen = console(error=True), [*(notebook or []), *(only or [])]
    if pages:
        built = rewrite_pages()
    else:
        given = split_assignments(parameter or [])
        here = _runnable(check_course(chosen, given))
        _generate_motion()
        with run_progress(screen) as progress:
            built = build_course(
                here,
                parameters=given,
                on_lesson=lambda lesson: progress.start(lesson.name),
                on_step=progress.step,
                quick=quick,
            )
    within = _show_budget(built, screen)
    for name in built.failed:
        error = built.runs[name].about.get("error") or {}
        say(f"{name} {error.get('message', 'did not run to its end')}")
    print(built.index)
    if built.failed or (strict and not within):
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
    """Build the whole site from the runs there are: notebooks, papers, guides and reference, with a search over all.

    Run `labkit course` first. The site is in `build/site/` and needs no network. It needs `pip install
    "labkit-video[site]"`. A broken link, a warning and a public name without an entry are errors. The last line printed is
    the path of the first page.

    Examples: `labkit course site`, `labkit course site --open-in "Colab=https://colab.research.google.com/github/ME/labkit/blob/main/{path}"`
    """
    from importlib.util import find_spec

    from labkit.runs.notebook import split_assignments

    lacking = [name for name in ("sphinx", "myst_nb", "pydata_sphinx_theme") if find_spec(name) is None]
    if lacking:
        raise ModuleNotFoundError(f'the site needs {", ".join(lacking)}: pip install "labkit-video[site]"')
    from labkit.course.website.build import build_site

    built = build_site(open_in=split_assignments(open_in or []))
    say(f"the site took {built.seconds:.0f} s and has {built.bytes / 1e6:.1f} MB")
    print(built.index)


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


def _read_file(path: Path | None, index: int | None) -> dict[str, Any]:
    """Parameters from a YAML file: its mapping, or the entry `index` of its list of mappings."""
    if path is None:
        if index is not None:
            raise ValueError("--index chooses an entry of a file: give the file with -f")
        return {}
    from labkit.survey.publication.text_files import read_text
    from labkit.survey.publication.yaml_files import parse_yaml

    read, _ = parse_yaml(path, read_text(path), most=MOST_VALUES)
    where = str(path)
    if isinstance(read, list):
        read, where = _entry(path, read, index), f"{path}, entry {index}"
    elif index is not None:
        raise ValueError(f"{path} should hold a list of mappings for --index, not a {type(read).__name__}")
    if not isinstance(read, dict):
        raise ValueError(f"{where} should hold lines of name: value")
    odd = [key for key in read if not isinstance(key, str)]
    if odd:
        raise ValueError(
            f"{where}: {odd[0]!r} cannot be the name of a parameter (YAML reads numbers, yes, no, on and off as values)"
        )
    return read


def _entry(path: Path, entries: list[Any], index: int | None) -> Any:
    """The entry of the list with this number."""
    if not entries:
        raise ValueError(f"{path} holds an empty list")
    if index is None:
        raise ValueError(
            f"{path} holds a list of {len(entries)}: choose one with --index, from 0 to {len(entries) - 1}"
        )
    if index >= len(entries):
        raise ValueError(
            f"{path} holds a list of {len(entries)}: --index goes from 0 to {len(entries) - 1}, not {index}"
        )
    return entries[index]


def _show_parameters(path: Path) -> None:
    from labkit.runs.notebook import read_parameters
    from labkit.terminal import table

    rows = [(one.name, one.type, one.shown, one.help) for one in read_parameters(path).values()]
    console().print(table(("parameter", "type", "default", "what it is"), rows))


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
