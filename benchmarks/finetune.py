"""A training step of ResNet-50 from a stage on against the step of the whole network, at 4×3×16×112×112.

    python benchmarks/finetune.py [--rounds 7] [--trained layer4] [--width 64] [--device cpu]

Both steps take the same batch: forward, backward and the optimiser's update, with the frozen layers as `fit` has them.
Candidates take turns; the ratio is the median over the rounds.
"""

import argparse
from collections.abc import Callable

import timing
import torch
from torch.nn import functional as F

from labkit.clip import ClipSpec
from labkit.models import create_model
from labkit.training import pick_device
from labkit.training.checks import example
from labkit.training.device import describe_device
from labkit.training.stages import Part

BATCH, CLASSES, MOST = 4, 10, 0.5


def step_of(trained: str, width: int, spec: ClipSpec, device: torch.device) -> Callable[[], None]:
    """A training step of a network of its own, of which this part is trained."""
    torch.manual_seed(0)
    model = create_model("resnet50", num_classes=CLASSES, width=width, clip=spec).to(device)
    part = Part(model, trained, example(model, spec, BATCH))
    print(part.describe())
    part.train()
    fixed = {*model.parameters()} - {*part.parameters}
    for parameter in fixed:
        parameter.requires_grad_(False)
    optimiser = torch.optim.SGD(part.parameters, 0.001, momentum=0.9, fused=device.type in ("cpu", "cuda"))
    clips = torch.randn(BATCH, *spec.shape, device=device)  # (B, C, T, H, W)
    labels = torch.arange(BATCH, device=device)

    def step() -> None:
        F.cross_entropy(model(clips), labels).backward()
        optimiser.step()
        optimiser.zero_grad()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=timing.ROUNDS)
    parser.add_argument("--trained", default="layer4")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--device", default="auto")
    asked = parser.parse_args()
    device, spec = pick_device(asked.device), ClipSpec(frames=asked.frames, size=asked.size)
    steps = {name: step_of(name, asked.width, spec, device) for name in ("all", asked.trained)}
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    seconds = timing.interleaved(steps, rounds=asked.rounds, wait=wait)
    print(f"{describe_device(device)}; {timing.conditions()}")
    rows = [(name, 1000 * sorted(times)[len(times) // 2]) for name, times in seconds.items()]
    timing.show(f"ResNet-50 of width {asked.width}, {BATCH}×{asked.frames}×{asked.size}²", ("trained", "ms"), rows)
    share = timing.ratio(seconds[asked.trained], seconds["all"])
    timing.verdict(f"a step from {asked.trained} on, of the whole step", share, MOST, at_least=False)


if __name__ == "__main__":
    main()
