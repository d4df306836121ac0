"""A network of which only the classifier learns."""

import copy
from typing import Any

import torch
from torch import nn

from labkit.course.exercises.format import Exercise, Mistake, Wrong


def check(freeze: Any) -> None:
    """Freeze a small network with a batch norm, then take a forward pass and look at what may change."""
    torch.manual_seed(0)
    network: Any = nn.Sequential()
    network.body, network.norm, network.fc = nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)
    before: Any = copy.deepcopy(network)
    freeze(network)
    if not all(torch.equal(a, b) for a, b in zip(network.parameters(), before.parameters(), strict=True)):
        raise Wrong("the weights have changed; freezing leaves them as they are")
    if not all(one.requires_grad for one in network.fc.parameters()):
        raise Wrong("the classifier `fc` is frozen too, so nothing would learn")
    if any(one.requires_grad for one in network.body.parameters()):
        raise Wrong("a layer before the classifier still learns: its parameters want gradients")
    if any(one.requires_grad for one in network.norm.parameters()):
        raise Wrong("the batch norm's own weights still learn; they are parameters too")
    network(1 + 5 * torch.randn(16, 4))
    if not torch.equal(network.norm.running_mean, before.norm.running_mean):
        raise Wrong(
            "a forward pass moves the batch norm's running statistics; no gradient does that, so `requires_grad` does not "
            "stop it"
        )


EXERCISE = Exercise(
    number="08",
    cell="freeze-solution",
    defines="freeze",
    text="""\
**Exercise: fixed features.** Write `freeze`, which changes the network: afterwards only the classifier `network.fc` learns. All \
other layers keep their weights, and their batch norms keep their running statistics when the network reads a batch. \
(difficulty 3 of 5, importance 5 of 5, 10 minutes)""",
    code='''\
def freeze(network):
    """Let only the last layer learn; nothing else changes any more, statistics included."""
    ### BEGIN SOLUTION
    network.eval()
    network.requires_grad_(False)
    network.fc.requires_grad_(True)
    ### END SOLUTION
''',
    setup="from torch import nn",
    check=check,
    hints=(
        "Two things change a layer: gradients, and the batches that a batch norm reads in training mode. Stop both.",
        "`network.requires_grad_(False)` stops all gradients; give them back to `network.fc`. `network.eval()` keeps the "
        "running statistics.",
    ),
    explanation="A frozen layer is one that nothing changes. Without `eval()` the running statistics would follow the new "
    "clips, though no weight learns: the published code of one paper does that. `fit(trained=...)` stops both.",
    right=(
        """
        for name, parameter in network.named_parameters():
            parameter.requires_grad = name.startswith("fc.")
        for layer in network.modules():
            if "BatchNorm" in type(layer).__name__:
                layer.eval()
        """,
        """
        for name, layer in network.named_children():
            if name != "fc":
                layer.eval()
                layer.requires_grad_(False)
        """,
    ),
    wrong=(
        Mistake(
            "statistics go on",
            "network.requires_grad_(False)\nnetwork.fc.requires_grad_(True)",
            "moves the batch norm's running statistics",
        ),
        Mistake("everything frozen", "network.eval()\nnetwork.requires_grad_(False)", "so nothing would learn"),
        Mistake("evaluation mode alone", "network.eval()", "a layer before the classifier still learns"),
        Mistake(
            "weights of the batch norm left",
            """
            network.eval()
            for layer in network.modules():
                if isinstance(layer, nn.Linear) and layer is not network.fc:
                    layer.requires_grad_(False)
            """,
            "the batch norm's own weights still learn",
        ),
        Mistake(
            "weights set to zero",
            """
            for name, parameter in network.named_parameters():
                if not name.startswith("fc."):
                    parameter.data.zero_()
            """,
            "the weights have changed",
        ),
    ),
)
