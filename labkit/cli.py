"""The command `labkit`: it parses and calls, and turns errors into one line.

Nothing heavy is imported until a command needs it, so that `labkit --help` answers at once.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="labkit",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Notebooks, networks and data for video action recognition.",
)


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the whole traceback of an error.")] = False,
) -> None:
    if debug:
        os.environ["LABKIT_DEBUG"] = "1"


@app.command()
def run(
    notebook: Annotated[str, typer.Argument(help="A path, a file name, or the start of one: 05.")],
    parameter: Annotated[
        list[str] | None, typer.Option("-p", "--parameter", help="name=value; repeat for more.")
    ] = None,
    folder: Annotated[Path | None, typer.Option(help="The run's folder. Default: runs/<date>-<notebook>-<n>.")] = None,
    time_limit: Annotated[float, typer.Option(help="Minutes for the whole notebook; 0 for none.")] = 60,
) -> None:
    """Run a notebook with parameters and keep what it found."""
    from labkit.runs.execute import run_notebook
    from labkit.runs.notebook import split_assignments

    done = run_notebook(notebook, split_assignments(parameter or []), folder, time_limit=time_limit * 60 or None)
    print(done.folder)


def main() -> None:
    """Run the command line: exit code 0 for done, 1 for failed, 2 for wrong usage, 130 for Ctrl-C."""
    try:
        app(standalone_mode=True)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if os.environ.get("LABKIT_DEBUG"):
            raise
        print(f"labkit: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, ValueError) else 1)
