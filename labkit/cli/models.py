"""Commands for the networks: list the zoo, show one network layer by layer."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from labkit.cli.app import console, plainly

if TYPE_CHECKING:
    import pandas as pd

    from labkit.clip import ClipSpec
    from labkit.models import ModelEntry
    from labkit.models.network import Network
    from labkit.survey.publication.schema import Result


@plainly
def models(
    pattern: Annotated[str, typer.Argument(help="The networks to list: a name, or a shell pattern, `resnet*`.")] = "*",
) -> None:
    """List the networks: input, parameters, cost of one example with 400 classes, published accuracy.

    Accuracies are copied from the papers, and the table is named. An empty cell means that no paper in the library has one.

    Example: `labkit models "resnet*"`
    """
    from labkit.models import entry, list_models
    from labkit.names import did_you_mean
    from labkit.terminal import table

    entries = [entry(name) for name in list_models(pattern)]
    if not entries:
        hint = did_you_mean(pattern, list_models())
        raise ValueError(f"no network fits {pattern!r}{hint} `labkit models` lists all")
    notes: dict[str, int] = {}  # what an accuracy is of -> its number below the table
    rows = []
    for one, (parameters, macs) in _counted(entries):
        published = _published(one)
        note = notes.setdefault(_about(published), len(notes) + 1) if published else 0
        accuracy = f"{published.number} [{note}]" if published else ""
        rows.append((one.name, _reads(one), f"{parameters / 1e6:.2f}", f"{macs / 1e9:.2f}", accuracy, one.paper))
    columns = ("name", "reads", "M params", "GMACs", "accuracy", "paper")
    console().print(table(columns, rows, right=columns[2:4]))
    for text, number in notes.items():
        print(f"[{number}] {text}")


@plainly
def model(
    name: Annotated[str, typer.Argument(help="The network's name. `labkit models` lists all.")],
    classes: Annotated[int, typer.Option(min=1, help="The number of classes.")] = 400,
    parameter: Annotated[
        list[str] | None, typer.Option("-p", help="A choice, `name=value`: width=16, shortcut=A. Repeat for more.")
    ] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="Frames in a clip. Default: the paper's.")] = None,
    size: Annotated[int | None, typer.Option(min=1, help="Height and width in pixels. Default: the paper's.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Examples per training step, for the memory.")] = 1,
    layers: Annotated[bool, typer.Option(help="Show every layer; else only endpoints and totals.")] = True,
) -> None:
    """Show a network layer by layer: shapes, costs, receptive fields and memory for training. No weights are made.

    `MB kept`: the memory that a training step keeps for the backward pass. `sees`: the receptive field, frames × pixels.
    `apart`: the distance between what two neighbouring positions see (0: both see the same). A network of two streams
    shows both, RGB first.

    Example: `labkit model resnet18 --classes 12 -p width=16 --batch 32 --no-layers`
    """
    import torch

    from labkit.models import create_model, entry
    from labkit.models.profile import profile, totals, trace
    from labkit.runs.notebook import split_assignments

    overrides = {key: value_of(value) for key, value in split_assignments(parameter or []).items()}
    for key, option in (("num_classes", "--classes"), ("clip", "--frames and --size"), ("flow", "--size")):
        if key in overrides:
            raise ValueError(f"{key} is chosen by {option}")
    resized = _resized(entry(name), frames, size, overrides.get("stack"))
    with torch.device("meta"):
        network = cast("Network", create_model(name, num_classes=classes, **overrides, **resized))
    one = replace(entry(name), clip=network.clip, flow=network.flow)
    counted = profile(network, one.shape, batch)
    if layers:
        _show_layers(counted)
        print()
    _show_endpoints(trace(network, one.shape))
    sums = totals(counted)
    print(f"\n{name} reads {_reads(one)} and tells {classes} classes apart")
    print(f"from {one.source}")
    print(f"{sums.parameters:,} parameters, {sums.macs:,} multiply-accumulates for one {one.shape}")
    held = 3 * sum(p.numel() * p.element_size() for p in network.parameters())
    print(f"training keeps {_bytes(sums.activations)} of activations for a batch of {batch},")
    print(f"and {_bytes(held)} of weights, gradients and momentum")
    published = _published(one)
    if published:
        print(f"the paper's own network has {published.number}\n{_about(published)}")


def _counted(entries: Sequence["ModelEntry"]) -> Iterator[tuple["ModelEntry", tuple[int, int]]]:
    """Each network with its parameters and multiply-accumulates. A progress bar is shown meanwhile."""
    import torch
    from rich.progress import track

    from labkit.models.profile import costs

    screen = console(error=True)
    for one in track(entries, "counting", console=screen, transient=True, disable=not screen.is_terminal):
        with torch.device("meta"):
            network = one.build()
        yield one, costs(network, one.shape)


def _resized(one: "ModelEntry", frames: int | None, size: int | None, stack: Any) -> dict[str, "ClipSpec"]:
    """The builder's arguments for other frames and another size: the clip, and the flow of a network of two streams."""
    if frames is not None and (one.flow is not None or len(one.shape) == 3):
        which = "two streams of their own lengths" if one.flow is not None else "single frames"
        raise ValueError(f"{one.name} reads {which}; --frames cannot be chosen")
    clip, flow = one.specs(stack)
    specs = {"clip": clip if frames is None else clip.but(frames=frames), "flow": flow}
    return {key: spec if size is None else spec.but(size=size) for key, spec in specs.items() if spec is not None}


