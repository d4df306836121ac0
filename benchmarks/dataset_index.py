"""An index of 300,000 videos, and frames decoded once against the decoder.

    python benchmarks/dataset_index.py [--part headers] [--part opening] [--part cache] [--tiny]

- headers: files of MPEG-4 in AVI, H.264 with sound in MP4 and VP9 in WebM, of the size and length of UCF-101's,
  Kinetics' and Something-Something's, made once. Each is copied, and the index reads the headers in one process.
- opening: a prepared dataset in UCF-101's layout whose 300,000 videos are links to a few files of H.264 with a keyframe
  every 16 frames. Measured are the first opening, which reads the split list and the index that the dataset carries; a
  later one; from there to the first batch of 16 clips; and the private memory that a spawned worker needs more for it
  than for a dataset of a hundred videos.
- cache: 64-frame runs and whole random items, from `cached=True` and from the decoder.
"""

import argparse
import multiprocessing
import os
import pickle
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
import psutil
from timing import conditions, interleaved, ratio, show, verdict
from torch.utils.data import DataLoader

from labkit.atomic import write_atomically
from labkit.cache import cache_folder
from labkit.clip import ClipSpec
from labkit.data.dataset_index import FACTS, probe, probe_header, write_index
from labkit.data.datasets import open_dataset
from labkit.data.frame_cache import cache_frames
from labkit.data.video import VideoReader

MIB = 2**20
SPEC = ClipSpec(frames=16, size=112)
FILES = {  # name: codec, its options, size, frames, rate, sound; headers a second that are wanted
    "ucf101.avi": ("mpeg4", {"g": "12", "qscale": "5"}, (240, 320), 180, 25, False, 1_500),
    "kinetics.mp4": ("libx264", {"preset": "veryfast"}, (256, 340), 300, 30, True, 750),
    "something.webm": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}, (240, 426), 48, 12, False, 250),
    "prepared.mp4": ("libx264", {"preset": "veryfast", "g": "16", "bf": "0"}, (128, 170), 250, 25, False, 0),
}


def video(name: str) -> Path:
    """One of `FILES`, made if it is not there yet: a picture that moves, with noise."""
    codec, options, (height, width), frames, rate, sound, _ = FILES[name]
    path = cache_folder("benchmarks") / name

    def write(temporary: Path) -> None:
        rng = np.random.default_rng(0)
        picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        picture = np.repeat(np.repeat(picture[::8, ::8], 8, 0), 8, 1)[:height, :width]
        with av.open(str(temporary), "w") as container:
            stream = container.add_stream(codec, rate=Fraction(rate), options={"threads": "1", **options})
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            tone: Any = container.add_stream("aac", rate=44100, layout="mono") if sound else None
            for number in range(frames):
                frame = np.roll(picture, 2 * number, axis=1) // 2 + rng.integers(0, 20, picture.shape, dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
                if sound:
                    wave = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                    wave.sample_rate = 44100
                    container.mux(tone.encode(wave))
            container.mux(stream.encode(None))
            container.mux(tone.encode(None) if sound else [])

    return path if path.exists() else write_atomically(path, write)


def headers(tiny: bool) -> list[bool]:
    """Headers a second and process."""
    copies, rows, met = 5 if tiny else 300, [], []
    with tempfile.TemporaryDirectory() as folder:
        for name, (*_, wanted) in FILES.items():
            if not wanted:
                continue
            paths = [Path(folder) / f"{number}-{name}" for number in range(copies)]
            for path in paths:
                shutil.copyfile(video(name), path)
            times = interleaved({"all": lambda paths=paths: [probe_header(path) for path in paths]})["all"]
            rate = copies / float(np.median(times))
            decoded = 1 / _seconds(lambda path=paths[0]: probe(path))
            rows.append((name, round(rate), round(decoded, 1), wanted))
            met.append((f"headers of {name} a second", rate, wanted))
    show(f"headers of {copies} files each", ("file", "a second", "decoded instead", "wanted"), rows)
    return [verdict(what, rate, wanted) for what, rate, wanted in met]


@contextmanager
def prepared(rows: int) -> Iterator[Path]:
    """A prepared dataset of so many videos, which are links to a few files."""
    print(f"making a dataset of {rows:,} links", flush=True)
    with tempfile.TemporaryDirectory(dir=cache_folder("benchmarks")) as folder:
        root, names = Path(folder) / "prepared", [f"class_{number:03}" for number in range(400)]
        lists, videos = root / "ucfTrainTestlist", root / "videos"
        lists.mkdir(parents=True)
        for name in names:
            (videos / name).mkdir(parents=True)
        paths = [f"{names[row % 400]}/v_{names[row % 400]}_g{row:06}_c01.mp4" for row in range(rows)]
        target = video("prepared.mp4")
        for row, path in enumerate(paths):
            if row % 20_000 == 0:  # a file has a largest number of names
                target = Path(shutil.copyfile(target, Path(folder) / f"{row}.mp4"))
            os.link(target, videos / path)
        (lists / "classInd.txt").write_text("".join(f"{n} {name}\n" for n, name in enumerate(names, start=1)))
        (lists / "trainlist01.txt").write_text("\n".join(paths))
        facts = probe(target) | {"bytes": target.stat().st_size}
        table = pd.DataFrame({"path": [f"videos/{path}" for path in paths]})
        write_index(root, table.assign(**{name: facts[name] for name in FACTS if name != "path"}))
        time.sleep(0.1)  # a folder that changed just now may change again unseen
        yield root


