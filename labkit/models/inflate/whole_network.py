"""A whole network: followed, decided, and only then built."""

import copy
from dataclasses import replace
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import fx, nn

from labkit.models.inflate import layers, norm_act
from labkit.models.inflate.conv import Placement, TimePadding, check_choices
from labkit.models.inflate.follow import FIRST, follow
from labkit.models.inflate.intime import InTime
from labkit.models.inflate.plan import Plan, Rewrite, Step
from labkit.models.inflate.policy import PRESETS, Place, Policy
from labkit.models.network import Network, one_of


class Inflated(NamedTuple):
    """The 3D network, and a table of its layers."""

    network: nn.Module
    table: pd.DataFrame


def inflate(
    model2d: nn.Module,
    preset: str = "i3d",
    *,
    policy: Policy | None = None,
    placement: Placement = "mean",
    time_padding: TimePadding = "replicate",
) -> Inflated:
    """A 3D network from a 2D one: for a boring video, one image repeated, its output is that of `model2d` for the image.

        network, table = inflate(torchvision.models.resnet50(weights="DEFAULT"))
        network(clip)                                       # (B, 3, T, H, W) -> (B, 1000)

    Layer by layer, N×N becomes t×N×N with the weights inflated (Carreira & Zisserman 2017, section 2.4). `preset` says
    how time is treated: `"i3d"` (time is halved with the first, fourth and fifth halving of space), `"hara"` (time as
    space, all frames kept by the first convolution) or `"every_frame"` (no stride in time). `policy` overrides the
    preset: a function of (name, 2D layer) that gives an `InTime`, or None to leave the layer to the preset.

    `placement` and `time_padding` are those of `inflate_conv`. Pools always repeat the clip's ends. Global pools take
    all of time, also those inside squeeze-and-excite blocks. `policy` can give them `InTime(1)` instead: each frame by
    itself. With `placement="centre"`, no strides and such pools the network is, until its last pool, the 2D network on
    every frame.

    A `forward` may normalise its input, compute with tensors that it makes, ask how many axes there are, and use the
    usual forms of squeeze-and-excitation; batch norms with an activation inside, as timm's, are inflated as one layer.
    A `forward` that cannot be followed exactly is refused, with the line or the call.

    Names are kept: a layer of `model2d` and its counterpart answer to one name. `model2d` is left as it is; tensors
    keep device, dtype and `requires_grad`, modules their mode. Hooks on layers that are replaced are not taken along.

    Raises `ValueError` before anything is built: for an unknown choice, and with its name for an operator (layer or
    function in a `forward`) that has no rule, or for strides that keep branches from meeting.
    """
    if not isinstance(model2d, nn.Module):
        raise ValueError(f"only an nn.Module can be inflated, not {model2d!r}")
    check_choices(placement=placement, time_padding=time_padding)
    choose = one_of(PRESETS, preset=preset)

    def decide(place: Place) -> InTime:
        chosen = policy(place.name, place.layer) if policy else None
        if chosen is not None and not isinstance(chosen, InTime):
            raise ValueError(f"policy must give an InTime or None, not {chosen!r}")
        time = chosen or choose(place)
        return replace(time, placement=time.placement or placement, padding=time.padding or time_padding)

    plan = follow(model2d, decide)
    made = _new_parts(model2d, plan)
    network = _copy_with(model2d, made, plan)
    return Inflated(network, _table(plan, network))


def _new_parts(model2d: nn.Module, plan: Plan) -> dict[int, Any]:
    """The 3D layers and the weights of another shape, by the id of the old layer or weight."""
    made: dict[int, Any] = {}
    for name, module in model2d.named_modules():
        if layers.rule(module) is not None:
            layer: Any = layers.becomes(module, plan.times.get(name, InTime()))
            if name in plan.axes:
                layer.dim = plan.axes[name]
            made[id(module)] = layer
    for name, tensor in (*model2d.named_parameters(), *model2d.named_buffers()):
        if plan.weights.get(name, tensor.shape) != tensor.shape:
            shaped = tensor.detach().clone().reshape(plan.weights[name])
            kept = nn.Parameter(shaped, requires_grad=tensor.requires_grad)
            made[id(tensor)] = kept if isinstance(tensor, nn.Parameter) else shaped
    return made


def _copy_with(model2d: nn.Module, made: dict[int, Any], plan: Plan) -> nn.Module:
    """A copy of the network with the new layers and weights of `made` in place of the old ones.

    `copy.deepcopy` looks up parts that it has copied already in its memory; the new parts are put there beforehand.
    Modules with another `forward` are made from the inside out.
    """
    modules = dict(model2d.named_modules())
    for name in sorted((*plan.rewrites, *plan.norms), key=lambda name: -name.count(".") if name else 1):
        old = modules[name]
        if name in plan.norms:
            made[id(old)] = norm_act.in_3d(old, plan.norms[name], made)
        else:
            made[id(old)] = _rewritten(copy.deepcopy(old, made), plan.rewrites[name])
    network = copy.deepcopy(model2d, made)
    _share(model2d, network)
    if isinstance(network, Network) and "dims" in vars(network):
        network.dims = 3  # our own networks check their input by it
    return network


