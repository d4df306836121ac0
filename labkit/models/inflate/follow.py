"""Follow a 2D network from module to module without computing it: what each layer will do in time, what is in the way.

`torch.fx` traces the `forward` of one module at a time, its children kept whole. Most `forward`s ask for no dimension
(they add, join channels, call children): those modules stay what they are, with inflated children, and every name
stays. Where a `forward` counts axes itself, the calls to change are noted. Nothing is built here, and the network is
only looked at.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, fx, nn

from labkit.models.densenet import DenseNet
from labkit.models.inception import Inception
from labkit.models.inflate import layers
from labkit.models.inflate.functions import FUNCTIONS, Outcome, flatten, need, need_last
from labkit.models.inflate.intime import InTime
from labkit.models.inflate.policy import Place
from labkit.models.inflate.signal import IMAGE, VECTOR, Signal, Weight
from labkit.models.resnet import ResNet

# Our networks are written for both dimensions, and call their children in the order of definition.
OWN = (ResNet, DenseNet, Inception)


@dataclass
class Rewrite:
    """A `forward` that counts axes: its graph, and the calls to change, by node name."""

    graph: fx.Graph
    rest: dict[str, tuple[Any, ...]] = field(default_factory=dict)  # -> the arguments after the first
    layers: dict[str, tuple[nn.Module, InTime]] = field(default_factory=dict)  # -> the 2D layer to inflate


@dataclass
class Step:
    """One layer, function or weight that changes, as it was met."""

    name: str
    before: Any  # the 2D layer; for functions and weights, text
    time: InTime | None = None
    after: str = ""  # for functions and weights


@dataclass
class Plan:
    """All that has to be done to inflate a network."""

    steps: dict[str, Step] = field(default_factory=dict)  # by name, in the order of the computation
    times: dict[str, InTime] = field(default_factory=dict)  # layer -> what it does in time
    rewrites: dict[str, Rewrite] = field(default_factory=dict)  # module -> its new forward
    weights: dict[str, tuple[int, ...]] = field(default_factory=dict)  # weight -> its new shape


Decide = Callable[[Place], InTime]


class Refused(ValueError):
    """Something in the 2D network has no counterpart in 3D."""


def follow(network: nn.Module, decide: Decide) -> Plan:
    """The plan for a whole network. Raises `Refused` with the name of the operator, and where it is, for one that
    there is no rule for.
    """
    walk = _Walk(network, decide)
    walk.module(network, (Signal(),), {})
    walk.leftovers(network)
    return walk.plan


class _Walk:
    def __init__(self, network: nn.Module, decide: Decide) -> None:
        self.names = {id(module): name for name, module in network.named_modules()}
        self.decide = decide
        self.plan = Plan()
        self.met: set[int] = set()

    def module(self, module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """What a module gives for these arguments."""
        self.met.add(id(module))
        name = self.names[id(module)]
        if layers.rule(module) is not None:
            return self.layer(module, name, next(each for each in (*args, *kwargs.values())))
        if isinstance(module, OWN):
            return self.chain(module, args[0])
        if type(module).__module__.startswith("torch.nn.") and not isinstance(module, layers.CONTAINERS):
            raise _no_rule(module, name)
        return self.composite(module, name, args, kwargs)

    def leftovers(self, network: nn.Module) -> None:
        """Modules that the network holds and does not call: inflated too where there is a rule, for the 3D copy."""
        for name, module in network.named_modules():
            if id(module) in self.met or isinstance(module, layers.CONTAINERS) or type(module) is nn.Module:
                continue  # a bare nn.Module holds others, as in a graph of torch.fx
            if layers.rule(module) is not None:
                self.layer(module, name, None)
            elif type(module).__module__.startswith("torch.nn."):
                raise _no_rule(module, name)

    def note(self, step: Step) -> None:
        """Keep what becomes of a layer; one that is called twice is one layer."""
        self.plan.steps.setdefault(step.name, step)

    # One layer

    def layer(self, layer: nn.Module, name: str, signal: Signal | None) -> Signal:
        """A layer that there is a rule for."""
        at = signal or Signal()
        try:
            if signal is not None and not isinstance(signal, Signal):
                raise ValueError("it reads something else than one tensor")
            decided = isinstance(layer, (*layers.SPATIAL, *layers.GLOBAL))
            time = self.in_time(layer, name, at) if decided else None
            layers.check_layer(layer, time)
            after = at if signal is None else _through(layer, time, at)
        except ValueError as error:
            raise Refused(f"cannot inflate {_called(layer, name)}: {error}") from error
        if not isinstance(layer, layers.ELEMENTWISE):
            self.note(Step(name, layer, time))
        return after

    def in_time(self, layer: nn.Module, name: str, signal: Signal) -> InTime:
        """What the policy says of this layer; what it said before, if the layer is met again."""
        if name not in self.plan.times:
            first = isinstance(layer, layers.CONVOLUTIONS) and not any(
                isinstance(step.before, layers.CONVOLUTIONS) for step in self.plan.steps.values()
            )
            time = self.decide(Place(name, layer, signal.scale, first))
            if (time.kernel is None) != isinstance(layer, layers.GLOBAL) and time.kernel != 1:
                raise ValueError(f"kernel={time.kernel} in time; a number for windows, None or 1 for global pools")
            self.plan.times[name] = time
        return self.plan.times[name]

    # Modules with a forward of their own

    def chain(self, network: nn.Module, signal: Signal) -> Signal:
        """Our own networks: the children one after the other, flattened before the classifier."""
        for child in network.children():
            if isinstance(child, nn.Linear):
                signal = signal.having(VECTOR)
            signal = self.module(child, (signal,), {})
        return signal.having(VECTOR)

    def composite(self, module: nn.Module, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """A module with a `forward` of its own: traced, in training and in evaluation mode if those differ."""
        graphs = [_trace(module, name, training) for training in (False, True)]
        if str(graphs[0]) == str(graphs[1]):
            del graphs[0]
        for graph in graphs:
            rewrite = Rewrite(graph)
            value = self.graph(module, name, rewrite, args, kwargs)
            if not rewrite.rest and not rewrite.layers:
                continue
            if len(graphs) > 1:
                raise Refused(
                    f"cannot inflate {_called(module, name)}: its forward counts axes, and is another in training mode"
                )
            before = self.plan.rewrites.setdefault(name, rewrite)
            if repr((before.rest, before.layers)) != repr((rewrite.rest, rewrite.layers)):
                raise Refused(f"cannot inflate {_called(module, name)}: it is called on tensors with different axes")
        return value

    def graph(
        self, module: nn.Module, name: str, rewrite: Rewrite, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """What a traced `forward` gives; the calls to change are noted in `rewrite`."""
        values: dict[fx.Node, Any] = {}
        given = iter(args)

        def value(argument: Any) -> Any:
            return fx.node.map_arg(argument, values.__getitem__)

        for node in rewrite.graph.nodes:
            if node.op == "placeholder":
                default = node.args[0] if node.args else None
                values[node] = next(given, kwargs.get(node.target, default))
            elif node.op == "get_attr":
                tensor = _attribute(module, node.target)
                values[node] = Weight(_join(name, node.target), tuple(tensor.shape))
            elif node.op == "call_module":
                child = module.get_submodule(node.target)
                values[node] = self.module(child, value(node.args), value(node.kwargs))
            elif node.op == "output":
                return value(node.args[0])
            else:
                values[node] = self.function(module, name, node, value, rewrite)
        return None

    def function(
        self, module: nn.Module, name: str, node: fx.Node, value: Callable[[Any], Any], rewrite: Rewrite
    ) -> Any:
        """What a function or method in a `forward` gives."""
        if isinstance(node.target, type) and issubclass(node.target, tuple):
            return tuple(value(node.args))
        called = node.target if isinstance(node.target, str) else node.target.__name__
        where = f"{called} in the forward of {_called(module, name)}"
        if called not in FUNCTIONS:
            raise Refused(f"no rule to inflate {where}")
        args, kwargs = value(node.args), dict(value(node.kwargs))
        args = (kwargs.pop("input"), *args) if "input" in kwargs else args
        try:
            outcome: Outcome = FUNCTIONS[called](*args, **kwargs)
        except (ValueError, TypeError, IndexError) as error:
            raise Refused(f"cannot inflate {where}: {error}") from error
        self.plan.weights |= outcome.weights
        for weight, shape in outcome.weights.items():
            old = tuple(_attribute(module, weight.removeprefix(_join(name, ""))).shape)
            if old != shape:
                self.note(Step(weight, f"weight {old}", after=f"weight {shape}"))
        full = _join(name, node.name)
        if outcome.layer is not None:
            result = self.layer(outcome.layer, full, outcome.value)
            rewrite.layers[node.name] = (outcome.layer, self.plan.times[full])
            return result
        if outcome.rest is not None:
            old_rest = tuple(node.args[1:]) + tuple(node.kwargs.values())
            rest = (outcome.rest,) if called == "permute" and node.op == "call_function" else outcome.rest
            rewrite.rest[node.name] = rest
            self.note(Step(full, f"{called}{_shown(old_rest)}", after=f"{called}{_shown(rest)}"))
        return outcome.value


def _through(layer: Any, time: InTime | None, signal: Signal) -> Signal:
    """What comes out of a layer that has a rule. Raises `ValueError` where it does not read such a tensor."""
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
    if isinstance(layer, layers.CHANNELWISE):
        return need(signal, IMAGE)
    if isinstance(layer, nn.Flatten):
        return flatten(signal, layer.start_dim, layer.end_dim).value
    return signal


class _ChildrenWhole(fx.Tracer):
    """Traces one `forward`: children are called, not entered."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def _trace(module: nn.Module, name: str, training: bool) -> fx.Graph:
    mode = module.training
    try:
        module.training = training
        return _ChildrenWhole().trace(module)
    except Exception as error:  # whatever a forward does with a stand-in for its tensors
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Refused(f"cannot follow the forward of {_called(module, name)}: {reason}") from error
    finally:
        module.training = mode


def _attribute(module: nn.Module, path: str) -> Tensor:
    owner, _, name = path.rpartition(".")
    return getattr(module.get_submodule(owner), name)


def _join(name: str, child: str) -> str:
    return f"{name}.{child}" if name else child


def _called(module: nn.Module, name: str) -> str:
    return f"{type(module).__name__} ({name or 'the network itself'})"


def _no_rule(module: nn.Module, name: str) -> Refused:
    return Refused(f"no rule to inflate {_called(module, name)}")


def _shown(arguments: tuple[Any, ...]) -> str:
    return f"({', '.join(map(str, arguments))})"
