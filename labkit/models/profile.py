"""The costs and receptive fields of a network, layer by layer, without computing anything.

The network is copied to the meta device, where tensors have shapes and no numbers, and reads one example twice: once
as it predicts, to count, and once as it trains, to see what autograd keeps for the way back.
"""

import copy
import math
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pandas as pd
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from labkit.models.network import Network
from labkit.models.receptive_field import Field, FieldTrace

COLUMNS = ("name", "type", "output", "parameters", "macs", "activations", "field", "jump")
TOTALS = ("parameters", "macs", "activations")

Model = TypeVar("Model", bound=nn.Module)


def profile(model: nn.Module, shape: Sequence[Any], batch: int = 1) -> pd.DataFrame:
    """One row per layer, in the order of the computation, for an input of `shape` (without the batch).

    `shape` is `(C, T, H, W)` for a 3D network and `(C, H, W)` for a 2D one; a pair of shapes for a network that
    reads a pair of tensors. Columns:

    - `name` and `type` of the module, and `output`, its shape without the batch;
    - `parameters`, counted where the module first runs;
    - `macs`, the multiply-accumulates for one example: of convolutions and of all products of matrices, those inside
      recurrent layers too. They are half of what is called FLOPs; additions of biases, batch norms and poolings are
      not counted, as in the published figures;
    - `activations`, the bytes that training keeps from this layer's forward pass for the backward pass, for a whole
      batch of `batch`. A tensor kept by several layers counts once, at the first; parameters and buffers do not count;
    - `field`, the number of input positions that one output position sees along each axis, and `jump`, the distance
      between the fields of two neighbours (0 where all see the same). Axes are those of the input after the channels.
      Where both tensors of a pair are seen, each is a pair itself.

    Layers are the modules without children. A module with children has a row if it holds parameters, multiplies or
    keeps something itself. `totals` sums up, `trace` shows the endpoints. The network is not changed, on any device and
    in any mode. A parameter that requires no gradient counts as frozen.
    Raises `ValueError`, with the reason, where the network cannot take such an input.
    """
    if batch < 1:
        raise ValueError(f"batch must be at least 1, not {batch}")
    probe = _on_meta(model)
    calls = _predict(probe, shape)
    # Batch norm may refuse to train on one example, so the bytes of one are half of those of two.
    for key, call in _train(probe, shape, max(batch, 2)).items():
        calls.setdefault(key, call).activations = call.activations if batch > 1 else call.activations // 2
    seen: set[int] = set()
    rows = []
    for call in calls.values():
        own = [p for p in call.module.parameters(recurse=False) if id(p) not in seen]
        seen.update(map(id, own))
        if own or call.macs or call.activations or call.is_layer:
            rows.append(call.row(sum(p.numel() for p in own)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def totals(table: pd.DataFrame) -> pd.Series:
    """Parameters, multiply-accumulates and bytes of kept activations of a whole `profile` table."""
    return table[list(TOTALS)].sum()


def costs(model: nn.Module, shape: Sequence[Any]) -> tuple[int, int]:
    """Parameters and multiply-accumulates for one example: the sums of `profile` alone, in a fraction of its time.

    A network on the meta device is read in place, with its hooks; any other network is copied there.
    Raises as `profile` does.
    """
    counted: list[int] = []
    probe = model if all(p.is_meta for p in model.parameters()) else _on_meta(model)  # copying takes the longest
    modes = [(module, module.training) for module in probe.modules()]
    try:
        with _reading(probe.eval(), shape, batch=1) as example, torch.no_grad(), _Multiplications(counted.append):
            probe(example)
    finally:
        for module, training in modes:
            module.training = training
    return sum(p.numel() for p in model.parameters()), sum(counted)


def trace(network: Network, shape: Sequence[Any]) -> pd.DataFrame:
    """One row per endpoint: `endpoint`, `output` (shape without the batch), and `field` and `jump` as in `profile`.

    `parameters` and `macs` count the layers since the endpoint before it. Layers that compute two endpoints together count
    at the first. Raises `ValueError`, with the reason, where the network cannot take such an input.
    """
    probe = _on_meta(network).eval()
    rows: list[tuple[Any, ...]] = []
    seen: set[int] = set()
    counted = Counter[str]()

    def count(module: nn.Module, *_: Any) -> None:
        own = [p for p in module.parameters(recurse=False) if id(p) not in seen]
        seen.update(map(id, own))
        counted["parameters"] += sum(p.numel() for p in own)

    handles = [module.register_forward_pre_hook(count) for module in probe.modules()]
    with _reading(probe, shape, batch=1) as example, torch.no_grad(), FieldTrace() as fields:
        _start(fields, example)
        with _Multiplications(lambda macs: counted.update(macs=macs)):
            for name, tensor in probe.walk(example):
                size, jump = _sizes_and_jumps(fields.field(tensor))
                rows.append((name, tuple(tensor.shape[1:]), size, jump, counted["parameters"], counted["macs"]))
                counted.clear()
    for handle in handles:
        handle.remove()
    return pd.DataFrame(rows, columns=["endpoint", "output", "field", "jump", "parameters", "macs"])


@dataclass
class _Call:
    """One run of one module."""

    name: str
    module: nn.Module
    output: tuple[int, ...] = ()
    field: Field = field(default_factory=dict)
    macs: int = 0
    activations: int = 0

    @property
    def is_layer(self) -> bool:
        return not any(self.module.children()) or any(True for _ in self.module.parameters(recurse=False))

    def add(self, macs: int) -> None:
        self.macs += macs

    def row(self, parameters: int) -> tuple[Any, ...]:
        sizes = _sizes_and_jumps(self.field)
        kind = type(self.module).__name__
        return (self.name, kind, self.output, parameters, self.macs, self.activations, *sizes)


_Calls = dict[tuple[str, int], _Call]  # by name and how often it ran before, in the order of completion


def _predict(probe: nn.Module, shape: Sequence[Any]) -> _Calls:
    """Every run of every module while the network predicts for one example."""
    with _reading(probe.eval(), shape, batch=1) as example, torch.no_grad(), FieldTrace() as fields:
        _start(fields, example)

        def finish(call: _Call, output: Tensor) -> None:
            call.field = fields.field(output)

        with _running(probe, finish) as (calls, stack), _Multiplications(lambda macs: stack[-1].add(macs)):
            probe(example)
    return calls


def _train(probe: nn.Module, shape: Sequence[Any], batch: int) -> _Calls:
    """Every run of every module while the network trains, with the bytes that autograd keeps from it."""
    packed: list[tuple[weakref.ref[_Kept], _Call]] = []
    with _reading(probe.train(), shape, batch) as example, _running(probe, lambda *_: None) as (calls, stack):

        def keep(tensor: Tensor) -> _Kept:
            kept = _Kept(tensor.detach())  # detached: a result that keeps its own graph would never be freed
            packed.append((weakref.ref(kept), stack[-1]))
            return kept

        with torch.enable_grad(), saved_tensors_hooks(keep, lambda kept: kept.tensor):
            result = probe(example)
    counted = {tensor.untyped_storage()._cdata for tensor in (*probe.parameters(), *probe.buffers())}
    for reference, call in packed:
        kept = reference()  # None if the backward pass does not need it
        if kept is not None and (storage := kept.tensor.untyped_storage())._cdata not in counted:
            counted.add(storage._cdata)
            call.activations += storage.nbytes()
    del result  # the result held the graph, and the graph the kept tensors, until here
    return calls


class _Kept:
    """Held by autograd in place of a tensor, as long as the backward pass may need it."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class _Multiplications(TorchDispatchMode):
    """Tell `add` the multiply-accumulates of each operation."""

    def __init__(self, add: Callable[[int], None]) -> None:
        super().__init__()
        self._add = add

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        count = MULTIPLICATIONS.get(func._schema.name)
        if count is not None:
            self._add(count(out, *args))
        return out


def _of_convolution(out: Tensor, x: Tensor, weight: Tensor, *settings: Any) -> int:
    """Each output is a sum over one kernel; of a transposed convolution each input is spread over one."""
    transposed = settings[4]
    return (x if transposed else out).numel() * math.prod(weight.shape[1:])


def _of_matrices(out: Tensor, *args: Any) -> int:
    """Each output is a sum over a column of the last matrix."""
    return out.numel() * [arg for arg in args if isinstance(arg, Tensor)][-1].shape[-2]


MULTIPLICATIONS: dict[str, Callable[..., int]] = {
    "aten::convolution": _of_convolution,
    "aten::mm": _of_matrices,
    "aten::addmm": _of_matrices,
    "aten::bmm": _of_matrices,
    "aten::baddbmm": _of_matrices,
}


def _sizes_and_jumps(seen: Field) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """A field's sizes and jumps, one per axis; where two inputs are seen, one such tuple per input."""
    numbers = sorted({number for number, _ in seen})
    sizes = tuple(tuple(seen[axis].size for axis in sorted(seen) if axis[0] == number) for number in numbers)
    jumps = tuple(tuple(seen[axis].jump for axis in sorted(seen) if axis[0] == number) for number in numbers)
    return (sizes[0], jumps[0]) if len(numbers) == 1 else (sizes, jumps)


def _start(fields: FieldTrace, example: Any) -> None:
    for number, tensor in enumerate(tree_leaves(example)):
        fields.source(tensor, number)


def _on_meta(model: Model) -> Model:
    """A copy whose tensors are on the meta device; nothing is copied but the structure."""
    memo: dict[int, Any] = {}
    for tensor in (*model.parameters(), *model.buffers()):
        shadow = torch.empty_like(tensor, device="meta", requires_grad=False)
        memo[id(tensor)] = nn.Parameter(shadow, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else shadow
    probe = copy.deepcopy(model, memo)
    for module in probe.modules():  # hooks of the user must not run on the copy
        module._forward_hooks.clear()
        module._forward_pre_hooks.clear()
    return probe


@contextmanager
def _reading(probe: nn.Module, shape: Sequence[Any], batch: int) -> Iterator[Any]:
    """A tensor, or a pair of them, on the meta device. An error of the network in the block becomes a `ValueError`."""
    dtype = next((p.dtype for p in probe.parameters()), torch.get_default_dtype())

    def example(one: Sequence[int]) -> Tensor:
        return torch.empty((batch, *one), device="meta", dtype=dtype)

    pair = bool(shape) and isinstance(shape[0], Sequence)
    try:
        yield tuple(map(example, shape)) if pair else example(shape)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"{type(probe).__name__} cannot take an input of shape {tuple(shape)}: {error}") from error


@contextmanager
def _running(model: nn.Module, finish: Callable[[_Call, Tensor], None]) -> Iterator[tuple[_Calls, list[_Call]]]:
    """The runs so far, and the modules running now, the innermost last. `finish` gets each run and its first output."""
    calls: _Calls = {}
    stack: list[_Call] = []
    runs: dict[str, int] = {}

    def enter(name: str, module: nn.Module) -> None:
        stack.append(_Call(name, module))

    def leave(output: Any) -> None:
        call = stack.pop()
        runs[call.name] = runs.get(call.name, -1) + 1
        tensor = next((leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)), None)
        if tensor is not None:
            call.output = tuple(tensor.shape[1:])
            finish(call, tensor)
        calls[call.name, runs[call.name]] = call

    handles = []
    for name, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(lambda module, _, name=name: enter(name, module)))
        handles.append(module.register_forward_hook(lambda _, __, output: leave(output)))
    try:
        yield calls, stack
    finally:
        for handle in handles:
            handle.remove()
