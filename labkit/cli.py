"""The command `labkit`: it parses and calls, and turns errors into one line.

Nothing heavy is imported until a command needs it, so that `labkit --help` answers at once.
Exit codes: 0 done, 1 failed, 2 asked for something that is not there, 130 stopped by Ctrl-C.
"""

import functools
import logging
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

STYLE = {"help_option_names": ["-h", "--help"]}


def _group(name: str, what: str) -> typer.Typer:
    return typer.Typer(
        name=name,
        help=what,
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings=STYLE,
    )


app = _group(
    "labkit",
    "3D networks for video: the course, its notebooks as experiments, data and networks.\n\n"
    "Start with `labkit doctor`, then `labkit course`, or `labkit run 01` for a single notebook.",
)
data_app = _group("data", "Make the embedded dataset, or look at a dataset of your own.")
app.add_typer(data_app)


def _plainly(command: Callable[..., None]) -> Callable[..., None]:
    """Errors as one line on stderr, Ctrl-C too; with --debug the whole traceback."""

    @functools.wraps(command)
    def plain(*args: Any, **kwargs: Any) -> None:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _warn
                command(*args, **kwargs)
        except KeyboardInterrupt as stop:
            # Jupyter's client leaves the task behind that waited for the kernel, and asyncio would print its traceback.
            logging.getLogger("asyncio").setLevel(logging.CRITICAL)
            print(f"labkit: {str(stop) or 'stopped'}", file=sys.stderr)
            raise typer.Exit(130) from None
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:
            if os.environ.get("LABKIT_DEBUG"):
                raise
            asked = isinstance(error, ValueError | TypeError | LookupError | FileNotFoundError | FileExistsError)
            print(f"labkit: {_said(error)}", file=sys.stderr)
            raise typer.Exit(2 if asked else 1) from None

    return plain


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    """A warning as one line: where in the code it arose says nothing to who typed a command."""
    print(f"labkit: warning: {message}", file=sys.stderr)


