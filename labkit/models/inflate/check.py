"""The boring-video test: does the 3D network agree with the 2D network on a repeated image, in every layer and frame?"""

import copy
import html
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from labkit.counting import counted
from labkit.models.inflate.reasons import reason

OUTPUT = "the output"
Key = tuple[str, int]  # (module name, how often it was called before)


@dataclass(frozen=True)
class LayerCheck:
    """One layer in both networks."""

    name: str
    # By frame, relative to the 2D layer's largest value; a single value where there is no time.
    differences: tuple[float, ...]
    tolerance: float
    why: str  # empty where it agrees

    @property
    def worst(self) -> float:
        """The largest difference over the frames."""
        return max(self.differences)

    @property
    def holds(self) -> bool:
        """Whether every frame agrees with the image."""
        return self.worst <= self.tolerance

    @property
    def broken_frames(self) -> tuple[int, ...]:
        """The frames that do not agree."""
        return tuple(index for index, value in enumerate(self.differences) if not value <= self.tolerance)


@dataclass(frozen=True, repr=False)
class InflationReport:
    """The result of `check_inflation`. Print it, or look at `.table`."""

    layers: tuple[LayerCheck, ...]  # in the order of the computation; a block comes after its layers
    frames: int  # of the boring video

    @property
    def holds(self) -> bool:
        """Whether all layers agree in all frames."""
        return all(layer.holds for layer in self.layers)

    @property
    def worst(self) -> float:
        """The largest relative difference of any layer in any frame."""
        return max(layer.worst for layer in self.layers)

    @property
    def output(self) -> float:
        """The relative difference of the networks' outputs."""
        return self.layers[-1].worst

    @property
    def _broken(self) -> LayerCheck | None:
        return next((layer for layer in self.layers if not layer.holds), None)

    @property
    def first_break(self) -> str | None:
        """The first layer that does not agree; None if all do. Its input agrees, so the reason lies in the layer."""
        return self._broken.name if self._broken else None

    @property
    def why(self) -> str:
        """Why that layer does not agree; empty if all do."""
        return self._broken.why if self._broken else ""

    @cached_property
    def table(self) -> pd.DataFrame:
        """Layer × frame: the relative differences. A layer that strides in time has fewer frames."""
        rows = [dict(enumerate(layer.differences)) for layer in self.layers]
        table = pd.DataFrame(rows, index=pd.Index([layer.name for layer in self.layers], name="layer"))
        return table.rename_axis(columns="frame")

    def _sentences(self) -> list[str]:
        worst = max(self.layers, key=lambda layer: layer.worst)
        if self._broken is None:
            return [
                f"The equality holds everywhere ({counted(len(self.layers), 'layer')}, {counted(self.frames, 'frame')}): the largest relative "
                f"difference is {self.worst:.1e}, at {worst.name}."
            ]
        frames = ", ".join(map(str, self._broken.broken_frames))
        return [
            f"The equality breaks first at {self.first_break}, in frame{'s'[: len(self._broken.broken_frames) - 1]} "
            f"{frames} of {len(self._broken.differences)}: {self.why}.",
            f"The largest relative difference is {self.worst:.1e}, at {worst.name}; the output's is {self.output:.1e}.",
        ]

    def __repr__(self) -> str:
        return "\n".join(self._sentences())

    def _repr_html_(self) -> str:
        told = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in self._sentences())
        head = "".join(f"<th>{column}</th>" for column in self.table.columns)
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(layer.name)}</th>"
            + "".join(_cell(value, layer.tolerance) for value in layer.differences)
            + "</tr>"
            for layer in self.layers
        )
        caption = "<caption>Relative difference of each layer in each frame; coloured where it breaks</caption>"
        table = f"<table>{caption}<thead><tr><th>layer</th>{head}</tr></thead><tbody>{rows}</tbody></table>"
        box = "tabindex='0' role='group' aria-label='Layers and frames' style='max-height:24em;overflow:auto'"
        return f"{told}<div {box}>{table}</div>"


def _cell(value: float, tolerance: float) -> str:
    strength = 0.0 if value <= tolerance else min(0.25 + value, 0.6)  # more hides the number on a dark page
    style = f" style='background:rgba(214,94,0,{strength:.2f})'" if strength else ""
    return f"<td{style}>{value:.1e}</td>"