def _published(one: "ModelEntry") -> "Result | None":
    """The accuracy that a paper prints for this network."""
    from labkit.survey import cite

    filters = dict(one.published)
    return cite(filters.pop("paper"), **filters) if filters else None


def _about(published: "Result") -> str:
    what = ", ".join(part for part in (published.metric, published.dataset, published.input) if part)
    return f"{what}: {published.origin}"


def _show_layers(counted: "pd.DataFrame") -> None:
    from labkit.terminal import table

    rows = [
        (
            row["name"] or "(itself)",
            row["type"],
            _extent(row["output"]),
            f"{row['parameters']:,}",
            f"{row['macs'] / 1e6:,.2f}",
            f"{row['activations'] / 1e6:,.1f}",
            _sight(row["field"]),
        )
        for row in counted.to_dict("records")
    ]
    columns = ("layer", "type", "output", "parameters", "M MACs", "MB kept", "sees")
    console().print(table(columns, rows, right=columns[3:6]))


def _show_endpoints(traced: "pd.DataFrame") -> None:
    from labkit.terminal import table

    rows = [
        (row["endpoint"], _extent(row["output"]), _sight(row["field"]), _sight(row["jump"]))
        for row in traced.to_dict("records")
    ]
    console().print(table(("endpoint", "output", "sees", "apart"), rows))


def _reads(one: "ModelEntry") -> str:
    """`16×112²`, frames and pixels; of two streams `1×224² + 10×224²`, RGB and flow."""

    def clip(spec: "ClipSpec") -> str:
        return f"{spec.frames}×{spec.size}²"

    return clip(one.clip) if one.flow is None else f"{clip(one.clip)} + {clip(one.flow)}"


def _extent(sizes: Iterable[int]) -> str:
    """`64×16×56²`: sizes along each axis, height and width as one where they are equal."""
    numbers = list(map(str, sizes))
    if len(numbers) > 1 and numbers[-1] == numbers[-2]:
        numbers[-2:] = [f"{numbers[-1]}²"]
    return "×".join(numbers)


def _sight(sizes: Sequence[Any]) -> str:
    """A receptive field, or two of them."""
    pair = bool(sizes) and isinstance(sizes[0], tuple)
    return " + ".join(map(_extent, sizes)) if pair else _extent(sizes)


def _bytes(number: int) -> str:
    return f"{number / 1e9:,.2f} GB" if number >= 1e9 else f"{number / 1e6:,.1f} MB"


def value_of(text: str) -> Any:
    """The value of an override: a number, True or False as Python reads it, else the text itself."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, int | float) else text
