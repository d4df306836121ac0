"""Run one notebook with parameters, from the command line and from a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from labkit.cli.app import console, plainly

MOST_VALUES = 200_000  # in a file of parameters: a list of 20,000 points with nine parameters, for example

Notebook = Annotated[str, typer.Argument(help="The notebook: a path, a file name, or the start of its name, `05`.")]
Parameters = Annotated[
    list[str] | None, typer.Option("-p", "--parameter", help="A parameter, `name=value`. Repeat for more.")
]
File = Annotated[
    Path | None,
    typer.Option("-f", "--file", help="A YAML file with parameters, or with a list of them. `-p` overrides it."),
]
Index = Annotated[int | None, typer.Option(min=0, help="Which entry of the list in the file, counted from 0.")]
Folder = Annotated[
    Path | None,
    typer.Option(help="The run's folder; files in it are not overwritten. Default: `runs/<date>-<notebook>-<n>`."),
]
TimeLimit = Annotated[float, typer.Option(help="Most minutes for the whole notebook. 0: no limit.")]
StallLimit = Annotated[
    float, typer.Option(help="Minutes without work after which the kernel counts as hung. 0: never.")
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1, help="Threads to compute with. A seed gives other numbers with other threads. Default: torch's."
    ),
]
Kernel = Annotated[str | None, typer.Option(help="The name of an installed kernel. Default: this Python.")]
Quick = Annotated[bool, typer.Option("--quick", help="The course's smaller parameters; `-p` overrides them.")]
TensorBoard = Annotated[
    bool, typer.Option("--tensorboard", help="Let every training write a TensorBoard, beside its history.")
]
Describe = Annotated[bool, typer.Option("--parameters", help="Only list the parameters.")]
EndsWithStdin = Annotated[bool, typer.Option("--end-with-stdin", hidden=True)]


@plainly
def run(
    notebook: Notebook,
    parameter: Parameters = None,
    file: File = None,
    index: Index = None,
    folder: Folder = None,
    time_limit: TimeLimit = 60,
    stall_limit: StallLimit = 10,
    threads: Threads = None,
    kernel: Kernel = None,
    quick: Quick = False,
    tensorboard: TensorBoard = False,
    describe: Describe = False,
    ends: EndsWithStdin = False,
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
    - `labkit run 05 --quick` (smaller parameters: a finding may not hold)
    - `labkit run 05 --threads 1` (the findings were measured this way)
    - `labkit run 05 -f params.yaml --index $SLURM_ARRAY_TASK_ID` (one of many: `docs/runs.md`)
    """
    from labkit.runs.notebook import find_notebook
    from labkit.runs.watch import end_with_stdin

    path = find_notebook(notebook)
    if describe:
        _show_parameters(path)
        return
    if ends:
        end_with_stdin()
    given = _given(path, parameter or [], file, index, quick=quick)
    limits = {"time_limit": time_limit * 60 or None, "stall_limit": stall_limit * 60 or None}
    _run(path, given, folder, threads=threads, kernel=kernel, tensorboard=tensorboard, **limits)


def _given(
    path: Path, parameter: Sequence[str], file: Path | None, index: int | None, *, quick: bool
) -> dict[str, Any]:
    """The parameters for a notebook, checked. The command line goes before the file, the file before the quick ones."""
    from labkit.course.plan import quick_parameters
    from labkit.runs.notebook import check_parameters, read_parameters, split_assignments

    preset = quick_parameters(path) if quick else {}
    given = {**preset, **_read_file(file, index), **split_assignments(parameter)}
    return check_parameters(read_parameters(path), given, path.name)


def _run(path: Path, given: dict[str, Any], folder: Path | None, **options: Any) -> None:
    """Run the notebook with its progress. Prints the numbers it recorded, and at last its folder."""
    from labkit.runs.execute import RunFailed, RunInterrupted, run_notebook
    from labkit.runs.table import results
    from labkit.survey.publication.problems import plain
    from labkit.terminal import run_progress

    try:
        with run_progress(console(error=True)) as progress:
            progress.start(path.stem)
            done = run_notebook(path, given, folder, on_step=progress.step, **options)
    except (RunFailed, RunInterrupted) as stopped:
        print(stopped.run.folder)
        raise
    for name, value in results(done).items():
        print(plain(f"{name} = {value}"))
    print(done.folder)


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
