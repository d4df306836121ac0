"""A copy of a network with a new last layer."""

import copy
from typing import Any

import torch
from torch import nn

from labkit.course.exercises.format import Exercise, Mistake, Wrong


def check(with_new_head: Any) -> None:
    """Ask for new heads of a small network; the network itself must stay as it is."""
    torch.manual_seed(0)
    network: Any = nn.Sequential()
    network.body, network.fc = nn.Linear(4, 3), nn.Linear(3, 5)
    before: Any = copy.deepcopy(network)
    for classes in (7, 2):
        ours = with_new_head(network, classes)
        if ours is network:
            raise Wrong("that is the network itself, not a copy; we need it again, so copy it first")
        body = getattr(ours, "body", None)
        if not isinstance(ours, nn.Module) or not isinstance(body, nn.Linear):
            raise Wrong("the result should be a network: the copy, with its new last layer")
        if getattr(network.fc, "out_features", None) != 5 or not torch.equal(network.fc.weight, before.fc.weight):
            raise Wrong("the given network has a new last layer too; `copy.deepcopy` copies its layers as well")
        if body.weight is network.body.weight:
            raise Wrong("the copy shares its layers with the network; `copy.deepcopy` copies them as well")
        if not torch.equal(body.weight, before.body.weight):
            raise Wrong("the other layers have lost their weights; only the last layer is new")
        _check_head(ours.fc, classes, network.fc)


def _check_head(head: Any, classes: int, old: Any) -> None:
    if not isinstance(head, nn.Linear):
        raise Wrong("the last layer of the copy, `fc`, should be an `nn.Linear`")
    if tuple(head.weight.shape) != (classes, 3):
        if head.weight.shape[0] != classes:
            raise Wrong(
                f"for {classes} classes the new layer should give {classes} numbers, not {head.weight.shape[0]}"
            )
        raise Wrong("the new layer should read as many features as the old one: its `in_features`")
    if torch.equal(head.weight[:2], old.weight[:2]):
        raise Wrong("the new layer still has the weights of the old one; it should be random")
    if not head.weight.any():
        raise Wrong("all weights of the new layer are 0; `nn.Linear` makes random ones by itself")


EXERCISE = Exercise(
    number="08",
    cell="head-solution",
    defines="with_new_head",
    text="""\
**Exercise: a new classifier.** Write `with_new_head`: a copy of the network with a new, random last layer for `classes` classes. \
The last layer is `network.fc`, an `nn.Linear`. The network itself must stay as it is, because we need it again. (difficulty 2 of \
5, importance 5 of 5, 5 minutes)""",
    code='''\
def with_new_head(network, classes):
    """A copy of `network` that answers with `classes` classes."""
    ### BEGIN SOLUTION
    copied = copy.deepcopy(network)
    copied.fc = nn.Linear(copied.fc.in_features, classes)
    return copied
    ### END SOLUTION
''',
    setup="import copy\nfrom torch import nn",
    check=check,
    hints=(
        "`copy.deepcopy(network)` is a network of its own. Which attribute of it has to be replaced?",
        "A new `nn.Linear` has random weights. It reads `network.fc.in_features` numbers and gives `classes`.",
    ),
    explanation="A deep copy has layers of its own, so training the copy leaves the network as it is. A new `nn.Linear` has "
    "random weights: it knows nothing about the new classes, and nothing about the old ones either.",
    right=(
        """
        features = network.fc.weight.shape[1]
        new = copy.deepcopy(network)
        setattr(new, "fc", nn.Linear(features, classes))
        return new
        """,
        """
        head = nn.Linear(network.fc.in_features, classes)
        twin = copy.deepcopy(network)
        twin.fc = head
        return twin
        """,
    ),
    wrong=(
        Mistake(
            "no copy",
            "network.fc = nn.Linear(network.fc.in_features, classes)\nreturn network",
            "that is the network itself",
        ),
        Mistake(
            "shallow copy",
            "new = copy.copy(network)\nnew.fc = nn.Linear(network.fc.in_features, classes)\nreturn new",
            "copies its layers as well",
        ),
        Mistake(
            "sides exchanged",
            "new = copy.deepcopy(network)\nnew.fc = nn.Linear(classes, new.fc.in_features)\nreturn new",
            "should give 7 numbers",
        ),
        Mistake(
            "features of the old classes",
            "new = copy.deepcopy(network)\nnew.fc = nn.Linear(new.fc.out_features, classes)\nreturn new",
            "read as many features",
        ),
        Mistake(
            "all weights new",
            """
            new = copy.deepcopy(network)
            for layer in new.children():
                layer.reset_parameters()
            new.fc = nn.Linear(new.fc.in_features, classes)
            return new
            """,
            "the other layers have lost their weights",
        ),
        Mistake(
            "the layer alone",
            "return nn.Linear(network.fc.in_features, classes)",
            "the result should be a network",
        ),
    ),
)
