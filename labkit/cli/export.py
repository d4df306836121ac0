"""The command that writes a trained network for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from labkit.cli.app import plainly
from labkit.cli.network_options import Classes, Model, Parameters, class_names, overrides_of


@plainly
def export(
    weights: Annotated[Path, typer.Argument(help="A folder of `labkit train`, or a file of weights.")],
    to: Annotated[
        Path | None,
        typer.Argument(help="The new file: `.onnx`, or `.pt2` for torch.export. Default: beside the weights."),
    ] = None,
    model: Model = "",
    classes: Classes = None,
    parameter: Parameters = None,
) -> None:
    """Write a network as ONNX or as a program of torch.export, for programs without labkit.

    Any number of clips goes through it. Clips are float32 `(B, C, T, H, W)`, scaled with the mean and the standard
    deviation that the file holds beside the classes. The file is run once and its logits are compared with the network's;
    if they differ, nothing is kept. ONNX needs the extra `export`: `pip install 'labkit-video[export]'`.

    Examples: `labkit export wave`, `labkit export r50.pth r50.onnx --model resnet50 --classes names.txt`
    """
    from labkit.models.export import check_form, export
    from labkit.models.trained import open_trained, weights_file

    to = to or weights_file(weights).with_suffix(".onnx")
    check_form(to)
    trained = open_trained(weights, model=model, classes=class_names(classes), overrides=overrides_of(parameter))
    print(export(trained.network, to, classes=list(trained.classes), model=trained.model))
