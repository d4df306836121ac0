"""Options about a network and its weights that several commands take, and how their values are read."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

Model = Annotated[str, typer.Option(help="The network, where the file of weights does not say.")]
Classes = Annotated[
    Path | None, typer.Option(help="A text file with a class in each line, where the weights name none.")
]
Parameters = Annotated[
    list[str] | None, typer.Option("-p", help="A choice of the network, `name=value`: width=16. Repeat for more.")
]
Device = Annotated[str, typer.Option(help="`cpu`, `cuda`, `mps`, or `auto` for the fastest.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes that decode videos, beside this one.")]


def overrides_of(parameters: Sequence[str] | None) -> dict[str, Any]:
    """`["width=16"]` as `{"width": 16}`. Raises `ValueError` for a text without `=`."""
    from labkit.cli.models import value_of
    from labkit.runs.notebook import split_assignments

    return {name: value_of(value) for name, value in split_assignments(parameters or []).items()}


def class_names(path: Path | None) -> list[str] | None:
    """The names in a text file, one a line; None without a file. A number before each name is left out.

    Raises `ValueError` for a file in another encoding than UTF-8, and for one without names.
    """
    if path is None:
        return None
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file in UTF-8: give one class a line") from None
    names = [line for line in lines if line]
    numbered = [re.fullmatch(r"\d+[\s,;]+(\S.*)", line) for line in names]
    names = [each[1] for each in numbered if each] if all(numbered) else names
    if not names:
        raise ValueError(f"{path} names no class: give one class a line")
    return names
