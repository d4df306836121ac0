"""Scores over time by `over_time` against a loop written by hand: PyAV, torch, a window every half second.

    python benchmarks/predict.py [--rounds 7] [--tiny] [--model resnet18] [--width 16] [--seconds 20]

The loop decodes one video with PyAV's own defaults, scales and crops each frame once, and scores the windows in batches of
the same size. Both give the same scores. Candidates take turns; the ratio is the median over the rounds.
"""

import argparse
import tempfile
from pathlib import Path

import av
import numpy as np
import timing
import torch
from torch import nn

from labkit.clip import ClipSpec
from labkit.data.encode import write_video
from labkit.data.transforms import normalise
from labkit.models import create_model
from labkit.training.predict import over_time

CLASSES, EVERY, BATCH, LEAST, FPS = 10, 0.5, 8, 0.9, 30


def by_hand(network: nn.Module, path: Path, spec: ClipSpec) -> np.ndarray:
    """The scores `(N, K)` of windows that begin every half second, frame after frame."""
    frames, scores = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            scale = spec.size / min(frame.height, frame.width)
            height, width = (max(spec.size, 2 * round(side * scale / 2)) for side in (frame.height, frame.width))
            image = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA").to_ndarray()
            top, left = (height - spec.size) // 2, (width - spec.size) // 2
            frames.append(
                torch.from_numpy(image[top : top + spec.size, left : left + spec.size].copy()).permute(2, 0, 1)
            )
    starts = range(0, len(frames) - spec.span + 1, round(EVERY * FPS))
    with torch.no_grad():
        for first in range(0, len(starts), BATCH):
            clips = [torch.stack(frames[at : at + spec.span : spec.stride]) for at in starts[first : first + BATCH]]
            scores.append(network(normalise(torch.stack(clips), spec)).softmax(1).numpy())
    return np.concatenate(scores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=timing.ROUNDS)
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--tiny", action="store_true", help="Two seconds of a small video, one round.")
    asked = parser.parse_args()
    if asked.tiny:
        asked.rounds, asked.seconds = 1, 2
    spec, names = ClipSpec(frames=16, stride=2, size=56), tuple(map(str, range(CLASSES)))
    torch.manual_seed(0)
    network = create_model(asked.model, num_classes=CLASSES, width=asked.width, clip=spec).eval()
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (30, 60, 80, 3), dtype=np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    with tempfile.TemporaryDirectory() as folder:
        count = round(asked.seconds * FPS)
        path = write_video(Path(folder, "v.mp4"), np.resize(pixels, (count, 240, 320, 3)), FPS)
        ways = {
            "by hand": lambda: by_hand(network, path, spec),
            "over_time": lambda: (
                over_time(
                    network, path, names, spec, every=EVERY, batch_size=BATCH, device="cpu", precision="fp32"
                ).scores
            ),
        }
        same = np.allclose(ways["by hand"](), ways["over_time"](), atol=1e-3)
        seconds = timing.interleaved(ways, rounds=asked.rounds)
    print(timing.conditions())
    rows = [(name, asked.seconds / sorted(times)[len(times) // 2]) for name, times in seconds.items()]
    timing.show(
        f"{asked.model} of width {asked.width}, a video of {count} frames", ("way", "seconds of video a second"), rows
    )
    print(f"the same scores: {'yes' if same else 'no'}")
    timing.verdict("over_time, of the loop's rate", timing.ratio(seconds["by hand"], seconds["over_time"]), LEAST)


if __name__ == "__main__":
    main()
