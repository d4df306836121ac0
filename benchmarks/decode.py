"""Random 16-frame clips at 112x112 from real videos: labkit against OpenCV seeking and torchcodec.

Each candidate opens the file, seeks, decodes 16 frames with one thread and shrinks them, as a DataLoader worker does
for every sample; labkit's indices exist already (its first use of a file makes them). The table also says how many
clips of each candidate hold the right frames, judged by a sequential decode.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Callable
from math import prod
from pathlib import Path

import numpy as np
from timing import conditions, interleaved, ratio, show, verdict

from labkit.data.video import VideoReader

Clip = tuple[Path, int]
REAL = Path(os.environ.get("LABKIT_REAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "real")) / "videos"
FRAMES, SIDE = 16, 112
TARGETS = {"OpenCV": 1.3, "torchcodec": 1.5}


def labkit(path: Path, start: int) -> np.ndarray:
    with VideoReader(path) as reader:
        return reader.frames(start, start + FRAMES, size=(SIDE, SIDE))


def opencv() -> Callable[[Path, int], np.ndarray]:
    import cv2

    cv2.setNumThreads(1)

    def read(path: Path, start: int) -> np.ndarray:
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        capture.set(cv2.CAP_PROP_POS_FRAMES, start)
        clip = np.empty((FRAMES, SIDE, SIDE, 3), np.uint8)
        for t in range(FRAMES):
            found, frame = capture.read()
            if not found:
                break
            small = cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            cv2.cvtColor(small, cv2.COLOR_BGR2RGB, dst=clip[t])
        capture.release()
        return clip

    return read


def torchcodec(mode: str) -> Callable[[Path, int], np.ndarray]:
    import torch
    from torchcodec.decoders import VideoDecoder
    from torchcodec.transforms import Resize

    torch.set_num_threads(1)

    def read(path: Path, start: int) -> np.ndarray:
        decoder = VideoDecoder(
            str(path),
            dimension_order="NHWC",
            num_ffmpeg_threads=1,
            seek_mode=mode,
            transforms=[Resize((SIDE, SIDE))],
        )
        return decoder.get_frames_at(range(start, start + FRAMES)).data.numpy()

    return read


def readers() -> dict[str, Callable[[Path, int], np.ndarray]]:
    """All candidates that are installed."""
    found: dict[str, Callable[[Path, int], np.ndarray]] = {"labkit": labkit}
    makers = {
        "OpenCV": opencv,
        "torchcodec": lambda: torchcodec("exact"),
        "torchcodec approximate": lambda: torchcodec("approximate"),
    }
    for name, make in makers.items():
        try:
            found[name] = make()
        except (ImportError, OSError, RuntimeError) as error:
            print(
                f"{name} is left out: {str(error).splitlines()[0]} (pip install 'labkit-video[bench]')", file=sys.stderr
            )
    return found


def right_frames(clip: np.ndarray, sequential: np.ndarray, start: int) -> bool:
    """Whether each frame resembles the frame of its own number at least as well as those beside it.

    Each library scales in its own way, so pixels differ a little; a neighbour that resembles it better gives it away.
    """
    for t, frame in enumerate(clip):
        near = range(max(0, start + t - 3), min(len(sequential), start + t + 4))
        distance = {n: np.abs(frame.astype(int) - sequential[n].astype(int)).mean() for n in near}
        if distance[start + t] > min(distance.values()) * 1.02 + 0.02:
            return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, default=REAL, help="folder of video files (default: %(default)s)")
    parser.add_argument("--clips", type=int, default=12, help="clips per file and round (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the clips' positions (default: %(default)s)")
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.videos.glob("*") if path.suffix in {".avi", ".mp4", ".mkv", ".webm"})
    if not paths:
        print(f"no videos in {arguments.videos}; give a folder with --videos")
        return 2
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(arguments.seed)
    candidates = readers()
    print(conditions())
    rows, gains = [], {name: [] for name in candidates}
    for path in paths:
        count = VideoReader(path).info.frames
        starts = [int(s) for s in rng.integers(0, count - FRAMES + 1, arguments.clips)]
        sequential = VideoReader(path).frames(size=(SIDE, SIDE))

        def work(read: Callable[[Path, int], np.ndarray], path: Path = path, starts: list[int] = starts) -> None:
            for start in starts:
                read(path, start)

        seconds = interleaved({name: lambda read=read: work(read) for name, read in candidates.items()})
        for name, read in candidates.items():
            right = sum(right_frames(read(path, start), sequential, start) for start in starts)
            faster = ratio(seconds[name], seconds["labkit"])
            gains[name].append(faster)
            per_clip = 1000 * float(np.median(seconds[name])) / len(starts)
            rows.append((path.name, name, per_clip, faster, f"{right}/{len(starts)}"))
    show(
        f"{FRAMES} frames at {SIDE}x{SIDE}, the file opened for each clip",
        ("file", "reader", "ms a clip", "labkit is x faster", "right clips"),
        rows,
    )
    print()
    met = [
        verdict(f"labkit against {name}, geometric mean", prod(gains[name]) ** (1 / len(paths)), target)
        for name, target in TARGETS.items()
        if name in gains
    ]
    print(conditions())
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
