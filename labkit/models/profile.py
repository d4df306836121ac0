"""What a network costs: parameters and multiply-accumulates, layer by layer, without computing anything.

The network is copied to the meta device, where tensors have shapes and no numbers, and one clip is sent through.
"""

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

COLUMNS = ("name", "type", "output", "parameters", "macs")


def profile(model: nn.Module, shape: Sequence[int]) -> pd.DataFrame:
    """One row per layer, in the order of the computation, for one input of `shape` (without the batch).

    `shape` is `(C, T, H, W)` for a 3D network and `(C, H, W)` for a 2D one. Columns: `name` and `type` of the module;
    `output`, its shape without the batch; `parameters`, counted where the module first runs; `macs`, the
    multiply-accumulates of convolutions and linear layers (half of what is called FLOPs; additions of biases, batch
    norms and poolings are not counted, as in the published figures). `totals` sums them up.

    The network itself is not touched, whatever device and mode it is in.
    Raises `ValueError`, with the reason, where the network cannot take such an input.
    """
    rows: list[dict[str, Any]] = []
    seen: set[int] = set()
    probe = _on_meta(model).eval()

    def note(name: str, module: nn.Module, output: Any) -> None:
        own = [p for p in module.parameters(recurse=False) if id(p) not in seen]
        seen.update(map(id, own))
        rows.append(
            {
                "name": name,
                "type": type(module).__name__,
                "output": tuple(output.shape[1:]),
                "parameters": sum(p.numel() for p in own),
                "macs": multiply_accumulates(module, output),
            }
        )

    with _watched(probe, note), torch.no_grad():
        clip = torch.empty((1, *shape), device="meta", dtype=_dtype(probe))
        try:
            probe(clip)
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"{type(model).__name__} cannot take an input of shape {tuple(shape)}: {error}") from error
    return pd.DataFrame(rows, columns=list(COLUMNS))


def totals(table: pd.DataFrame) -> pd.Series:
    """Parameters and multiply-accumulates of a whole `profile` table."""
    return table[["parameters", "macs"]].sum()


def multiply_accumulates(module: nn.Module, output: Tensor) -> int:
    """Of one module for this output: `(B, ...)` numbers, each a sum over one kernel or one row of a matrix."""
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return output.numel() * module.in_channels // module.groups * math.prod(module.kernel_size)
    if isinstance(module, nn.Linear):
        return output.numel() * module.in_features
    return 0


def _on_meta(model: nn.Module) -> nn.Module:
    """A copy whose tensors are on the meta device; nothing is copied but the structure."""
    memo: dict[int, Any] = {}
    for tensor in (*model.parameters(), *model.buffers()):
        shadow = torch.empty_like(tensor, device="meta", requires_grad=False)
        memo[id(tensor)] = nn.Parameter(shadow, requires_grad=False) if isinstance(tensor, nn.Parameter) else shadow
    return copy.deepcopy(model, memo)


def _dtype(model: nn.Module) -> torch.dtype:
    return next((p.dtype for p in model.parameters()), torch.get_default_dtype())


@contextmanager
def _watched(model: nn.Module, note: Any) -> Iterator[None]:
    """Call `note(name, module, output)` after each module that has no modules of its own, or has its own parameters."""
    handles = [
        module.register_forward_hook(lambda module, _, output, name=name: note(name, module, output))
        for name, module in model.named_modules()
        if not any(module.children()) or any(True for _ in module.parameters(recurse=False))
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
