"""Commands of the networks: the zoo as a list, one network layer by layer."""

from typing import Annotated, Any

import typer

from labkit.cli.app import console, plainly


@plainly
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
    console().print(table(("name", "frames x height x width", "source"), rows))


@plainly
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
        console().print(table(columns, rows, right=columns[2:]))
    total = totals(counted)
    print(f"{name}: {total.parameters:,} parameters, {total.macs:,} multiply-accumulates for one {tuple(shape)}")


def _number(text: str) -> Any:
    """An override as a number where it is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