def opened(root: Path) -> Any:
    """The dataset, cut as in training."""
    return open_dataset("ucf101", root, spec=SPEC, progress=False)


def private_memory(datasets: list[bytes], answer: Any) -> None:
    """In a process of its own: for each dataset, the private memory in bytes once 2,000 items' rows were looked at.

    On Linux a page of a file that no other process has touched counts as private; the parent has touched them all.
    """
    used = []
    for data in datasets:
        ds = pickle.loads(data)  # noqa: S301 (our own)
        for item in np.random.default_rng(0).integers(0, len(ds), 2_000).tolist():
            ds.frame_numbers(item)
            ds._path(item)
        used.append(psutil.Process().memory_full_info().uss)
    answer.send(used)


def opening(tiny: bool) -> list[bool]:
    """Opening, the first batch and the memory of workers."""
    rows = 2_000 if tiny else 300_000
    with prepared(rows) as root, prepared(400) as few:
        first = _seconds(lambda: opened(root))
        again = min(_seconds(lambda: opened(root)) for _ in range(5))
        began = time.perf_counter()
        dataset = opened(root)
        next(iter(DataLoader(dataset, batch_size=16, shuffle=True)))
        batch = time.perf_counter() - began
        item = _seconds(lambda: [dataset.frame_numbers(index) for index in range(1_000)]) / 1_000
        opened(few)  # now its listing is kept, and a worker maps both
        data = [pickle.dumps(each) for each in (opened(few), dataset)]
        here, there = multiprocessing.Pipe()
        worker = multiprocessing.get_context("spawn").Process(target=private_memory, args=(data, there))
        worker.start()
        small, large = here.recv()
        worker.join()
    lines = [
        ("first opening, s", first),
        ("opening again, s", again),
        ("from opening to the first batch of 16, s", batch),
        ("frames of an item chosen, µs", 1e6 * item),
        ("pickled for a worker, KiB", len(data[1]) / 1024),
        ("private memory a worker needs more, MiB", (large - small) / MIB),
    ]
    show(f"a prepared dataset of {rows:,} videos", ("what", "measured"), lines)
    return [
        verdict("opening again, s", again, 0.1, at_least=False),
        verdict("first batch, s", batch, 2, at_least=False),
        verdict("memory of a worker, MiB", (large - small) / MIB, 2, at_least=False),
    ]


def cache(tiny: bool) -> list[bool]:
    """Decoded frames against the decoder, at the size of the decoded frames."""
    videos, side = (2 if tiny else 12), 128
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        for number in range(videos):
            for top in ("train", "test"):
                path = root / top / "ab"[number % 2] / f"{number}.avi"
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(video("ucf101.avi"), path)
        plain = open_dataset("folder", root, spec=SPEC, progress=False)
        cached = plain.cached(progress=True)
        kept = cache_frames(plain.table, side, progress=False)
        paths, run = plain.table["path"].tolist(), np.arange(64)
        readers = {path: VideoReader(path) for path in paths}
        places = np.random.default_rng(0).integers(0, 100, len(paths)).tolist()
        frames = interleaved(
            {
                "decoder": lambda: [
                    readers[path].at(at + run, size=side) for path, at in zip(paths, places, strict=True)
                ],
                "cache": lambda: [kept.read(path, at + run) for path, at in zip(paths, places, strict=True)],
            }
        )
        items = [(epoch, index) for epoch in range(1 if tiny else 3) for index in range(len(plain))]
        whole = interleaved(
            {
                "decoder": lambda: [plain[item] for item in items],
                "cache": lambda: [cached[item] for item in items],
            }
        )
    pixels = 64 * len(paths) * side * 2 * round(320 * side / 240 / 2) / 1e6
    rows = [
        (name, pixels / float(np.median(frames[name])), len(items) / float(np.median(whole[name]))) for name in frames
    ]
    show(f"{videos} videos of 320×240, short side {side}", ("from", "megapixels a second", "items a second"), rows)
    return [
        verdict("pixels from the cache against the decoder", ratio(frames["decoder"], frames["cache"]), 10),
        verdict("random items from the cache against the decoder", ratio(whole["decoder"], whole["cache"]), 7),
    ]


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


PARTS = {"headers": headers, "opening": opening, "cache": cache}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; may be repeated")
    parser.add_argument("--tiny", action="store_true", help="the smallest sizes, to see that it runs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = [video(name) for name in FILES]  # before the cache folder is another one
        os.environ["LABKIT_CACHE"] = folder
        for path in made:
            shutil.copyfile(path, cache_folder("benchmarks") / path.name)
        met = [each for part in arguments.part or PARTS for each in PARTS[part](arguments.tiny)]
    print(conditions())
    return 0 if all(met) or arguments.tiny else 1


if __name__ == "__main__":
    sys.exit(main())
