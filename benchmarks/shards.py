"""Random clips from shards against the same clips from loose files, and the webdataset package as a peer.

Videos of 128 lines (H.264, a keyframe every 16 frames) are made once and kept in labkit's cache folder, as loose files and
as shards. Each candidate gives 16 frames of every video, shrunk to 112x112, in one process. labkit opens a video for each
clip and draws its place at random. webdataset reads the shards in order, hands on the bytes of each video, and its first 16
frames are decoded, since it has no index.
"""

import argparse
import io
import sys
from pathlib import Path

import av
import numpy as np
import pandas as pd
from timing import conditions, interleaved, ratio, show, verdict

from labkit.cache import cache_folder
from labkit.clip import ClipSpec
from labkit.data.datasets import open_dataset
from labkit.data.encode import write_video
from labkit.data.shards import rows_of, write_shards
from labkit.data.video import VideoReader

FRAMES, SIDE = 16, 112
TARGET = 0.95


def make(videos: int, frames: int) -> tuple[Path, Path]:
    """The folder of loose videos of two classes and the folder of their shards, made if they are not there yet."""
    home = cache_folder("benchmarks", f"shards_{videos}_{frames}")
    loose, shards = home / "loose", home / "shards"
    for number in range(videos):
        path = loose / "train" / "ab"[number % 2] / f"{number}.mp4"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_video(path, moving_noise(frames, number), gop=16)
    (loose / "test").mkdir(exist_ok=True)
    if not (shards / "index.arrow").exists():
        dataset = open_dataset("folder", loose, spec=ClipSpec(), progress=False)
        write_shards(rows_of({"train": dataset.table}), shards, classes=dataset.classes, size=32 << 20, progress=False)
    return loose, shards


def moving_noise(frames: int, seed: int) -> np.ndarray:
    """A smooth random picture that moves through the window, uint8 `(frames, 128, 170, 3)`: bits as a real video has."""
    rng = np.random.default_rng(seed)
    picture = np.kron(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
    return np.stack([picture[n % 200 : n % 200 + 128, n % 300 : n % 300 + 170] for n in range(frames)])


def random_clips(paths: pd.Series, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for path in rng.permutation(paths.to_numpy()):
        with VideoReader(str(path)) as reader:
            start = int(rng.integers(0, reader.info.frames - FRAMES + 1))
            reader.frames(start, start + FRAMES, size=(SIDE, SIDE))


def whole_items(dataset: object, seed: int) -> None:
    for index in np.random.default_rng(seed).permutation(len(dataset)).tolist():
        dataset[seed, index]


def through_webdataset(shards: Path) -> int:
    import webdataset

    found = 0
    for sample in webdataset.WebDataset(sorted(map(str, shards.glob("*.tar"))), shardshuffle=False):
        with av.open(io.BytesIO(sample["mp4"])) as container:
            container.streams.video[0].codec_context.thread_count = 1
            for _, frame in zip(range(FRAMES), container.decode(video=0), strict=False):
                frame.reformat(width=SIDE, height=SIDE, format="rgb24").to_ndarray()
        found += 1
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=200, help="number of videos (default: %(default)s)")
    parser.add_argument("--tiny", action="store_true", help="8 short videos: only to see that it runs")
    arguments = parser.parse_args()
    videos, frames = (8, 20) if arguments.tiny else (arguments.videos, 250)
    loose, shards = make(videos, frames)
    spec = ClipSpec(frames=FRAMES, size=SIDE)
    sets = {
        "loose files": open_dataset("folder", loose, spec=spec, progress=False),
        "shards": open_dataset("shards", shards, spec=spec, progress=False),
    }
    count = len(sets["shards"])
    size = sum(path.stat().st_size for path in shards.glob("*.tar"))
    print(f"{count} videos of {frames} frames, {size / 1e6:,.1f} MB in {len(list(shards.glob('*.tar')))} shards")
    print(conditions())
    seed = 0
    seconds = interleaved(
        {
            f"{name}, random clips": lambda d=dataset: random_clips(d.table["path"], seed)
            for name, dataset in sets.items()
        }
        | {f"{name}, items of the dataset": lambda d=dataset: whole_items(d, seed) for name, dataset in sets.items()}
        | {"webdataset, in order": lambda: through_webdataset(shards)}
    )
    rows = [
        (name, count / float(np.median(times)), 1000 * float(np.median(times)) / count)
        for name, times in seconds.items()
    ]
    show(f"{FRAMES} frames of each video, at {SIDE}x{SIDE}", ("candidate", "clips/s", "ms a clip"), rows)
    print()
    met = [
        verdict(
            f"shards against loose files, {what}",
            ratio(seconds[f"loose files, {what}"], seconds[f"shards, {what}"]),
            TARGET,
        )
        for what in ("random clips", "items of the dataset")
    ]
    print(conditions())
    return 0 if all(met) or arguments.tiny else 1


if __name__ == "__main__":
    sys.exit(main())
