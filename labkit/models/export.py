"""A network as a file for other programs: ONNX, or a program of torch.export. Any number of clips goes through it.

The file is run once before it is kept, with another number of clips than it was made with, and its logits are compared
with the network's.
"""

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from labkit.atomic import write_atomically
from labkit.models.weights import unwrapped

FORMS = {".onnx": "onnx", ".pt2": "torch"}  # suffix of the file -> its form
NEEDS = ("onnx", "onnxscript", "onnxruntime")  # packages of the extra `export`
TOLERANCE = 1e-4  # of the largest logit
BATCH = 2  # clips of the example; torch.export takes a dimension of 1 for a constant


class ExportError(ValueError):
    """An error for a network that cannot be exported, or whose file answers otherwise; the message says what to do."""


@dataclass(frozen=True)
class Exported:
    """The result of `export`."""

    path: Path
    form: str  # "onnx" or "torch"
    difference: float  # largest difference of a logit, in parts of the largest logit

    def __str__(self) -> str:
        return f"{self.path}: any number of clips; logits differ by {self.difference:.1e} of the largest"


def export(
    model: nn.Module, path: str | Path, /, *, shape: Any = None, classes: Sequence[str] = (), **metadata: Any
) -> Exported:
    """Write `model` to `path`: ONNX for `.onnx`, a program of torch.export for `.pt2`. It is exported as in evaluation.

    The input is a float32 batch of clips `(B, C, T, H, W)` of the network's own clip size, normalised with its mean and
    standard deviation; of images `(B, C, H, W)`, or of two streams, for networks that read those. `B` is free, the other
    sizes are fixed. `shape` is the shape of one example where the network carries no clip. `classes` and `metadata`
    (anything JSON can hold) are kept in the file, beside the clip.

    Raises `ExportError` for another suffix, for missing packages, for a network that torch cannot export, and where the
    file's logits differ from the network's by more than 1e-4 of the largest; nothing is kept then.
    """
    path = Path(path)
    form = check_form(path)
    shape = shape or example_shape(model)
    about = {
        key: json.dumps(value) for key, value in {**described(model), "classes": list(classes), **metadata}.items()
    }
    write, run = WRITERS[form]
    model = unwrapped(model)
    with evaluating(model), quiet():
        inputs = example(shape, BATCH)
        try:
            program = torch.export.export(model, (inputs,), dynamic_shapes=(free_batch(inputs),))
        except Exception as error:  # torch's own errors have many classes
            said = str(error).strip().splitlines() or [type(error).__name__]
            raise ExportError(f"torch cannot export this {type(model).__name__}: {said[0]}") from error
        other = example(shape, BATCH + 1)
        with torch.no_grad():
            wanted = model(other)

        def keep(temporary: Path) -> None:
            write(program, inputs, about, temporary)
            differences.append(compared(run(temporary, other), wanted))

        differences: list[float] = []
        write_atomically(path, keep)
    return Exported(path, form, differences[0])


def check_form(path: Path) -> str:
    """The form of a file by its suffix. Raises `ExportError` for another suffix, and for missing packages."""
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise ExportError(f"{path.name}: the suffix decides on the form, so it must be one of {', '.join(FORMS)}")
    missing = [name for name in NEEDS if form == "onnx" and find_spec(name) is None]
    if missing:
        raise ExportError(
            f"ONNX needs {', '.join(missing)}: pip install 'labkit-video[export]'; a .pt2 file needs no more"
        )
    return form


def compared(logits: Tensor, wanted: Tensor) -> float:
    """The largest difference in parts of the largest logit. Raises `ExportError` where it is above `TOLERANCE`."""
    difference = float((logits - wanted).abs().max() / wanted.abs().max().clamp(min=1e-30))
    if not difference <= TOLERANCE:  # so that NaN is refused too
        raise ExportError(f"the exported file's logits differ by {difference:.1e} of the largest: it is not kept")
    return difference


def described(model: nn.Module) -> Mapping[str, Any]:
    """How the network wants its input: its clip, and its flow if it reads any."""
    clips = {name: getattr(model, name, None) for name in ("clip", "flow")}
    return {name: asdict(clip) for name, clip in clips.items() if clip is not None}


def example_shape(model: nn.Module) -> Any:
    """The shape of one example: `(C, T, H, W)`, or a pair of shapes for two streams."""
    clip, flow = getattr(model, "clip", None), getattr(model, "flow", None)
    if clip is None:
        raise ExportError(f"this {type(model).__name__} carries no clip: give the shape of one example")
    if flow is not None:
        return clip.shape, flow.shape
    return (clip.channels, clip.size, clip.size) if getattr(model, "dims", 3) == 2 else clip.shape


def example(shape: Any, count: int) -> Any:
    """`count` random examples, standard normal, of this shape or pair of shapes."""
    if isinstance(shape[0], tuple):
        return tuple(example(each, count) for each in shape)
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(count))


def free_batch(inputs: Any) -> Any:
    """The dynamic shapes of torch.export: the first size of each tensor is free, and the same for all."""
    batch = torch.export.Dim("batch")
    return tuple({0: batch} for _ in inputs) if isinstance(inputs, tuple) else {0: batch}


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The network in evaluation mode, each module as before afterwards."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def quiet() -> Iterator[None]:
    """Without the exporters' own talk: they warn of operators that no network here has, and log each pass."""
    loggers = {name: logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "torch.export")}
    levels = {name: each.level for name, each in loggers.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each in loggers.values():
            each.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for name, each in loggers.items():
                each.setLevel(levels[name])


def write_torch(program: torch.export.ExportedProgram, inputs: Any, about: Mapping[str, str], path: Path) -> None:
    """A program of torch.export; `about` is kept as its extra file `labkit.json`."""
    with path.open("wb") as file:
        torch.export.save(program, file, extra_files={"labkit.json": json.dumps(about)})


def run_torch(path: Path, inputs: Any) -> Tensor:
    """The logits of the program in this file."""
    with path.open("rb") as file, torch.no_grad():
        return torch.export.load(file).module()(inputs)


def write_onnx(program: torch.export.ExportedProgram, inputs: Any, about: Mapping[str, str], path: Path) -> None:
    """An ONNX model; `about` is kept in its `metadata_props`. The inputs are `clips`, or `rgb` and `flow`."""
    names = ["rgb", "flow"] if isinstance(inputs, tuple) else ["clips"]
    made = torch.onnx.export(
        program, (), dynamo=True, input_names=names, output_names=["logits"], optimize=True, verbose=False
    )
    assert made is not None
    made.model.metadata_props.update(about)
    made.save(str(path), external_data=False)


def run_onnx(path: Path, inputs: Any) -> Tensor:
    """The logits of the ONNX model in this file, computed by onnxruntime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    fed = {node.name: each.numpy() for node, each in zip(session.get_inputs(), given, strict=True)}
    return torch.from_numpy(session.run(None, fed)[0])


WRITERS: Mapping[str, tuple[Callable[..., None], Callable[[Path, Any], Tensor]]] = {
    "onnx": (write_onnx, run_onnx),
    "torch": (write_torch, run_torch),
}
