"""Work that is killed at random moments, started again, and compared with the same work without a kill.

As a script: `python kills_trial.py SUBJECT MOMENTS SEED FOLDER` prints what came of it. The work is done in forked
processes, which start at once. A chain is one piece of work from its beginning to its end, over all kills.
"""

import hashlib
import json
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from broken_videos import FORMATS, write_source

from labkit.atomic import TEMPORARY

VIDEOS = 40


class Subject(NamedTuple):
    """Work into a folder, what it leaves in the end, and how far it has come: a number that no kill may lower."""

    work: Callable[[Path, Path], object]  # of the videos' folder and the work's own
    left: Callable[[Path], object]
    come: Callable[[Path], int] = lambda folder: 0


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def files(folder: Path, pattern: str) -> dict[str, str]:
    """The files that were finished, and what they hold."""
    return {path.name: digest(path.read_bytes()) for path in sorted(folder.glob(pattern)) if path.name[0] != "."}


def table(videos: Path) -> "Any":
    import pandas as pd

    size = FORMATS["MJPEG"]
    paths = [str(path) for path in sorted(videos.iterdir())]
    return pd.DataFrame({"path": paths, "frames": size.frames, "height": size.height, "width": size.width})


def train(videos: Path, folder: Path) -> None:
    from tiny_training import Tiny, tiny_model

    from labkit.training import fit

    options = {"epochs": 4, "batch_size": 6, "lr": 0.05, "checkpoint_every": 2, "workers": 2, "device": "cpu"}
    fit(tiny_model(), Tiny(43), Tiny(12, seed=1, sampling="centre"), folder=folder / "run", progress=False, **options)


def trained(folder: Path) -> dict[str, Any]:
    from labkit.records import History
    from labkit.training import checkpoint

    found = checkpoint.load(folder / "run" / "checkpoint.safetensors")
    rows = History.read(folder / "run" / "history.jsonl").table.drop(columns="seconds")
    position = {name: value for name, value in found.about["position"].items() if name != "seconds"}
    return {
        "tensors": {name: digest(value.numpy().tobytes()) for name, value in sorted(found.tensors.items())},
        "position": position,
        "history": rows.to_csv(),
        "best": digest((folder / "run" / "best.safetensors").read_bytes()),
    }


def updates(folder: Path) -> int:
    from labkit.training import checkpoint

    file = folder / "run" / "checkpoint.safetensors"
    return checkpoint.load(file).about["position"]["updates"] if file.exists() else 0


def index(videos: Path, folder: Path) -> None:
    from labkit.data import dataset_index

    dataset_index.KEEP_EVERY = 0.05
    dataset_index.index_videos(sorted(videos.iterdir()), videos, workers=0, progress=False)


def indexed(folder: Path) -> dict[str, Any]:
    import pandas as pd

    [file] = (folder / "cache" / "datasets").glob("[!.]*.parquet")  # another process may be writing
    return {"rows": pd.read_parquet(file).sort_values("path").to_csv(index=False)}


def rows(folder: Path) -> int:
    import pandas as pd

    return sum(len(pd.read_parquet(file)) for file in (folder / "cache" / "datasets").glob("[!.]*.parquet"))


def cache_frames(videos: Path, folder: Path) -> None:
    from labkit.data import frame_cache

    frame_cache.cache_frames(table(videos), 64, workers=0, progress=False)


def cache_flow(videos: Path, folder: Path) -> None:
    from labkit.data import flow_cache

    flow_cache.cache_flow(table(videos), flow_cache.FlowSettings("dis"), workers=0, progress=False)


def write_shards(videos: Path, folder: Path) -> None:
    from labkit.data.shards import write_shards

    known = {"label": 0, "start": 0, "end": 24, "fps": 25.0, "varies": False, "damage": "", "subset": "train"}
    rows = [(Path(row["path"]), row | known | {"video": row["path"]}) for row in table(videos).to_dict("records")]
    write_shards(rows, folder / "shards", classes=["one"], size=60_000, progress=False)


