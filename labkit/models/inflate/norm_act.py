"""Batch norms with an activation in the same module, such as `BatchNormAct2d` of timm.

Their `forward` counts axes, and differs between training and evaluation mode: it cannot be rewritten. It need not be:
before its own children and activations it computes `nn.BatchNorm2d`, which has a rule.
"""

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import torch.nn.functional as F
from torch import Tensor, fx, nn

from labkit.models.inflate import layers
from labkit.models.inflate.functions import ACTIVATIONS
from labkit.models.inflate.signal import Signal
from labkit.models.inflate.tracing import Refused, trace

Then = str | Callable[[Tensor], Tensor]  # the name of a child, or an activation


@dataclass(frozen=True)
class Afterwards:
    """The steps after the norm, in order."""

    steps: tuple[Then, ...]


def afterwards(module: nn.Module, name: str, signal: Any) -> Afterwards | None:
    """The steps after the norm in a batch norm with a `forward` of its own; None for any other module."""
    if not isinstance(module, nn.BatchNorm2d) or layers.rule(module) is not None or not isinstance(signal, Signal):
        return None
    try:
        graph = trace(module, name, False, (signal,), {}).graph
    except Refused:
        return None
    nodes = [node for node in graph.nodes if node.op != "get_attr"]
    first, last = nodes[0], nodes[-1]
    if len(nodes) < 3 or not _is_its_norm(module, nodes[1], first):
        return None
    steps = [_step(module, node, before) for before, node in pairwise(nodes[1:-1])]
    ends_there = last.op == "output" and last.args == (nodes[-2],)
    return Afterwards(tuple(steps)) if ends_there and all(step is not None for step in steps) else None  # type: ignore[arg-type]


def _is_its_norm(module: Any, node: fx.Node, x: fx.Node) -> bool:
    """Whether this call normalises `x` by the module's own tensors and settings."""
    if node.target is not F.batch_norm:
        return False
    given = inspect.signature(F.batch_norm).bind(*node.args, **node.kwargs)
    given.apply_defaults()
    own = all(
        (tensor is None) if given.arguments[name] is None else given.arguments[name].target == name
        for name in ("running_mean", "running_var", "weight", "bias")
        for tensor in (getattr(module, name),)
    )
    batch = given.arguments["training"] == (module.running_mean is None)
    return own and batch and given.arguments["input"] is x and given.arguments["eps"] == module.eps


def _step(module: nn.Module, node: fx.Node, before: fx.Node) -> Then | None:
    """One child or activation that reads the output of the step before it, and nothing else."""
    if node.args[:1] != (before,) or len(node.all_input_nodes) > 1:
        return None
    if node.op == "call_module" and len(node.args) == 1 and not node.kwargs:
        return str(node.target)
    if node.op == "call_function" and getattr(node.target, "__name__", "") in ACTIVATIONS:
        return partial(_call, node.target, node.args[1:], dict(node.kwargs))
    return None


def _call(function: Any, rest: tuple[Any, ...], options: dict[str, Any], x: Tensor) -> Tensor:
    return function(x, *rest, **options)


class BatchNormThen3d(nn.BatchNorm3d):
    """`nn.BatchNorm3d`, and the steps after it in the same module."""

    then: tuple[Then, ...] = ()

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, T, H, W)` to the same shape."""
        x = super().forward(x)
        for step in self.then:
            x = self.get_submodule(step)(x) if isinstance(step, str) else step(x)
        return x


def in_3d(module: Any, after: Afterwards, made: dict[int, Any]) -> nn.Module:
    """The same in 3D: own copies of its tensors, its children inflated (`made` has those of another kind)."""
    norm = layers.renamed_norm(BatchNormThen3d, module)
    for name, child in module.named_children():
        norm.add_module(name, copy.deepcopy(child, made))
    norm.then = after.steps
    norm.training = module.training
    return norm
