"""Run as a script that a test kills in the middle of its work: `python linger.py WHAT FOLDER`.

Each worker, or the process itself, leaves a file `<pid>.here` in the folder when it has come to the point where it waits.
"""

import multiprocessing
import os
import sys
import time
from pathlib import Path

import pandas as pd

from labkit.atomic import write_atomically
from labkit.data import dataset_index, flow_cache, frame_cache, motion, processes
from labkit.data.datasets import open_dataset


def linger(folder: str) -> None:
    """Say that this process has come here, and wait for the kill."""
    Path(folder, f"{os.getpid()}.here").touch()
    time.sleep(120)


def probe_and_linger(path: Path) -> dict:
    decode_and_linger(())
    return {}


def decode_and_linger(task: tuple) -> None:
    if multiprocessing.parent_process() is not None:  # the first file is done by the parent
        linger(os.environ["LINGER"])


def compute_and_linger(task: tuple) -> object:
    if multiprocessing.parent_process() is not None:  # the first video is done by the parent
        flow_cache.compute_flow = lambda *_: linger(os.environ["LINGER"])
    return COMPUTE(task)


COMPUTE = flow_cache._compute


def main(what: str, folder: str) -> None:
    os.environ["LINGER"] = folder
    processes.TRIAL_SECONDS = processes.WORTH_SECONDS = -1.0
    if what == "open":
        dataset_index.probe = probe_and_linger
        open_dataset("folder", folder, spec=motion.CLIP, workers=2, progress=False)
    elif what == "cached":
        frame_cache._decode = decode_and_linger
        paths = [str(path) for path in Path(folder).rglob("*.mp4")]
        table = pd.DataFrame({"path": paths, "frames": 10, "height": 32, "width": 32})
        frame_cache.cache_frames(table, 32, workers=2, progress=False)
    elif what == "flow":
        flow_cache._compute = compute_and_linger
        open_dataset("folder", folder, spec=motion.CLIP, flow="dis", workers=2, progress=False)
    elif what == "motion":
        motion._write_lists = lambda *_: linger(folder)
        motion.generate(Path(folder) / "motion", videos=24, workers=1, progress=False)
    else:
        write_atomically(Path(folder) / "whole.txt", lambda temporary: linger(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
