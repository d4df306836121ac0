"""A new classifier for another set of classes."""

import torch
from torch import nn

from labkit.models.weights import head_names, unwrapped


def head_layers(model: nn.Module) -> list[nn.Module]:
    """The layers that give the logits: one, or one for each stream."""
    network = unwrapped(model)
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    heads = [network.get_submodule(name) for name in head_names(network)]
    return [layer for head in heads for layer in [m for m in head.modules() if isinstance(m, kinds)][-1:]]


def new_head(model: nn.Module, num_classes: int, *, seed: int = 0) -> int:
    """Give `model` a new, untrained classifier in place, and return how many classes the old one had.

    The layer stays the same object with other weights, drawn by `seed`. The rest of the network is left as it is.
    Raises `ValueError` for a network without a classifier.
    """
    layers = head_layers(model)
    if not layers:
        raise ValueError(f"{type(model).__name__} has no linear layer or convolution that could be its classifier")
    before = 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in layers:
            before = len(layer.weight)  # type: ignore[arg-type]
            _redraw(layer, num_classes)
    return before


def _redraw(layer: nn.Module, classes: int) -> None:
    """Weights for `classes` answers, drawn on the CPU, so that a seed gives the same ones on every device."""
    old = {name: value for name, value in layer.named_parameters(recurse=False) if value is not None}
    for name, value in old.items():
        setattr(layer, name, nn.Parameter(torch.empty(classes, *value.shape[1:], dtype=value.dtype)))
    setattr(layer, "out_features" if isinstance(layer, nn.Linear) else "out_channels", classes)
    layer.reset_parameters()  # type: ignore[operator]
    layer.to(next(iter(old.values())).device)
