"""One training step: answers, gradients, an update, and gradients set back."""

from typing import Any

from labkit.course.exercises.format import Exercise, Mistake, Wrong
from labkit.course.exercises.judging import judge

STEPS = 2  # the second one shows whether the gradients of the first are still there


def check(training_step: Any) -> None:
    """Train a tiny network for two steps, and compare the losses and the weights."""
    losses, weights, calls = _trained(training_step)
    if "backward" not in calls:
        raise Wrong("no gradients were computed: call `loss.backward()`")
    if "update" not in calls:
        raise Wrong("the weights do not change: the optimiser takes no step")
    if any(not isinstance(loss, float) for loss in losses):
        raise Wrong("return the loss as a number, not as a tensor: `.item()` makes a number of it")
    expected, good, _ = _trained(_updating())
    judge(
        losses[0],
        expected[0],
        "the first loss is not the mean cross-entropy of the batch",
        mistakes={
            "`F.cross_entropy` computes softmax itself: give it the network's answers as they are": _trained(
                _updating(softmax=True)
            )[0][0],
            "that is the loss of all clips together; `F.cross_entropy` takes the mean over the batch by default": 4
            * expected[0],
            "that is the loss after the update; return the loss from which the gradients came": expected[1],
        },
    )
    judge(
        weights,
        good,
        "after two steps the weights are not what two updates make of them",
        mistakes={
            "the step finds no gradients: take it after `backward()` and before you set the gradients back": _trained(
                _updating(rate=0.0)
            )[1],
            "in the second step the gradients of the first one are still there: set them back": _trained(
                _updating(keep=True)
            )[1],
        },
    )


def _trained(step: Any) -> tuple[list[Any], Any, set[str]]:
    """The losses of the steps, the weights after them, and what was called: backward, update."""
    import torch

    draw = torch.Generator().manual_seed(4)
    clips, labels = torch.rand(4, 3, 2, 2, 2, generator=draw), torch.tensor([0, 2, 1, 2])
    layer = torch.nn.Linear(24, 3, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.rand(3, 24, generator=draw) - 0.5)
    calls: set[str] = set()
    layer.weight.register_hook(lambda _: calls.add("backward"))
    model = torch.nn.Sequential(torch.nn.Flatten(), layer)
    losses = [step(model, _Descent(layer.weight, calls), clips, labels) for _ in range(STEPS)]
    return losses, layer.weight.detach().clone(), calls


class _Descent:
    """Gradient descent on one tensor. The first optimiser of torch takes a second to make, which would count as the answer's."""

    def __init__(self, weight: Any, calls: set[str]) -> None:
        self.param_groups = [{"params": [weight], "lr": 0.5}]
        self._weight, self._calls = weight, calls

    def step(self) -> None:
        self._calls.add("update")
        if self._weight.grad is not None:
            self._weight.data -= self.param_groups[0]["lr"] * self._weight.grad

    def zero_grad(self, set_to_none: bool = True) -> None:
        self._weight.grad = None


def _updating(*, softmax: bool = False, rate: float = 0.5, keep: bool = False) -> Any:
    """A step that is right, or makes a mistake: softmax before the loss, no gradients at the step, none set back."""
    from torch.nn import functional as F

    def step(model: Any, optimiser: Any, clips: Any, labels: Any) -> float:
        optimiser.param_groups[0]["lr"] = rate
        if not keep:
            optimiser.zero_grad()
        answers = model(clips)
        loss = F.cross_entropy(answers.softmax(1) if softmax else answers, labels)
        loss.backward()
        optimiser.step()
        return float(loss.item())

    return step


EXERCISE = Exercise(
    number="04",
    cell="step-solution",
    defines="training_step",
    text="""\
**Exercise: one training step.** Write four lines: the network's answers and how wrong they are (`F.cross_entropy`); the \
gradients; one step of the optimiser; and set the gradients back, because torch adds new ones to the old ones. (difficulty 2 of \
5, importance 5 of 5, 10 minutes)""",
    code='''\
def training_step(model, optimiser, clips, labels):
    """One update; `clips` are float `(B, C, T, H, W)`. Returns the loss, a number."""
    ### BEGIN SOLUTION
    loss = F.cross_entropy(model(clips), labels)
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()
    return loss.item()
    ### END SOLUTION
''',
    check=check,
    hints=(
        "A step has an order: the loss first, then its gradients, then the change of the weights. What must not be left over "
        "for the next step?",
        "`loss = F.cross_entropy(model(clips), labels)`, then `loss.backward()`, `optimiser.step()` and "
        "`optimiser.zero_grad()`. Return `loss.item()`.",
    ),
    explanation="`backward` adds to the gradients, `step` uses them, `zero_grad` sets them back. Whether you set them back at "
    "the end or at the start of a step makes no difference. `item()` gives a number; the loss itself would keep in memory "
    "all that the backward pass needs.",
    right=(
        """
        optimiser.zero_grad()
        answers = model(clips)
        loss = F.cross_entropy(answers, labels)
        loss.backward()
        optimiser.step()
        return float(loss)
        """,
        """
        shares = model(clips).log_softmax(dim=1)
        loss = -shares[torch.arange(len(labels)), labels].mean()
        for weights in model.parameters():
            weights.grad = None
        loss.backward()
        optimiser.step()
        return loss.detach().item()
        """,
    ),
    wrong=(
        Mistake(
            "gradients not reset",
            "loss = F.cross_entropy(model(clips), labels)\nloss.backward()\noptimiser.step()\nreturn loss.item()",
            "the gradients of the first one are still there",
        ),
        Mistake(
            "no backward pass",
            "loss = F.cross_entropy(model(clips), labels)\noptimiser.step()\noptimiser.zero_grad()\nreturn loss.item()",
            "no gradients were computed",
        ),
        Mistake(
            "no step",
            "loss = F.cross_entropy(model(clips), labels)\nloss.backward()\noptimiser.zero_grad()\nreturn loss.item()",
            "the optimiser takes no step",
        ),
        Mistake(
            "gradients reset too early",
            "loss = F.cross_entropy(model(clips), labels)\nloss.backward()\noptimiser.zero_grad()\noptimiser.step()\n"
            "return loss.item()",
            "the step finds no gradients",
        ),
        Mistake(
            "softmax before the loss",
            "optimiser.zero_grad()\nloss = F.cross_entropy(model(clips).softmax(1), labels)\nloss.backward()\n"
            "optimiser.step()\nreturn loss.item()",
            "computes softmax itself",
        ),
        Mistake(
            "sum over the batch",
            'optimiser.zero_grad()\nloss = F.cross_entropy(model(clips), labels, reduction="sum")\nloss.backward()\n'
            "optimiser.step()\nreturn loss.item()",
            "the loss of all clips together",
        ),
        Mistake(
            "loss after the update",
            "optimiser.zero_grad()\nF.cross_entropy(model(clips), labels).backward()\noptimiser.step()\n"
            "return F.cross_entropy(model(clips), labels).item()",
            "the loss after the update",
        ),
        Mistake(
            "a tensor",
            "optimiser.zero_grad()\nloss = F.cross_entropy(model(clips), labels)\nloss.backward()\noptimiser.step()\n"
            "return loss",
            "return the loss as a number",
        ),
    ),
    setup="import torch\nfrom torch.nn import functional as F\n",
)