def _share(model2d: nn.Module, network: nn.Module) -> None:
    """Weights that layers share in 2D, they share in 3D. Raises `ValueError` where these became different in shape."""
    first: dict[int, str] = {}
    for name, parameter in model2d.named_parameters(remove_duplicate=False):
        other = first.setdefault(id(parameter), name)
        if other == name:
            continue
        shared, old = network.get_parameter(other), network.get_parameter(name)
        if shared.shape != old.shape:
            raise ValueError(f"{other} and {name} are one weight: give their layers equal kernels in time")
        owner, _, attribute = name.rpartition(".")
        setattr(network.get_submodule(owner), attribute, shared)


def _rewritten(module: nn.Module, rewrite: Rewrite) -> nn.Module:
    """The module with its graph for a `forward`, changed where axes are counted."""
    graph = rewrite.trace.graph
    for name, tensor in rewrite.trace.constants.items():
        module.register_buffer(name, tensor.clone(), persistent=False)  # it goes where the network goes
    for node in list(graph.nodes):
        for key, axis in rewrite.lifted.get(node.name, {}).items():
            _lift(graph, node, key, axis)
        if node.name in rewrite.rest:
            node.args = (_first(node), *rewrite.rest[node.name])
            node.kwargs = {}
            if node.name in rewrite.calls:
                node.op, node.target = "call_function", rewrite.calls[node.name]
        elif node.name in rewrite.layers:
            name = node.name
            while hasattr(module, name):
                name += "_"
            layer, time = rewrite.layers[node.name]
            module.add_module(name, layers.becomes(layer, time))
            with graph.inserting_before(node):
                call = graph.call_module(name, (_first(node),))
            node.replace_all_uses_with(call)
            graph.erase_node(node)
    made = Rewritten(module, graph, class_name=type(module).__name__)
    made.take(vars(module))
    return made


class Rewritten(fx.GraphModule):
    """A module with a graph for its `forward`. Children that the graph does not use stay part of it."""

    def take(self, attributes: dict[str, Any]) -> None:
        """Have these attributes, of the module that this one stands for."""
        for attribute, value in attributes.items():
            if attribute in _TENSORS_AND_CHILDREN or attribute not in vars(self):
                self.__dict__[attribute] = value
        self.training = attributes["training"]

    def __deepcopy__(self, memo: dict[int, Any]) -> "Rewritten":
        made: Any = super().__deepcopy__(memo)
        made.take(copy.deepcopy(vars(self), memo))
        return made


_TENSORS_AND_CHILDREN = ("_modules", "_parameters", "_buffers", "_non_persistent_buffers_set")


def _first(node: fx.Node) -> Any:
    """The first argument of a call, by its place or by its name."""
    return node.args[0] if node.args else next(node.kwargs[name] for name in FIRST if name in node.kwargs)


def _lift(graph: fx.Graph, node: fx.Node, key: Any, axis: int) -> None:
    """Give one argument of a call an axis for time."""
    named = key if isinstance(key, str) else next((name for name in FIRST if name in node.kwargs and not node.args), "")
    old: Any = node.kwargs[named] if named else node.args[key]
    with graph.inserting_before(node):
        new = graph.call_function(torch.unsqueeze, (old, axis))
    if named:
        node.kwargs = {**node.kwargs, named: new}
    else:
        node.args = (*node.args[:key], new, *node.args[key + 1 :])


# The table


def _table(plan: Plan, network: nn.Module) -> pd.DataFrame:
    """A row for each layer that changed, in the order of the computation."""
    modules = dict(network.named_modules())
    rows = [_row(step, modules.get(step.name)) for step in plan.steps.values()]
    return pd.DataFrame(rows, columns=["layer", "2D", "3D", *IN_TIME]).set_index("layer")


IN_TIME = ("kernel", "stride", "placement", "padding")


def _row(step: Step, made: nn.Module | None) -> dict[str, Any]:
    row: dict[str, Any] = {"layer": step.name, "2D": _described(step.before), "3D": step.after or _described(made)}
    time = step.time
    convolution = isinstance(step.before, layers.CONVOLUTIONS)
    wide = time is not None and time.kernel not in (1, None)
    padding = (
        {"none": "none"}.get(time.padding or "", "replicate") if time and not convolution else time and time.padding
    )
    return row | {
        "kernel": "" if time is None else "all" if time.kernel is None else str(time.kernel),
        "stride": "" if time is None else str(time.stride),
        "placement": time.placement if time and convolution and wide else "",
        "padding": padding if wide else "",
    }


def _described(layer: Any) -> str:
    if isinstance(layer, str):
        return layer
    text = type(layer).__name__
    for attribute, before in (("kernel_size", " "), ("kernel", " "), ("stride", ", stride "), ("output_size", " to ")):
        value = getattr(layer, attribute, None)
        if value is None or (attribute == "stride" and value in (1, (1, 1), (1, 1, 1))):
            continue
        dims = 3 if "3d" in text else 2
        sizes = value if isinstance(value, tuple | list) else (value,) * dims
        text += before + "×".join("all" if size is None else str(size) for size in sizes)
    return text
