"""Commands for the runs there are: list them as text, table or page, compare two, adopt those of plain papermill."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from labkit.cli.app import console, group, plainly, tell

LIST = "list"


class ListUnlessNamed(TyperGroup):
    """A group in which `labkit runs FOLDER` is short for `labkit runs list FOLDER`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `list` before arguments that start with no command of the group."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = [LIST, *args]
        return super().parse_args(ctx, args)


runs_app = group(
    "runs",
    "The runs of notebooks: list them, write their table and page, compare two, adopt those of plain papermill.\n\n"
    "`labkit runs FOLDER` lists the runs of a folder, also of one that was copied from another machine. "
    "A folder with the name of a command is written `./list`.",
    cls=ListUnlessNamed,
)


@runs_app.command(LIST)
@plainly
def runs_list(
    folder: Annotated[
        Path | None, typer.Argument(help="The folder of the runs. Default: the project's `runs/`.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Write the table to this Parquet file, with all columns, and print its path.")
    ] = None,
    page: Annotated[
        bool,
        typer.Option("--page", help="Write `sweep.html` into the folder: mean and spread over seeds, and a figure."),
    ] = False,
) -> None:
    """List all runs: the status, the changed parameters and the results of each.

    The status `died` means that the process was killed. In a file or a pipe a line has 200 letters, or as many as
    `COLUMNS` says. pandas and DuckDB read the Parquet file: one row for each run, with `param.*` and `result.*` columns.

    Examples:

    - `labkit runs`
    - `labkit runs build/findings`
    - `labkit runs runs/sweeps/05 --to table.parquet --page`
    """
    from labkit.runs.table import runs_folder, runs_table
    from labkit.terminal import assignments, table

    if to is not None or page:
        _write(runs_folder(folder), to, page)
        return
    found = runs_table(folder)
    if found.empty:
        print("no runs yet; `labkit run NOTEBOOK` makes one")
        return
    rows = []
    for row in found.to_dict("records"):
        minutes = f"{row['minutes']:.1f}" if row["minutes"] == row["minutes"] else ""  # NaN while it runs
        changed, results = assignments(row["changed"]), assignments(row["results"])
        rows.append((row["run"], row["notebook"], row["status"], minutes, changed, results))
    console().print(table(("run", "notebook", "status", "min", "changed", "results"), rows, right=["min"]))


@runs_app.command("diff")
@plainly
def runs_diff(
    first: Annotated[str, typer.Argument(help="A run: its folder, or its name in `runs/`.")],
    second: Annotated[str, typer.Argument(help="Another run.")],
) -> None:
    """Say what differs between two runs: parameters, code, versions, machine, numbers, outputs of cells.

    Beside two numbers stands the distance of the second, as a share of the first. Cells are compared by their code; times,
    ids and what a cell wrote to stderr are not compared.

    Example: `labkit runs diff 2026-11-26-05_overfitting_curves-1 copied/from/elsewhere`
    """
    from labkit.runs.diff import diff
    from labkit.runs.table import open_run
    from labkit.terminal import table

    found = diff(open_run(first), open_run(second))
    if not found:
        print("no difference")
        return
    rows = [(one.kind, one.name, one.first, one.second, one.note) for one in found]
    console().print(table(("what", "name", "first", "second", ""), rows))


@runs_app.command("adopt")
@plainly
def runs_adopt(
    folders: Annotated[list[Path], typer.Argument(help="Folders, each with one notebook that papermill executed.")],
) -> None:
    """Make runs of what plain papermill left: write `run.json` beside the executed notebook. Nothing else is changed.

    Parameters, times and status come from papermill's notes in the notebook, numbers from `results.json` beside it. A folder
    that cannot be adopted is named, the others are adopted, and the exit code is 2.

    Example: `labkit runs adopt runs/papermill-*`
    """
    from labkit.runs.adopt import adopt

    refused = False
    for folder in folders:
        try:
            print(adopt(folder).folder)
        except (OSError, ValueError) as error:
            tell(error)
            refused = True
    if refused:
        raise typer.Exit(2)


def _write(folder: Path, to: Path | None, page: bool) -> None:
    """Write the table, the page or both, and print their paths."""
    if to is not None:
        from labkit.runs.runs_parquet import write_parquet

        if to.suffix.lower() != ".parquet":
            raise ValueError(f"{to}: the table is a Parquet file; end its name in .parquet")
        print(write_parquet(folder, to))
    if page:
        from labkit.course.sweep_page import write_page

        print(write_page(folder))
