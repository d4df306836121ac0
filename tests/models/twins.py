"""The same network twice: ours and another implementation of it, with the same random weights, tensor by tensor."""

import re

import torch


def random_tensors(network, seed=0):
    """A state dict for a network on the meta device: random weights that keep numbers near 1, random statistics."""
    generator = torch.Generator().manual_seed(seed)

    def draw(name, like):
        if name.endswith("num_batches_tracked"):
            return torch.zeros((), dtype=torch.long)
        if like.ndim > 1:
            weight = torch.randn(like.shape, generator=generator, dtype=torch.float64)
            return weight * (2 / like[0].numel()) ** 0.5
        spread = torch.rand(like.shape, generator=generator, dtype=torch.float64)
        return 0.5 + spread if name.endswith(("weight", "running_var")) else spread - 0.5

    return {name: draw(name, tensor) for name, tensor in network.state_dict().items()}


def largest_difference(ours, theirs, renames, shape):
    """Of the logits of two samples, as a share of the largest; the networks come on the meta device.

    `renames` are pairs of a regular expression and a replacement that make their tensor names ours.
    """
    tensors = random_tensors(theirs)
    theirs.load_state_dict(tensors, assign=True)
    ours.load_state_dict({renamed(name, renames): tensor for name, tensor in tensors.items()}, assign=True)
    x = torch.randn(2, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        mine, expected = ours.eval()(x), theirs.eval()(x)
    scale = expected.abs().max()
    assert (expected[0] - expected[1]).abs().max() > 0.01 * scale, "the logits must depend on the input"
    return ((mine - expected).abs().max() / scale).item()


def renamed(name, renames):
    """The name after each rename in turn."""
    for pattern, replacement in renames:
        name = re.sub(pattern, replacement, name)
    return name
