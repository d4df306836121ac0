"""Trace the `forward` of one module with `torch.fx`, on a copy: the module itself is not changed.

Its children are called, not entered. Weights and buffers are stand-ins, so a `forward` cannot change them. The number of
axes of its input is known, so a `forward` may ask for it.
"""

import copy
import inspect
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from labkit.models.inflate.signal import Signal

PLAIN = (bool, int, float, str)


class Refused(ValueError):
    """Something in the 2D network has no counterpart in 3D."""


@dataclass(frozen=True)
class Trace:
    """A traced `forward`."""

    graph: fx.Graph
    constants: Mapping[str, Tensor]  # tensors that it makes, by the names that the graph has for them
    asked: bool  # whether it asked for the number of axes

    def computes_as(self, other: "Trace") -> bool:
        """Whether both do the same with the same tensors."""
        pairs = [(tensor, other.constants.get(name)) for name, tensor in self.constants.items()]
        equal = all(b is not None and (a.is_meta or torch.equal(a, b)) for a, b in pairs)
        return equal and str(self.graph) == str(other.graph)


def called(module: nn.Module, name: str) -> str:
    """The name of a module in messages."""
    return f"{type(module).__name__} ({name or 'the network itself'})"


def trace(module: nn.Module, name: str, training: bool, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Trace:
    """The `forward` in one mode, for these arguments. Raises `Refused`, with the line, if it cannot be followed."""
    if "forward" in vars(module):
        raise Refused(f"cannot follow the forward of {called(module, name)}: it was put into this one module by hand")
    first = _traced(module, name, training, args, kwargs)
    if first.constants and not first.computes_as(_traced(module, name, training, args, kwargs)):
        raise Refused(f"cannot follow the forward of {called(module, name)}: it draws random numbers")
    return first


def _traced(module: nn.Module, name: str, training: bool, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Trace:
    tracer, mode = _ChildrenWhole(args, kwargs), module.training
    try:
        root = module if isinstance(module, fx.GraphModule) else _alone(module)
        root.training = training
        settings = _settings(module, args, kwargs)
        graph = tracer.trace(root, settings)
    except Exception as error:  # a forward may do anything with a stand-in for its tensors
        raise Refused(f"cannot follow the forward of {called(module, name)}: {_reason(module, error)}") from error
    finally:
        module.training = mode  # a graph of torch.fx is traced itself, and not on a copy
    names = {f"{name}_1": name for name in settings}  # torch.fx numbers them
    for node in graph.nodes:
        if node.op == "placeholder":
            node.target = names.get(str(node.target), str(node.target))
    targets = {str(node.target) for node in graph.nodes if node.op == "get_attr"}
    made = {target: value for target, value in vars(root).items() if target in targets and target not in vars(module)}
    return Trace(graph, made, tracer.asked)


def _settings(module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that are plain values: given, or by default. A `forward` may decide by them."""
    given = inspect.signature(type(module).forward).bind(module, *args, **kwargs)
    given.apply_defaults()
    return {name: value for name, value in given.arguments.items() if value is None or isinstance(value, PLAIN)}


def _alone(module: nn.Module) -> nn.Module:
    """A copy of a module with the same children and weights. Values that its `forward` keeps in itself go there."""
    inside = (*list(module.modules())[1:], *module.parameters(), *module.buffers())
    return copy.deepcopy(module, {id(each): each for each in inside})


def _reason(module: nn.Module, error: Exception) -> str:
    """A message with the line of the `forward` that could not be followed, in place of the stand-in's own message."""
    code = getattr(inspect.unwrap(type(module).forward), "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.line for frame in frames if code and frame.filename == code.co_filename]
    line = f"`{lines[-1]}`" if lines and lines[-1] else "a line of it"
    if isinstance(error, fx.proxy.TraceError) and "control flow" in str(error):
        return f"{line} decides by a tensor or a size, which is known only when it runs (control flow)"
    return f"{line} needs numbers, and is followed without any"


class _ChildrenWhole(fx.Tracer):
    proxy_buffer_attributes = True

    def __init__(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        super().__init__()
        self.given, self.named = list(args), kwargs
        self.asked = False
        self.reading: Any = None  # the attribute that is being read

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        self.reading = attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True

    def proxy(self, node: fx.Node) -> fx.Proxy:
        if node.op == "get_attr":
            return _Held(node, self, self.reading)
        if node.op != "placeholder":
            return super().proxy(node)
        value = self.given.pop(0) if self.given else self.named.get(str(node.target))
        return _Input(node, self, len(value.axes)) if isinstance(value, Signal) else super().proxy(node)


class _Held(fx.Proxy):
    """A weight or buffer. Its shape is known."""

    def __init__(self, node: fx.Node, tracer: fx.Tracer, tensor: Tensor) -> None:
        super().__init__(node, tracer)
        self.shape, self.ndim = tensor.shape, tensor.ndim

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        return self.ndim

    def __len__(self) -> int:
        return self.shape[0]


class _Input(fx.Proxy):
    """The input of a `forward`. Its number of axes is known; a `forward` that asks for it counts on four."""

    def __init__(self, node: fx.Node, tracer: _ChildrenWhole, rank: int) -> None:
        super().__init__(node, tracer)
        self.rank = rank

    @property
    def ndim(self) -> int:
        self.tracer.asked = True  # type: ignore[attr-defined]  # our own tracer
        return self.rank

    def dim(self) -> int:
        return self.ndim

    ndimension = dim

    @property
    def shape(self) -> fx.Proxy:
        return _Sizes(self, "shape")


class _Sizes(fx.proxy.Attribute):
    root: _Input  # and of no other

    def __len__(self) -> int:
        return self.root.ndim
