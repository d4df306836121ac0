"""Follow a 2D network from module to module without computing it: plan each layer's kernel and stride in time.

The `forward` of one module at a time is traced, its children kept whole. Most `forward`s work in any dimension (they
add, join channels, call children): those modules stay as they are, with inflated children, and every name stays.
Where a `forward` counts axes itself, the calls to change are noted. A tensor computed from weights and numbers alone is
the same in 3D, with an axis for time where it meets a map. Nothing is built here, and the network is not changed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn

from labkit.models.densenet import DenseNet
from labkit.models.inception import Inception
from labkit.models.inflate import layers
from labkit.models.inflate.axes import flatten
from labkit.models.inflate.calls import flat, outcome
from labkit.models.inflate.intime import InTime
from labkit.models.inflate.norm_act import Afterwards, afterwards
from labkit.models.inflate.plan import Plan, Rewrite, Step
from labkit.models.inflate.policy import Place
from labkit.models.inflate.signal import (
    IMAGE,
    VECTOR,
    Constant,
    Outcome,
    Signal,
    Spatial,
    Weight,
    moved,
    need,
    need_last,
)
from labkit.models.inflate.tracing import Refused, Trace, called, trace
from labkit.models.network import Network
from labkit.models.resnet import ResNet

# Our networks are written for both dimensions, and call their children in the order of definition.
OWN = (ResNet, DenseNet, Inception)
FIRST = ("input", "tensors", "self")  # names of a function's first argument


Decide = Callable[[Place], InTime]


def follow(network: nn.Module, decide: Decide) -> Plan:
    """The plan for a whole network. Raises `Refused`, with name and place, for an operator without a rule."""
    walk = _Walk(network, decide)
    walk.module(network, (Signal(),), {})
    walk.leftovers(network)
    return walk.plan


class _Walk:
    def __init__(self, network: nn.Module, decide: Decide) -> None:
        self.names = {id(module): name for name, module in network.named_modules()}
        tensors = (*network.named_parameters(), *network.named_buffers())
        self.weights = {id(tensor): name for name, tensor in tensors}
        self.decide = decide
        self.plan = Plan()
        self.met: set[int] = set()

    def module(self, module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The output of a module for these arguments."""
        self.met.add(id(module))
        name = self.names[id(module)]
        if layers.rule(module) is not None:
            return self.layer(module, name, next(iter((*args, *kwargs.values())), None))
        if _is_our_own(module):
            return self.chain(module, args[0])
        after = afterwards(module, name, next(iter(args), None))
        if after is not None:
            return self.norm(module, name, args[0], after)
        if type(module).__module__.startswith("torch.nn.") and not isinstance(module, layers.CONTAINERS):
            raise _no_rule(module, name)
        return self.composite(module, name, args, kwargs)

    def leftovers(self, network: nn.Module) -> None:
        """Plan modules that the network holds and does not call: inflated too where there is a rule."""
        for name, module in network.named_modules():
            if id(module) in self.met or isinstance(module, layers.CONTAINERS) or type(module) is nn.Module:
                continue  # a bare nn.Module holds others, as in a graph of torch.fx
            if layers.rule(module) is not None:
                self.layer(module, name, None)
            elif type(module).__module__.startswith("torch.nn."):
                raise _no_rule(module, name)

    def note(self, step: Step) -> None:
        """Keep the plan for a layer. A layer that is called twice has one plan."""
        self.plan.steps.setdefault(step.name, step)

    # One layer

    def layer(self, layer: nn.Module, name: str, signal: Signal | None) -> Signal:
        """A layer with a rule."""
        at = signal or Signal()
        try:
            if signal is not None and not isinstance(signal, Signal):
                raise ValueError("it does not read exactly one tensor")
            decided = isinstance(layer, (*layers.SPATIAL, *layers.GLOBAL))
            time = self.in_time(layer, name, at) if decided else None
            if isinstance(layer, layers.NAMED_AXIS):
                self.named_axis(layer, name, at)
            layers.check_layer(layer, time)
            after = at if signal is None else _through(layer, time, at)
        except ValueError as error:
            raise Refused(f"cannot inflate {called(layer, name)}: {error}") from error
        if not isinstance(layer, layers.ELEMENTWISE):
            self.note(Step(name, layer, time))
        return after

    def in_time(self, layer: nn.Module, name: str, signal: Signal) -> InTime:
        """The policy's choice for this layer. A layer that is met again keeps its first choice."""
        if name not in self.plan.times:
            first = isinstance(layer, layers.CONVOLUTIONS) and not any(
                isinstance(step.before, layers.CONVOLUTIONS) for step in self.plan.steps.values()
            )
            time = self.decide(Place(name, layer, signal.scale, first))
            if (time.kernel is None) != isinstance(layer, layers.GLOBAL) and time.kernel != 1:
                raise ValueError(f"kernel={time.kernel} in time; a number for windows, None or 1 for global pools")
            self.plan.times[name] = time
        return self.plan.times[name]

    def named_axis(self, layer: Any, name: str, signal: Signal) -> None:
        """Keep which axis this layer reads in 3D."""
        if layer.dim is None:
            raise ValueError("it names no axis (dim=None)")
        if isinstance(layer, nn.GLU) and signal.axes[layer.dim] != "C":
            raise ValueError("it halves another axis than the channels")
        (place,), changes = moved(signal, [layer.dim])
        axis = place if changes else layer.dim
        if self.plan.axes.setdefault(name, axis) != axis:
            raise ValueError("it is called on tensors with different axes")

    def norm(self, norm: nn.Module, name: str, signal: Signal, after: Afterwards) -> Signal:
        """A batch norm, and the children that it calls afterwards."""
        try:
            layers.check_layer(norm, None)
            need(signal, IMAGE)
        except ValueError as error:
            raise Refused(f"cannot inflate {called(norm, name)}: {error}") from error
        self.note(Step(name, norm))
        self.plan.norms[name] = after
        for step in after.steps:
            signal = self.module(norm.get_submodule(step), (signal,), {}) if isinstance(step, str) else signal
        return signal

    # Modules with a forward of their own

    def chain(self, network: nn.Module, signal: Signal) -> Signal:
        """Our own networks: the children one after the other, flattened before the classifier."""
        for name, child in network.named_children():
            if isinstance(child, nn.Linear) or name == "fc":  # a head of one's own may be more than a layer
                signal = signal.having(VECTOR)
            signal = self.module(child, (signal,), {})
        return signal.having(VECTOR)

    def composite(self, module: nn.Module, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """A module with a `forward` of its own: traced, in training and in evaluation mode if those differ."""
        traces = [trace(module, name, training, args, kwargs) for training in (False, True)]
        if traces[0].computes_as(traces[1]):
            del traces[0]
        for each in traces:
            rewrite = Rewrite(each)
            value = self.graph(module, name, rewrite, args, kwargs)
            if not any(rewrite.changes):
                continue
            if len(traces) > 1:
                raise Refused(
                    f"cannot inflate {called(module, name)}: its forward counts axes, and is another in training mode"
                )
            before = self.plan.rewrites.setdefault(name, rewrite)
            if repr(before.changes) != repr(rewrite.changes) or not before.trace.computes_as(each):
                raise Refused(
                    f"cannot inflate {called(module, name)}: it is called on tensors with different axes or settings"
                )
        return value

    def graph(
        self, module: nn.Module, name: str, rewrite: Rewrite, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """The output of a traced `forward`; the calls to change are noted in `rewrite`."""
        values: dict[fx.Node, Any] = {}
        given = iter(args)

        def value(argument: Any) -> Any:
            return fx.node.map_arg(argument, values.__getitem__)

        for node in rewrite.trace.graph.nodes:
            if node.op == "placeholder":
                default = node.args[0] if node.args else None
                values[node] = next(given, kwargs.get(node.target, default))
            elif node.op == "get_attr":
                values[node] = self.attribute(module, name, node.target, rewrite.trace)
            elif node.op == "call_module":
                child = module.get_submodule(node.target)
                values[node] = self.module(child, value(node.args), value(node.kwargs))
            elif node.op == "output":
                return value(node.args[0])
            else:
                values[node] = self.function(module, name, node, value, rewrite)
        return None

    def attribute(self, module: nn.Module, name: str, target: str, traced: Trace) -> Constant:
        """A tensor that a `forward` uses by itself."""
        path, _, attribute = target.rpartition(".")
        owner = module.get_submodule(path)
        tensor: Tensor = traced.constants[target] if target in traced.constants else getattr(owner, attribute)
        if isinstance(owner, layers.CONVOLUTIONS) and tensor.ndim > 1:
            raise Refused(
                f"cannot inflate {called(module, name)}: its forward computes with the weight of {called(owner, target)}"
            )
        like = torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")
        kept = self.weights.get(id(tensor))
        return Constant(like) if kept is None else Weight(like, kept)

    def function(
        self, module: nn.Module, name: str, node: fx.Node, value: Callable[[Any], Any], rewrite: Rewrite
    ) -> Any:
        """The result of a function or method in a `forward`; a call that must change in 3D is noted."""
        if isinstance(node.target, type) and issubclass(node.target, tuple):
            return tuple(value(node.args))
        text = node.target if isinstance(node.target, str) else node.target.__name__
        where = f"{text} in the forward of {called(module, name)}"
        args, kwargs = value(node.args), dict(value(node.kwargs))
        first = next((key for key in FIRST if key in kwargs and not args), None)
        args = (kwargs.pop(first), *args) if first else args
        got = outcome(node, text, where, args, kwargs)
        if isinstance(got.value, Spatial) and node.users:
            raise Refused(f"cannot inflate {where}: it asks for sizes other than those of the batch and the channels")
        rewrite.counts |= isinstance(got.value, Spatial)
        self.keep_weights(where, got, (args, kwargs))
        full = _join(name, node.name)
        if got.layer is not None:
            result = self.layer(got.layer, full, got.value)
            rewrite.layers[node.name] = (got.layer, self.plan.times[full])
            return result
        self.change(node, text, full, got, rewrite)
        return got.value

    def keep_weights(self, where: str, got: Outcome, arguments: Any) -> None:
        """The shapes of the weights that a call reads: each weight can have one alone."""
        for weight in flat(arguments):
            if not isinstance(weight, Weight):
                continue
            shape = got.weights.get(weight.name, weight.shape)
            if self.plan.weights.setdefault(weight.name, shape) != shape:
                raise Refused(f"cannot inflate {where}: {weight.name} is used there with other axes than elsewhere")
            if shape != weight.shape:
                self.note(Step(weight.name, f"weight {weight.shape}", after=f"weight {shape}"))

    def change(self, node: fx.Node, text: str, full: str, got: Outcome, rewrite: Rewrite) -> None:
        """Note how a call changes."""
        if got.lifted:
            rewrite.lifted[node.name] = dict(got.lifted)
            self.note(Step(full, f"{text} with a tensor", after=f"{text} with a tensor that has an axis for time"))
        old = tuple(node.args[1:])
        rest = got.rest
        if got.more:
            rest = ((*old[0], *got.more),) if len(old) == 1 and isinstance(old[0], tuple | list) else (*old, *got.more)
        if rest is None:
            return
        rewrite.rest[node.name] = (rest,) if text == "permute" and node.op == "call_function" else rest
        if got.call is not None:
            rewrite.calls[node.name] = got.call
        old = (*old, *(value for key, value in node.kwargs.items() if key not in FIRST))
        self.note(Step(full, f"{text}{_shown(old)}", after=f"{text}{_shown(rest)}"))


def _is_our_own(module: nn.Module) -> bool:
    """Whether it is one of our networks, with their own `forward`."""
    return any(isinstance(module, own) and type(module).walk is own.walk for own in OWN) and (
        type(module).forward is Network.forward
    )


def _through(layer: Any, time: InTime | None, signal: Signal) -> Signal:
    """The output of a layer with a rule. Raises `ValueError` for an input that the layer does not read."""
    if isinstance(layer, layers.SPATIAL):
        need(signal, IMAGE)
        assert time is not None
        return replace(signal, scale=signal.scale * layers.in_space(layer)[1], stride=signal.stride * time.stride)
    if isinstance(layer, layers.GLOBAL):
        need(signal, IMAGE)
        assert time is not None
        return replace(signal, pooled=signal.pooled or time.kernel is None)
    if isinstance(layer, layers.LAST_AXIS):
        return need_last(signal)
    if isinstance(layer, (*layers.CHANNELWISE, *layers.PADS)):
        return need(signal, IMAGE)
    if isinstance(layer, layers.OF_VECTORS):
        return need(signal, VECTOR)
    if isinstance(layer, layers.CHANNELS_OF_ANY):
        return signal if layer.num_parameters == 1 else need(signal, IMAGE, VECTOR)
    if isinstance(layer, nn.Flatten):
        return flatten(signal, layer.start_dim, layer.end_dim).value
    return signal


def _join(name: str, child: str) -> str:
    return f"{name}.{child}" if name else child


def _no_rule(module: nn.Module, name: str) -> Refused:
    return Refused(f"no rule to inflate {called(module, name)}")


def _shown(arguments: tuple[Any, ...]) -> str:
    return f"({', '.join(map(str, arguments))})"
