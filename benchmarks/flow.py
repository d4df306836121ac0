"""Optical flow: how many pairs of frames a second, DIS against TV-L1, on one thread, and how right both are.

The frames are decoded videos of the embedded dataset, 64x64; of other sizes they are resized from these. The methods take
turns. Beside the speed stands the error inside the glyph on the four translations, in pixels, after rounding to bytes.
"""

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from timing import conditions, interleaved, ratio, show, verdict

from labkit.data import motion
from labkit.data.encode import write_video
from labkit.data.flow import METHODS, FlowError, as_bytes, compute_flow, in_pixels
from labkit.data.video import VideoReader

DIRECTIONS = {"MoveLeft": (-1, 0), "MoveRight": (1, 0), "MoveUp": (0, -1), "MoveDown": (0, 1)}
TARGET = 50  # times as fast: what makes flow of a whole course possible in a minute


def video(name: str, seed: int, size: int) -> tuple[np.ndarray, np.ndarray, float]:
    """The decoded frames of one translation, where its glyph is, and how far it moves from frame to frame."""
    rng = np.random.default_rng(seed)
    scene = replace(motion.draw_scene(rng), speed=1.0)
    clean = motion.render(name, scene)
    noisy = clean + rng.standard_normal(clean.shape) * 0.02 * 255
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mp4"
        write_video(path, np.clip(np.rint(noisy), 0, 255).astype(np.uint8), motion.FPS, qp=motion.QP, gop=1)
        with VideoReader(path) as reader:
            frames = reader.frames(size=(size, size))
    step = abs(motion.MOTIONS["MoveRight"].x) * motion.STEPS / (motion.FRAMES - 1) * motion.SIZE / 32
    return frames, np.abs(clean - scene.ground).max(axis=-1) > 20, step


def error(method: str, videos: int) -> float:
    """The median distance to the true movement inside the glyph, over all directions, in pixels."""
    distances = []
    for name, direction in DIRECTIONS.items():
        for seed in range(videos):
            frames, inside, step = video(name, seed, motion.SIZE)
            found = in_pixels(as_bytes(compute_flow(frames, method), 20.0), 20.0)
            distances.append(np.linalg.norm(found - np.float32(direction) * step, axis=-1)[inside[:-1]])
    return float(np.median(np.concatenate(distances)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 112], help="of the frames (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=8, help="a round of TV-L1; DIS does a hundred times as many")
    parser.add_argument("--videos", type=int, default=1, help="of each direction, for the error (default: %(default)s)")
    arguments = parser.parse_args()
    work = {"dis": 100 * arguments.pairs, "tvl1": arguments.pairs}
    print(conditions())
    rows, gains = [], {}
    try:
        errors = {method: error(method, arguments.videos) for method in METHODS}
    except FlowError as missing:
        print(missing)
        return 2
    for size in arguments.sizes:
        frames, _, _ = video("MoveRight", 0, size)
        clips = {method: frames[np.arange(count + 1) % len(frames)] for method, count in work.items()}
        seconds = interleaved({m: lambda m=m, clip=clip: compute_flow(clip, m) for m, clip in clips.items()})
        per_pair = {method: [one / work[method] for one in seconds[method]] for method in METHODS}
        gains[size] = ratio(per_pair["tvl1"], per_pair["dis"])
        for method in METHODS:
            rates = 1 / np.array(per_pair[method])
            between = f"{rates.min():,.0f} to {rates.max():,.0f}"
            rows.append((f"{size}x{size}", method, f"{np.median(rates):,.1f}", between, errors[method]))
    show("one thread", ("frames", "method", "pairs a second", "in the rounds", "error at 64x64, pixels"), rows)
    print()
    met = [verdict(f"DIS against TV-L1 at {size}x{size}", faster, TARGET) for size, faster in gains.items()]
    print(conditions())
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