def _said(error: Exception) -> str:
    """What an error says, in a user's words where it has some; the class goes before it where nobody foresaw it."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    foreseen = isinstance(error, ValueError | TypeError | LookupError | OSError | RuntimeError)
    foreseen |= type(error).__module__.startswith("labkit.")
    return str(error) if foreseen and str(error) else f"{type(error).__name__}: {error}"


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the whole traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if debug:
        os.environ["LABKIT_DEBUG"] = "1"
    if version:
        from labkit import __version__

        print(__version__)
        raise typer.Exit


@app.command()
@_plainly
def doctor() -> None:
    """Look whether this machine can run the course, and say what to do where it cannot.

    Each line is ok, a warning, or an error with its remedy. The exit code is 1 if there is an error.
    """
    from rich.text import Text

    from labkit.doctor import examine
    from labkit.terminal import COLOURS

    console, wrong = _console(), 0
    for line in examine():
        wrong += line.state == "error"
        text = Text.assemble((f"{line.state:8}", COLOURS[line.state]), (f"{line.what:20}", "bold"), line.seen)
        console.print(text, soft_wrap=True)
        if line.to_do:
            console.print(Text(f"{'':28}-> {line.to_do}"), soft_wrap=True)
    if wrong:
        raise typer.Exit(1)


@app.command()
@_plainly
def run(
    notebook: Annotated[str, typer.Argument(help="A path, a file name, or the start of one: `05`.")],
    parameter: Annotated[
        list[str] | None, typer.Option("-p", "--parameter", help="`name=value`; give it again for more.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("-f", "--file", help="A YAML file of parameters; `-p` goes before it.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="The run's folder. Default: `runs/<date>-<notebook>-<n>`.")
    ] = None,
    time_limit: Annotated[float, typer.Option(help="Minutes for the whole notebook; 0 for no limit.")] = 60,
    stall_limit: Annotated[
        float, typer.Option(help="Minutes after which a kernel that does nothing counts as hung; 0 for never.")
    ] = 10,
    describe: Annotated[bool, typer.Option("--parameters", help="Only show what can be set.")] = False,
) -> None:
    """Run a notebook with parameters, and keep what it found in a folder of its own.

    Parameters are checked against the notebook's own before anything starts. The folder holds the executed notebook,
    `run.json` (parameters, versions, hardware, commit, status), `results.json` and `log.txt`; a failed or stopped run
    keeps what it had. The last line is the folder's path.

    Examples:

    - `labkit run 05`
    - `labkit run 05 --parameters`
    - `labkit run 06 -p video=me.mp4 -p seed=1 --time-limit 10`
    """
    from labkit.runs.execute import RunFailed, RunInterrupted, run_notebook
    from labkit.runs.notebook import check_parameters, find_notebook, read_parameters, split_assignments
    from labkit.terminal import run_progress

    path = find_notebook(notebook)
    if describe:
        _show_parameters(path)
        return
    given = {**_read_file(file), **split_assignments(parameter or [])}
    given = check_parameters(read_parameters(path), given, path.name)
    limits = {"time_limit": time_limit * 60 or None, "stall_limit": stall_limit * 60 or None}
    try:
        with run_progress(_console(error=True)) as progress:
            progress.start(path.stem)
            done = run_notebook(path, given, folder, on_step=progress.step, **limits)
    except (RunFailed, RunInterrupted) as stopped:
        print(stopped.run.folder)
        raise
    for name, value in done.results.items():
        print(f"{name} = {value}")
    print(done.folder)


@app.command()
@_plainly
def runs(
    folder: Annotated[Path | None, typer.Argument(help="Where runs are. Default: the project's `runs/`.")] = None,
) -> None:
    """Show all runs: how each ended, what was changed, what it found.

    A run whose process was killed shows as `died`.

    Examples: `labkit runs`, `labkit runs build/findings`
    """
    from labkit.runs.table import runs_table
    from labkit.terminal import assignments, table

    found = runs_table(folder)
    if found.empty:
        print("no runs yet; `labkit run NOTEBOOK` makes one")
        return
    rows = []
    for row in found.to_dict("records"):
        minutes = f"{row['minutes']:.1f}" if row["minutes"] == row["minutes"] else ""  # NaN while it runs
        changed, results = assignments(row["changed"]), assignments(row["results"])
        rows.append((row["run"], row["notebook"], row["status"], minutes, changed, results))
    _console().print(table(("run", "notebook", "status", "min", "changed", "results"), rows, right=["min"]))


@app.command()
@_plainly
def course(
    only: Annotated[
        list[str] | None, typer.Option(help="Start of a notebook's name, `05`; give it again for more.")
    ] = None,
    parameter: Annotated[list[str] | None, typer.Option("-p", "--parameter", help="`name=value`, for all.")] = None,
    strict: Annotated[bool, typer.Option(help="Fail when a notebook takes longer than its budget.")] = False,
    pages: Annotated[bool, typer.Option("--pages", help="Run nothing: write the pages of the runs there are.")] = False,
) -> None:
    """Run every notebook of the course and build its pages; the last line is the path of the index.

    A notebook that fails does not stop the others; the index says which, and the exit code is 1.

    Examples: `labkit course`, `labkit course --only 05`, `labkit course --pages`
    """
    from labkit.course.build import build_course, check_course, rewrite_pages
    from labkit.runs.notebook import split_assignments
    from labkit.terminal import run_progress

    console = _console(error=True)
    if pages:
        built = rewrite_pages()
    else:
        given = split_assignments(parameter or [])
        check_course(only or [], given)
        _generate_motion()
        with run_progress(console) as progress:
            built = build_course(
                only or [],
                parameters=given,
                on_lesson=lambda lesson: progress.start(lesson.name),
                on_step=progress.step,
            )
    within = _show_budget(built, console)
    for name in built.failed:
        error = built.runs[name].about.get("error") or {}
        console.print(f"{name} {error.get('message', 'did not run to its end')}", markup=False, highlight=False)
    print(built.index)
    if built.failed or (strict and not within):
        raise typer.Exit(1)


@app.command()
@_plainly
def findings(
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds, from 0.")] = 5,
    only: Annotated[list[str] | None, typer.Option(help="Only notebooks whose names start so.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Runs at once. Default: one per processor core.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Run nothing: show what was measured.")] = False,
) -> None:
    """Measure the findings of the course over several seeds, and say which hold.

    What is measured already, by the same code, is not repeated: call it again after an interruption.

    Examples: `labkit findings`, `labkit findings --show`, `labkit findings --only 05 --seeds 10`
    """
    from labkit.runs.findings import findings as known
    from labkit.runs.findings import measure
    from labkit.terminal import table

    if show:
        found = known()
    else:
        log = _console(error=True)
        found = measure(
            range(seeds),
            only=only or [],
            jobs=jobs,
            on_run=lambda name, seed, state: log.print(f"{name} seed={seed} {state}", markup=False, highlight=False),
        )
    words = {True: "holds", False: "does not hold", None: "not measured"}
    rows = [(one.declared.id, words[one.holds], one.declared.inequality, one.numbers) for one in found]
    _console().print(table(("finding", "verdict", "inequality", "measured"), rows))


@app.command()
@_plainly
def models(pattern: Annotated[str, typer.Argument(help="A shell pattern: `resnet*`.")] = "*") -> None:
    """List the networks, their input and where they come from.

    Example: `labkit models "resnet*"`
    """
    from labkit.models import entry, list_models
    from labkit.terminal import table

    entries = [entry(name) for name in list_models(pattern)]
    if not entries:
        raise ValueError(f"no network is called like {pattern!r}; `labkit models` lists all")
    rows = [(one.name, f"{one.clip.frames} x {one.clip.size} x {one.clip.size}", one.source) for one in entries]
    _console().print(table(("name", "frames x height x width", "source"), rows))


@app.command()
@_plainly
def model(
    name: Annotated[str, typer.Argument(help="A network's name; `labkit models` lists them.")],
    classes: Annotated[int, typer.Option(min=1, help="Classes to tell apart.")] = 400,
    parameter: Annotated[list[str] | None, typer.Option("-p", help="`name=value`: width=16, shortcut=A.")] = None,
    layers: Annotated[bool, typer.Option(help="Show every layer, not the totals alone.")] = True,
) -> None:
    """Show a network's layers, with parameters and multiply-accumulates for one clip. Builds no weights.

    Example: `labkit model resnet18 --classes 12 -p width=16 --no-layers`
    """
    import torch

    from labkit.models import create_model, entry
    from labkit.models.profile import profile, totals
    from labkit.runs.notebook import split_assignments
    from labkit.terminal import table

    overrides = {key: _number(value) for key, value in split_assignments(parameter or []).items()}
    with torch.device("meta"):
        network = create_model(name, num_classes=classes, **overrides)
    shape = entry(name).shape
    counted = profile(network, shape)
    if layers:
        rows = [
            (
                row["name"],
                row["type"],
                " x ".join(map(str, row["output"])),
                f"{row['parameters']:,}",
                f"{row['macs']:,}",
            )
            for row in counted.to_dict("records")
        ]
        columns = ("layer", "type", "output", "parameters", "multiply-accumulates")
        _console().print(table(columns, rows, right=columns[2:]))
    total = totals(counted)
    print(f"{name}: {total.parameters:,} parameters, {total.macs:,} multiply-accumulates for one {tuple(shape)}")


@app.command()
@_plainly
def video(path: Annotated[Path, typer.Argument(help="A video file.")]) -> None:
    """Say what a video file holds: frames, rate, size, codec, damage.

    Example: `labkit video me.mp4`
    """
    from dataclasses import asdict

    from labkit.data.video import VideoReader
    from labkit.terminal import table

    with VideoReader(path) as reader:
        rows = [(name, "" if value is None else value) for name, value in asdict(reader.info).items()]
    _console().print(table(("of the file", "value"), rows))


@data_app.command("motion")
@_plainly
def data_motion(
    root: Annotated[Path | None, typer.Option(help="The folder to make. Default: in the cache.")] = None,
    videos: Annotated[int, typer.Option(min=1, help="How many, over all classes.")] = 2880,
    seed: Annotated[int, typer.Option(help="Of everything drawn.")] = 0,
    difficulty: Annotated[float, typer.Option(help="The movement is this many times smaller.")] = 1.0,
    noise: Annotated[float, typer.Option(help="Of each pixel, as a share of white.")] = 0.02,
    bias: Annotated[float, typer.Option(help="Share of training videos whose colour tells the motion.")] = 0.0,
) -> None:
    """Generate the embedded dataset, real H.264 files in UCF-101's layout, and print its folder.

    Example: `labkit data motion --videos 400 --root /tmp/motion`
    """
    from labkit.data.motion import generate

    print(generate(root, videos=videos, seed=seed, difficulty=difficulty, noise=noise, bias=bias))


@data_app.command("check")
@_plainly
def data_check(
    name: Annotated[str, typer.Argument(help="`ucf101`, `hmdb51`, `folder` or `motion`.")],
    root: Annotated[Path | None, typer.Argument(help="The dataset's folder.")] = None,
    subset: Annotated[str, typer.Option(help="`train`, `val` or `test`.")] = "train",
    split: Annotated[int, typer.Option(help="The dataset's own split.")] = 1,
) -> None:
    """Index a dataset and report the videos that cannot be read; the exit code is 1 if there are any.

    A wrong folder is answered with the layout expected. The index is kept: a later call is quick.

    Examples: `labkit data check ucf101 ~/UCF-101`, `labkit data check folder my_videos`
    """
    from labkit.clip import ClipSpec
    from labkit.data.datasets import open_dataset
    from labkit.terminal import table

    dataset = open_dataset(name, root, subset, spec=ClipSpec(), split=split)  # type: ignore[arg-type]
    print(dataset.describe())
    if len(dataset.report):
        rows = list(dataset.report.itertuples(index=False))
        _console().print(table(tuple(dataset.report.columns), rows))
        raise typer.Exit(1)


def main() -> None:
    """Run the command line."""
    app()


def _console(*, error: bool = False) -> "Console":
    """The terminal; a log that is not one gets lines as wide as they are."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    return Console(stderr=error, width=None if stream.isatty() else 200)


def _read_file(path: Path | None) -> dict[str, Any]:
    """Parameters from a YAML file."""
    if path is None:
        return {}
    import yaml

    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(read, dict):
        raise ValueError(f"{path} should hold lines of name: value")
    return read


def _show_parameters(path: Path) -> None:
    from labkit.runs.notebook import read_parameters
    from labkit.terminal import table

    rows = [(one.name, one.type, repr(one.default), one.help) for one in read_parameters(path).values()]
    _console().print(table(("parameter", "type", "default", "what it is"), rows))


def _generate_motion() -> None:
    """The embedded dataset, made before the first notebook, so that no notebook's time holds it."""
    from labkit.data.motion import generate

    print(f"the embedded dataset is at {generate()}", file=sys.stderr)


def _show_budget(built: Any, console: "Console") -> bool:
    """Print what every notebook took beside its budget; returns whether all, and their sum, are within."""
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
    console.print(table(columns, rows, right=["seconds", "budget"]))
    return fits and all(fit for *_, fit in took)


def _number(text: str) -> Any:
    """An override as a number where it is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
