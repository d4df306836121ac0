"""Which layers of a network are trained, by the names of its stages. All other layers are frozen.

A frozen layer gets no gradient and no weight decay. Its batch norms keep their statistics, and its dropout is off: for
the layers above, it is a fixed function of the clip.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from labkit.models.network import Network
from labkit.models.weights import head_names, unwrapped
from labkit.names import did_you_mean

ALL, HEAD = "all", "head"


class Part:
    """The part of a network that is trained.

    `trained` is the name of a stage: an endpoint of the network, from which on all layers are trained. Of a network of
    two streams it is the name without `rgb.` or `flow.`, and means both streams. "head" is the classifier, "all" or None
    the whole network. Parameters that the caller has frozen (`requires_grad=False`) stay so in each case.

    `example` is an input of the network on the meta device, which finds its stages.

    Raises `ValueError`, naming the nearest, for an unknown stage, and for a stage above the classifier.
    """

    def __init__(self, model: nn.Module, trained: str | None, example: Any) -> None:
        self.model, network = model, unwrapped(model)
        self.given = [parameter for parameter in network.parameters() if parameter.requires_grad]
        told = trained is not None or len(self.given) < len([*network.parameters()])  # else all stages are trained
        self._stages = _stages(network, example) if told and isinstance(network, Network) else {}
        below = [] if trained is None or trained == ALL else self._below(check_stage(model, trained))
        fixed = {parameter for module in below for parameter in module.parameters(recurse=False)}
        self.parameters = [parameter for parameter in self.given if parameter not in fixed]
        if not self.parameters:
            raise ValueError(_nothing_to_train(trained, bool(self.given)))
        kept = {*self.parameters}
        self.fixed = [*below, *(module for module in network.modules() if _is_frozen_norm(module, kept))]

    def train(self) -> None:
        """Put the model into training mode, but for the frozen layers."""
        self.model.train()
        for module in self.fixed:
            module.training = False

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Inside, the frozen layers get no gradients; afterwards all is as the caller had it."""
        kept = {*self.parameters}
        below = [parameter for parameter in self.given if parameter not in kept]
        for parameter in below:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in below:
                parameter.requires_grad_(True)

    def describe(self) -> str:
        """The trained part as a count of parameters and a list of stages, and the frozen stages."""
        kept, total = {*self.parameters}, sum(p.numel() for p in self.model.parameters())
        named = [(_bare(stage), p in kept) for m, stage in self._stages.items() for p in m.parameters(recurse=False)]
        stages = dict.fromkeys(stage for stage, _ in named)
        trained, frozen = ([stage for stage in stages if ((stage, True) in named) is side] for side in (True, False))
        said = f"trains {sum(p.numel() for p in kept):,} of {total:,} parameters"
        said += f": {', '.join(trained)}" if trained else ""
        return said + (f"; frozen: {', '.join(frozen)}" if frozen else "")

    def _below(self, trained: str) -> list[nn.Module]:
        """The modules that run before the stage."""
        network = unwrapped(self.model)
        assert isinstance(network, Network)
        if trained == HEAD:
            head = {module for name in head_names(network) for module in network.get_submodule(name).modules()}
            trained = next(_bare(stage) for module, stage in self._stages.items() if module in head)
        order = list(network.endpoints)
        starts = {_stream(name): order.index(name) for name in order if _bare(name) == trained}
        first = min(starts.values())  # for layers that both streams share
        return [m for m, stage in self._stages.items() if order.index(stage) < starts.get(_stream(stage), first)]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Inside, the model is in evaluation mode; afterwards each of its layers has the mode that it had before."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def check_stage(model: nn.Module, trained: str) -> str:
    """The name of a stage. Raises `ValueError`, naming the nearest, where the network has none of this name."""
    network = unwrapped(model)
    if not isinstance(network, Network):
        raise ValueError(
            f"trained={trained!r} names a stage of a network of labkit.models; {type(network).__name__} is another one. "
            "Freeze its layers with requires_grad_(False) instead: fit leaves them alone"
        )
    known = [*dict.fromkeys(_bare(name) for name in network.endpoints), HEAD, ALL]
    if trained not in known:
        hint = did_you_mean(trained, known)
        raise ValueError(f"this network has no stage {trained!r}{hint} There are {', '.join(known)}")
    return trained


def _nothing_to_train(trained: str | None, some: bool) -> str:
    if not some:
        return "nothing is left to train: the caller has frozen every parameter (requires_grad=False)"
    return f"nothing is left to train: {trained!r} comes after the classifier; did you mean {HEAD!r}?"


class _Walk(nn.Module):
    """A walk through a network as a forward pass, so that torch can run it without its weights."""

    def __init__(self, network: Network, ran: list[nn.Module]) -> None:
        super().__init__()
        self.network, self.ran = network, ran
        self.stages: dict[nn.Module, str] = {}

    def forward(self, x: Any) -> None:
        for endpoint, _ in self.network.walk(x):
            for module in self.ran:
                self.stages.setdefault(module, endpoint)
            self.ran.clear()


def _stages(network: Network, example: Any) -> dict[nn.Module, str]:
    """Each module that runs, in order, and the first endpoint that it takes part in."""
    ran: list[nn.Module] = []
    walk = _Walk(network, ran)
    hooks = [module.register_forward_pre_hook(lambda module, _: ran.append(module)) for module in network.modules()]
    state: dict[str, Tensor] = {
        name: value.detach().to("meta") for name, value in [*walk.named_parameters(), *walk.named_buffers()]
    }
    try:
        with evaluating(network), torch.no_grad():  # a batch norm in training mode refuses a single value
            functional_call(walk, state, (example,))
    finally:
        for hook in hooks:
            hook.remove()
    return walk.stages


def _is_frozen_norm(module: nn.Module, kept: set[nn.Parameter]) -> bool:
    """Whether it is a batch norm whose scale and shift are not trained."""
    own = [*module.parameters(recurse=False)]
    return isinstance(module, _BatchNorm) and bool(own) and not any(parameter in kept for parameter in own)


def _bare(endpoint: str) -> str:
    """The name of an endpoint without that of its stream."""
    return endpoint.rpartition(".")[2]


def _stream(endpoint: str) -> str:
    return endpoint.rpartition(".")[0]
