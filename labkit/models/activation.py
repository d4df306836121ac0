"""What a network sees, endpoint by endpoint: its feature maps, and the places and frames that speak for a class.

Class activation is Grad-CAM (Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization", ICCV 2017) in space and time: each channel of a map counts as much as the class's logit grows with it.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from labkit.models.network import Network

SPACE_TIME = 5  # axes of a map with time and space: (B, C, T, H, W)


def feature_maps(network: Network, clip: Any) -> dict[str, Tensor]:
    """The maps `(C, T, H, W)` of one clip at each endpoint that has time and space.

    `clip` is `(C, T, H, W)`, for two streams a pair of them, as the network reads it without the batch. The network
    predicts, whatever its mode, and is left as it was. Raises `ValueError` for a clip that the network cannot read, and for a
    network without such an endpoint.
    """
    with torch.no_grad():
        return {name: tensor[0] for name, tensor in _walked(network, clip).items() if tensor.ndim == SPACE_TIME}


def class_activation(network: Network, clip: Any, labels: Sequence[int]) -> dict[int, dict[str, Tensor]]:
    """For each class in `labels`, its activation `(T, H, W)` at each endpoint that has time and space.

    `clip` and the errors are those of `feature_maps`; an unknown class raises `ValueError` too. The values are not negative,
    and in the unit of the logit. A map of zeros says that nothing at this endpoint speaks for the class. No gradient of the
    network's own is touched.
    """
    with torch.enable_grad():
        walked = _walked(network, tree_map(lambda part: part.detach().requires_grad_(), clip))
        logits = walked["logits"][0]
        unknown = [label for label in labels if not 0 <= label < len(logits)]
        if unknown:
            raise ValueError(f"there are {len(logits)} classes, counted from 0; asked for {unknown[0]}")
        maps = {n: out for n, out in walked.items() if out.ndim == SPACE_TIME and n not in network.beside}
        return {label: _activation(maps, logits[label]) for label in labels}


def _activation(maps: dict[str, Tensor], logit: Tensor) -> dict[str, Tensor]:
    gradients = torch.autograd.grad(logit, list(maps.values()), retain_graph=True)
    weights = {name: each[0].mean(dim=(1, 2, 3)) for name, each in zip(maps, gradients, strict=True)}  # (C,)
    return {name: torch.einsum("c,cthw->thw", weights[name], out[0].detach()).relu() for name, out in maps.items()}


def _walked(network: Network, clip: Any) -> dict[str, Tensor]:
    """Every endpoint of a batch of one clip, in evaluation mode."""
    modes = [(module, module.training) for module in network.modules()]
    where = next(network.parameters()).device
    try:
        walked = dict(network.eval().walk(tree_map(lambda part: part[None].to(where), clip)))
    finally:
        for module, training in modes:
            module.training = training
    if all(tensor.ndim != SPACE_TIME for tensor in walked.values()):
        raise ValueError(f"{type(network).__name__} has no endpoint with time and space")
    return walked
