"""A dataset and a network small enough to train in a second, with the interface of the real ones. Also run as a script
that trains them, so that tests can kill it: `python tiny_training.py FOLDER '{"kill_at": 7, ...}'`."""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from labkit.clip import ClipSpec
from labkit.models import create_model
from labkit.training import evaluate, fit
from labkit.training.update import Update

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


def freeze_norms(model: nn.Module) -> nn.Module:
    """Batch norms that stay in evaluation mode, whatever is asked of them."""
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm3d):
            norm.eval()
            norm.train = lambda mode=True, norm=norm: norm
    return model


def losses_of_updates() -> list[tuple[float, int]]:
    """A list that fills with each update's sum of losses and number of clips, both of this process alone."""
    kept, make = [], Update.__call__

    def record(update, *batch, **options):
        before = update.meter.sums.clone()
        make(update, *batch, **options)
        loss, _, _, clips = (update.meter.sums - before).tolist()
        kept.append((loss, int(clips)))

    Update.__call__ = record
    return kept


def opened_in(folder: str) -> list[str]:
    """A list that fills with the files of `folder` that this process touches."""
    touched = []

    def hear(event, arguments):
        if event.split(".")[0] in ("open", "os", "shutil"):
            touched.extend(str(one) for one in arguments if isinstance(one, str) and one.startswith(folder))

    sys.addaudithook(hear)
    return touched


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
    rank = int(os.environ.get("RANK", "0"))
    clips, report, model = (
        options.pop("clips", 43),
        options.pop("report", ""),
        tiny_model(dropout=options.pop("dropout", 0.5)),
    )
    losses, touched = losses_of_updates(), opened_in(folder)
    if options.pop("frozen", False):
        freeze_norms(model)
    mine = options.pop("signalled", 0) == rank  # which of several processes gets the signal
    for name, number in (("kill_at", signal.SIGKILL), ("interrupt_at", signal.SIGINT)):
        if (update := options.pop(name, None)) is not None and mine:
            signal_at(model, update, number)
    if "wait_at" in options:
        stand_still_at(model, options.pop("wait_at"))
    settings = {"epochs": 4, "batch_size": 6, "lr": 0.05, "checkpoint_every": 2, "progress": False, "device": "cpu"}
    val = Tiny(12, seed=1, sampling="centre")
    history = fit(model, Tiny(clips), val, folder=folder, **{**settings, **options})
    print(len(history.table), "rows")
    if report:
        found = evaluate(model, Tiny(7, sampling="windows"), batch_size=3, device="cpu", progress=False)
        about = {"losses": losses, "touched": touched, "videos": found.videos, "scores": found.scores.tolist()}
        Path(report, f"{rank}.json").write_text(json.dumps(about))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
