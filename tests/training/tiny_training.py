"""A dataset and a network small enough to train in a second, with the interface of the real ones. Also run as a script
that trains them, so that tests can kill it: `python tiny_training.py FOLDER '{"kill_at": 7, ...}'`."""

import json
import os
import signal
import sys

import numpy as np
import pandas as pd
import torch
from torch import nn

from labkit.clip import ClipSpec
from labkit.models import create_model
from labkit.training import fit

SPEC = ClipSpec(frames=4, size=16, mean=(127.5,) * 3, std=(60.0,) * 3)
CLASSES = ("dark", "medium", "bright")


class Tiny:
    """Noise around a grey that depends on the class; brightness jitter is a function of (seed, epoch, index)."""

    def __init__(self, clips: int = 43, *, seed: int = 0, sampling: str = "random", spec: ClipSpec = SPEC):
        self.spec, self.seed, self.sampling, self.classes = spec, seed, sampling, CLASSES
        labels = np.arange(clips) % 3
        self.table = pd.DataFrame({"video": [f"v{i}" for i in range(clips)], "label": labels})
        self.table["start"], self.table["end"] = 0, spec.frames
        # Windows: the first video has one clip, the second two, and so on in turn.
        self.rows = np.repeat(np.arange(clips), np.arange(clips) % 3 + 1) if sampling == "windows" else np.arange(clips)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, key):
        epoch, index = key if isinstance(key, tuple) else (0, key)
        row = int(self.rows[index])
        label = int(self.table["label"][row])
        rng = np.random.default_rng((self.seed, epoch, index))
        channels, frames, size, _ = self.spec.shape
        pixels = rng.normal(70 + 50 * label, 30, (frames, channels, size, size))
        return torch.from_numpy(pixels.clip(0, 255).astype(np.uint8)), label, row


def tiny_model(*, seed: int = 0, dropout: float = 0.5, clip: ClipSpec = SPEC, **overrides) -> nn.Module:
    torch.manual_seed(seed)
    return create_model("resnet10", num_classes=3, width=4, dropout=dropout, clip=clip, **overrides)


def signal_at(model: nn.Module, update: int, number: int) -> None:
    """Send this process a signal in the middle of its `update`-th forward pass in training mode."""
    done = 0

    def count(module, inputs):
        nonlocal done
        trains = module.training and inputs[0].device.type != "meta"  # a check of shapes is no update
        done += trains
        if trains and done == update:
            os.kill(os.getpid(), number)

    model.register_forward_pre_hook(count)


def stand_still_at(model: nn.Module, update: int) -> None:
    """Say `training` in the middle of the `update`-th forward pass in training mode, and wait for a line of input."""
    done = 0

    def wait(module, inputs):
        nonlocal done
        done += module.training and inputs[0].device.type != "meta"
        if done == update:
            done += 1
            print("training", flush=True)
            sys.stdin.readline()

    model.register_forward_pre_hook(wait)


def main(folder: str, options: dict) -> None:
    torch.set_num_threads(1)
    model = tiny_model()
    if "kill_at" in options:
        signal_at(model, options.pop("kill_at"), signal.SIGKILL)
    if "interrupt_at" in options:
        signal_at(model, options.pop("interrupt_at"), signal.SIGINT)
    if "wait_at" in options:
        stand_still_at(model, options.pop("wait_at"))
    settings = {"epochs": 4, "batch_size": 6, "lr": 0.05, "checkpoint_every": 2, "progress": False, "device": "cpu"}
    history = fit(model, Tiny(), Tiny(12, seed=1, sampling="centre"), folder=folder, **{**settings, **options})
    print(len(history.table), "rows")


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
