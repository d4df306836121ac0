"""The command that runs a notebook at each point of a grid."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labkit.cli.app import console, plainly, say
from labkit.counting import counted

if TYPE_CHECKING:
    from labkit.runs.grid import Grid
    from labkit.runs.sweep import Tally
    from labkit.runs.workers import Workers

MANY = 1000  # points from which on the command asks

Notebook = Annotated[str, typer.Argument(help="The notebook: a path, a file name, or the start of its name, `05`.")]
Axes = Annotated[
    list[str] | None,
    typer.Option(
        "--grid", help="An axis: `depth=18,34`, `seed=0..4`; `;` separates values with commas. Repeat for more."
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("-p", "--parameter", help="A parameter of all runs, `name=value`. Repeat for more."),
]
Count = Annotated[
    int | None, typer.Option(min=1, help="Runs at the same time on this machine. Default: one for each core.")
]
Scheduler = Annotated[
    str | None,
    typer.Option(help="The address of a Dask scheduler, `tcp://host:8786` or `tls://`, whose workers do the runs."),
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads of each run. Default: the cores, shared out among the workers.")
]
Folder = Annotated[Path | None, typer.Option(help="The sweep's folder. Default: `runs/sweeps/<notebook>-<n>`.")]
TimeLimit = Annotated[float, typer.Option(min=0, help="Most minutes for each run. 0: no limit.")]
Retry = Annotated[bool, typer.Option("--retry-failed", help="Run again what has failed before.")]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Run nothing: say what is done and what would run, and write `params.yaml`."),
]
Yes = Annotated[bool, typer.Option("--yes", help=f"Do not ask before {MANY:,} runs or more.")]


@plainly
def sweep(
    notebook: Notebook,
    grid: Axes = None,
    parameter: Parameters = None,
    workers: Count = None,
    scheduler: Scheduler = None,
    threads: Threads = None,
    folder: Folder = None,
    time_limit: TimeLimit = 60,
    retry_failed: Retry = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Run a notebook at each point of a grid, several runs at the same time.

    Every point becomes a run in the sweep's folder. All values are checked before anything starts. The same command
    again goes on where it was stopped, and repeats no run that is done. Another grid with the same --folder adds its
    points. Ctrl-C once lets the runs under way end; twice stops at once. At the end it writes a table, `runs.parquet`,
    and a page, and prints their paths. docs/sweeps.md shows clusters.

    Examples:

    - `labkit sweep 05 --grid seed=0..4`
    - `labkit sweep 04 --grid width=8,16 --grid seed=0..4 -p epochs=3 --workers 2`
    - `labkit sweep 04 --grid seed=0..99 --scheduler tcp://head:8786`
    - `labkit sweep 04 --grid seed=0..99 --dry-run`, then `labkit run 04 -f params.yaml --index 7`
    """
    from labkit.runs.grid import read_grid
    from labkit.runs.notebook import find_notebook, split_assignments
    from labkit.runs.sweep import kept_threads, sweep_folder
    from labkit.runs.sweep import sweep as run_all
    from labkit.terminal import SweepProgress

    if workers and scheduler:
        raise ValueError("--workers is for this machine, and --scheduler for a cluster: give one of them")
    path = find_notebook(notebook)
    read = read_grid(path, grid or [], split_assignments(parameter or []), device=not (scheduler or dry_run))
    place = sweep_folder(read, folder)
    if dry_run:
        _write_points(read, place, folder or Path.cwd(), retry_failed)
        return
    _ask(len(read), yes)
    say(f"{counted(len(read), 'point')} in {place}")
    with (
        _workers(read, place, workers, scheduler, threads or kept_threads(place)) as chosen,
        SweepProgress(console(error=True), len(read)) as shown,
    ):
        tally = run_all(read, place, chosen, minutes=time_limit, retry_failed=retry_failed, tell=shown)
    _conclude(tally, place)


@contextmanager
def _workers(
    grid: "Grid", place: Path, count: int | None, scheduler: str | None, threads: int | None
) -> "Iterator[Workers]":
    """The workers of the scheduler, or of this machine."""
    from labkit.runs.sweep import devices
    from labkit.runs.workers import connected_workers, local_workers, visible_gpus

    if scheduler:
        place.mkdir(parents=True, exist_ok=True)
        try:
            with connected_workers(scheduler, threads, folders=[place, Path.cwd()]) as workers:
                yield workers
        finally:
            with suppress(OSError):  # only an empty folder is removed: no run could start
                place.rmdir()
        return
    wants_gpu = any(one == "auto" or one.startswith("cuda") for one in devices(grid))
    with local_workers(count, threads, most=len(grid), gpus=visible_gpus() if wants_gpu else ()) as workers:
        yield workers


def _ask(points: int, yes: bool) -> None:
    """Ask before very many runs. Without an answer, nothing starts."""
    if points < MANY or yes:
        return
    say(f"this grid has {points:,} points; run them all (y, n) [n]: ", end="")
    try:
        answer = input().strip().casefold()
    except EOFError:
        answer = ""
        say("")
    if answer not in ("y", "yes"):
        raise RuntimeError("nothing was started; --yes runs them without asking, --dry-run writes them to a file")


def _write_points(grid: "Grid", place: Path, folder: Path, retry_failed: bool) -> None:
    """Say how many points the sweep in `place` would run. Write all points as a list of mappings, and print the file."""
    import yaml

    from labkit.atomic import create
    from labkit.runs.sweep import before

    done, failed = before(grid, place)
    kept = [f"done {done:,}"] * bool(done) + [f"failed {failed:,}"] * bool(failed)
    left = len(grid) - done - (0 if retry_failed else failed)
    say(f"{counted(len(grid), 'point')} in {place}: {', '.join([*kept, f'to run {left:,}'])}")
    file = folder / "params.yaml"
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text = yaml.dump([*grid.points()], Dumper=dumper, sort_keys=False, allow_unicode=True)
    if not (file.is_file() and file.read_text(encoding="utf-8") == text):
        create(file, lambda new: new.write_text(text, encoding="utf-8"), instead="move it, or give --folder")
    say(f"`labkit run NOTEBOOK -f {file.name} --index 0` runs the first")
    print(file)


def _conclude(tally: "Tally", place: Path) -> None:
    """Write the table and the page, and say how the sweep ended. The exit code is 1 if a run failed, 130 after Ctrl-C."""
    from labkit.course.sweep_page import write_page
    from labkit.runs.runs_parquet import write_parquet

    left = tally.points - tally.ended
    say(f"{tally.done:,} done ({tally.there:,} before), {len(tally.failed):,} failed, {left:,} not run")
    if tally.failed:
        say("--retry-failed runs the failed ones again; the log of each is in its folder")
    if tally.ended:
        print(write_parquet(place))
        print(write_page(place))
    if tally.stopped and left:
        raise KeyboardInterrupt("stopped; the same command goes on")
    if tally.failed:
        raise typer.Exit(1)