def check_inflation(
    model2d: nn.Module,
    model3d: nn.Module,
    images: Tensor,
    *,
    frames: int = 8,
    tolerance: float | None = None,
) -> InflationReport:
    """Compare the two networks on a boring video: each of `images`, `(B, C, H, W)`, repeated `frames` times.

    Layers are matched by name. Each frame of a 3D layer's output is compared with the 2D layer's output: the largest
    difference over the largest value. The report gives the reason for the first layer beyond `tolerance`.

    `tolerance` is 1e-10 in float64 if not given. In other types it is, for each layer, 1e-5 or ten times the 2D
    network's own rounding there, measured against a float64 copy of it, whichever is larger.

    The networks run as they are, in training or evaluation mode; batch norms' running statistics are put back after.
    If the 3D network stops with an error after a layer that does not agree, the report ends with that error.

    Raises `ValueError` for images of another shape than `(B, C, H, W)` or another type than the networks, for networks
    on the meta device, and for networks without a common layer name.
    """
    _check_arguments(model2d, model3d, images, frames)
    flat = _outputs(model2d, images)
    tolerances = _tolerances(model2d, images, flat, tolerance)
    modules2d, named = dict(model2d.named_modules()), dict(model3d.named_modules())
    found: list[LayerCheck] = []

    def compare(name: str, call: int, out: Tensor) -> None:
        expected = flat.get((name, call))
        if expected is None:
            return
        differences = _by_frame(out, expected)
        limit = tolerances[name, call]
        layer = LayerCheck(_label(name, call), differences, limit, "")
        if not layer.holds:
            shapes = (tuple(expected.shape), tuple(out.shape))
            why = reason(modules2d[name], named[name], differences, limit, shapes)
            layer = LayerCheck(layer.name, differences, limit, why)
        found.append(layer)

    boring = images.unsqueeze(2).expand(-1, -1, frames, -1, -1)
    try:
        _run(model3d, boring, compare)
    except RuntimeError as error:
        if all(layer.holds for layer in found):
            raise
        found.append(LayerCheck(OUTPUT, (float("inf"),), 0.0, f"the network stops there: {error}"))
    return InflationReport(tuple(found), frames)


def _check_arguments(model2d: nn.Module, model3d: nn.Module, images: Tensor, frames: int) -> None:
    if images.ndim != 4 or frames < 1:
        raise ValueError(f"images must be (B, C, H, W), not {tuple(images.shape)}, and frames at least 1, not {frames}")
    names2d, names3d = ({name for name, _ in model.named_modules() if name} for model in (model2d, model3d))
    if names2d.isdisjoint(names3d) and (names2d or names3d):
        raise ValueError("the networks share no layer's name: is the second an inflated copy of the first?")
    for name, model in (("model2d", model2d), ("model3d", model3d)):
        weight = next(model.parameters(), images)
        if weight.is_meta:
            raise ValueError(f"{name} is on the meta device: there are no numbers to compare")
        if weight.dtype != images.dtype:
            raise ValueError(f"images are {images.dtype} and {name} is {weight.dtype}: make them equal")


def _label(name: str, call: int) -> str:
    return (name or OUTPUT) + (f" (call {call + 1})" if call else "")


def _outputs(model: nn.Module, x: Tensor) -> dict[Key, Tensor]:
    """Copies of the outputs of all modules. An in-place ReLU would change the output of the layer before it."""
    outputs: dict[Key, Tensor] = {}
    _run(model, x, lambda name, call, out: outputs.__setitem__((name, call), out.clone()))
    return outputs


def _run(model: nn.Module, x: Tensor, see: Callable[[str, int, Tensor], None]) -> None:
    """Run the model, and show each module's output as soon as it is there."""
    calls: defaultdict[str, int] = defaultdict(int)
    hooks = []

    def watch(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, out: Any) -> None:
            out = next((each for each in out if isinstance(each, Tensor)), None) if isinstance(out, tuple) else out
            if isinstance(out, Tensor):
                see(name, calls[name], out)
            calls[name] += 1

        return hook

    for name, module in model.named_modules():
        hooks.append(module.register_forward_hook(watch(name)))
    try:
        with torch.no_grad(), _buffers_kept(model), torch.random.fork_rng(devices=[]):
            model(x)
    finally:
        for handle in hooks:
            handle.remove()


@contextmanager
def _buffers_kept(model: nn.Module) -> Iterator[None]:
    """A batch norm in training mode moves its running statistics: put them back."""
    kept = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        for buffer, before in kept:
            buffer.copy_(before)


def _tolerances(
    model2d: nn.Module, images: Tensor, flat: dict[Key, Tensor], tolerance: float | None
) -> dict[Key, float]:
    if tolerance is not None:
        return dict.fromkeys(flat, tolerance)
    if images.dtype == torch.float64:
        return dict.fromkeys(flat, 1e-10)
    exact = _outputs(copy.deepcopy(model2d).double(), images.double())
    return {key: max(1e-5, 10 * _difference(out.double(), exact[key])) for key, out in flat.items()}


def _difference(out: Tensor, expected: Tensor) -> float:
    """The largest difference over the largest expected value; infinite where a value is NaN."""
    scale = expected.abs().max().clamp_min(torch.finfo(expected.dtype).tiny)
    value = ((out - expected).abs().max() / scale).item()
    return value if value == value else float("inf")


def _by_frame(out: Tensor, expected: Tensor) -> tuple[float, ...]:
    """The difference in each frame. Time is the third axis, or the second where the channels are last."""
    if out.shape == expected.shape:
        return (_difference(out, expected),)
    fitting = [
        tuple(_difference(frame, expected) for frame in out.unbind(axis))
        for axis in (2, 1)
        if out.ndim == expected.ndim + 1 and out.shape[:axis] + out.shape[axis + 1 :] == expected.shape
    ]
    # Where T equals the height both axes fit. Along the wrong one the frames of a boring video differ from each other.
    return min(fitting, key=max, default=(float("inf"),))