def sweep_points(videos: Path, folder: Path) -> None:
    from toy_course import write_notebook

    from labkit.runs.grid import read_grid
    from labkit.runs.sweep import sweep
    from labkit.runs.workers import local_workers

    notebook = folder / "07_toy.ipynb"
    if not notebook.exists():
        write_notebook(notebook, ["# 07 Toy"], "seed: int = 0  # a seed")
    with local_workers(2) as workers:
        tally = sweep(read_grid(notebook, ["seed=0..39"], {}), folder / "sweep", workers, work=point)
    assert (tally.done, tally.failed) == (40, [])


def point(job: "Any") -> "Any":
    """A run of a sweep without its kernel."""
    from labkit.atomic import write_atomically
    from labkit.runs.point import Outcome, outcome_of

    if before := outcome_of(job.place):
        return before
    time.sleep(0.02)
    about = {"status": "done", "parameters": dict(job.parameters), "double": 2 * job.parameters["seed"]}
    job.place.mkdir(exist_ok=True)
    write_atomically(job.place / "run.json", lambda temporary: temporary.write_text(json.dumps(about)))
    return Outcome("done")


SUBJECTS = {
    "training": Subject(train, trained, updates),
    "indexing": Subject(index, indexed, rows),
    "frame cache": Subject(cache_frames, lambda folder: files(folder, "cache/frames/*")),
    "flow cache": Subject(
        cache_flow,
        lambda folder: files(folder, "cache/flow/*"),
        lambda folder: len(files(folder, "cache/flow/*")),
    ),
    "shards": Subject(
        write_shards, lambda folder: files(folder, "shards/*"), lambda folder: len(files(folder, "shards/*.tar"))
    ),
    "sweep": Subject(
        sweep_points,
        lambda folder: files(folder, "sweep/*/run.json") | {"points": len([*folder.glob("sweep/07*/run.json")])},
        lambda folder: len([*folder.glob("sweep/07*/run.json")]),
    ),
}


def start(subject: Subject, videos: Path, folder: Path) -> int:
    """The number of a new process that does the work."""
    pid = os.fork()
    if pid:
        return pid
    try:
        folder.mkdir(exist_ok=True)
        os.environ["LABKIT_CACHE"] = str(folder / "cache")
        torch.set_num_threads(1)
        warnings.simplefilter("ignore")
        subject.work(videos, folder)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def kill_often(subject: Subject, moments: int, seed: int, folder: Path) -> dict[str, Any]:
    """Kill the work at so many moments. Raises `AssertionError` where it then ends badly, loses what was saved, or differs."""
    rng, videos = np.random.default_rng((15, seed)), folder / "videos"
    videos.mkdir(parents=True)
    for number in range(VIDEOS):
        write_source(videos / f"{number:02d}.avi", FORMATS["MJPEG"])
    began = time.monotonic()
    assert os.waitstatus_to_exitcode(os.waitpid(start(subject, videos, folder / "whole"), 0)[1]) == 0
    lasted, wanted = time.monotonic() - began, subject.left(folder / "whole")
    kills = chains = 0
    while kills < moments:
        chains += 1
        place, come = folder / f"chain{chains}", 0
        while True:
            pid = start(subject, videos, place)
            if kills < moments:
                time.sleep(float(rng.uniform(0.02, 0.5)) * lasted)
                os.kill(pid, signal.SIGKILL)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            if status != -signal.SIGKILL:
                break
            kills += 1
            before, come = come, subject.come(place)
            assert come >= before, f"{before} before the kill, {come} after it"
        assert status == 0, f"after {kills} kills it ended with {status}"
        assert subject.left(place) == wanted, f"after {kills} kills its results differ"
        assert not [path for path in place.rglob(".*") if TEMPORARY.fullmatch(path.name)], "a temporary file stayed"
    return {"kills": kills, "chains": chains, "seconds": round(lasted, 1), "seed": seed}


if __name__ == "__main__":
    name, moments, seed, folder = sys.argv[1:]
    print(json.dumps(kill_often(SUBJECTS[name], int(moments), int(seed), Path(folder))))
