"""A training step of ResNet-18 at 4×3×16×112×112: labkit's loop against one written by hand, and bf16 against fp32.

    python benchmarks/train_step.py [--rounds 7] [--width 64] [--device cpu]

Both train the same network on the same clips from memory; labkit's side is a whole `fit`, with its loader, meter and
schedule. Candidates take turns; ratios are medians over the rounds.
"""

import argparse
import warnings

import numpy as np
import pandas as pd
import timing
import torch
from torch.nn import functional as F

from labkit.clip import ClipSpec
from labkit.models import create_model
from labkit.training import fit, pick_device
from labkit.training.device import describe_device, gains_from_bf16

BATCH, CLASSES = 4, 10


class InMemory:
    """Random clips, made once."""

    sampling = "random"

    def __init__(self, clips: int, spec: ClipSpec) -> None:
        self.spec, self.classes = spec, tuple(f"class {i}" for i in range(CLASSES))
        self.pixels = torch.randint(0, 256, (clips, spec.frames, spec.channels, spec.size, spec.size)).to(torch.uint8)
        self.table = pd.DataFrame({"video": np.arange(clips).astype(str), "label": np.arange(clips) % CLASSES})

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, key: int | tuple[int, int]) -> tuple[torch.Tensor, int, int]:
        index = key[1] if isinstance(key, tuple) else key
        return self.pixels[index], index % CLASSES, index


def by_hand(model: torch.nn.Module, data: InMemory, device: torch.device, updates: int) -> None:
    """What one would write without labkit: fp32, nothing but the step."""
    optimiser = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, dampening=0.9, weight_decay=1e-3)
    mean = torch.tensor(data.spec.mean, device=device).view(1, -1, 1, 1, 1)
    model.train()
    for update in range(updates):
        items = [data[(update * BATCH + i) % len(data)] for i in range(BATCH)]
        clips = torch.stack([clip for clip, _, _ in items]).to(device)
        labels = torch.tensor([label for _, label, _ in items]).to(device)
        loss = F.cross_entropy(model(clips.transpose(1, 2).float() - mean), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    if device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=timing.ROUNDS)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--updates", type=int, default=2, help="steps in a round")
    parser.add_argument("--device", default="auto")
    asked = parser.parse_args()
    device = pick_device(asked.device)
    warnings.filterwarnings("ignore", message="this CPU has no bf16 units")
    spec = ClipSpec(frames=asked.frames, size=asked.size)
    data = InMemory(BATCH * asked.updates, spec)

    def network() -> torch.nn.Module:
        torch.manual_seed(0)
        return create_model("resnet18", num_classes=CLASSES, width=asked.width, clip=spec).to(device)

    def labkit(model: torch.nn.Module, precision: str) -> None:
        options = {"lr": 0.01, "batch_size": BATCH, "device": str(device), "precision": precision, "progress": False}
        options["statistics"] = "running"  # as the loop by hand has them
        fit(model, data, updates=asked.updates, **options)

    models = {name: network() for name in ("by hand, fp32", "labkit, fp32", "labkit, bf16")}
    candidates = {
        "by hand, fp32": lambda: by_hand(models["by hand, fp32"], data, device, asked.updates),
        "labkit, fp32": lambda: labkit(models["labkit, fp32"], "fp32"),
        "labkit, bf16": lambda: labkit(models["labkit, bf16"], "bf16"),
    }
    seconds = timing.interleaved(candidates, rounds=asked.rounds)
    steps = {name: sorted(times)[len(times) // 2] / asked.updates for name, times in seconds.items()}
    hand = seconds["by hand, fp32"]
    rows = [(name, 1000 * step, BATCH / step, timing.ratio(hand, seconds[name])) for name, step in steps.items()]
    clips = f"{BATCH}×{spec.channels}×{spec.frames}×{spec.size}×{spec.size}"
    timing.show(f"ResNet-18 of width {asked.width}, {clips}", ("loop", "ms a step", "clips/s", "× by hand"), rows)
    print(f"\n{describe_device(device)}, torch {torch.__version__}; {timing.conditions()}")
    timing.verdict("labkit's loop against the plain one, fp32", timing.ratio(hand, seconds["labkit, fp32"]), 1.0)
    if gains_from_bf16(device):
        faster = timing.ratio(seconds["labkit, fp32"], seconds["labkit, bf16"])
        timing.verdict("bf16 with channels last against fp32", faster, 2.0)
    else:
        print('this device has no bf16 units: precision="auto" stays in fp32, and no gain is asked of bf16')


if __name__ == "__main__":
    main()
