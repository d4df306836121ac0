"""Short videos for a page: what a clip, or a class of a dataset, looks like in motion."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from labkit.data.encode import LARGEST, as_mp4
from labkit.data.video import VideoError, VideoReader
from labkit.data.video_dataset import VideoDataset

SECONDS = 4.0  # of a file: enough to see an action, and twelve of them stay far below a megabyte
SHORT_SIDE = 96  # pixels
REST = (
    0.6  # seconds that the last frame stays: without a rest, a loop has no beginning and its direction is hard to see
)


def preview(frames: np.ndarray, fps: float) -> bytes | None:
    """Frames uint8 `(T, H, W, 3)` as H.264 in MP4, for a loop: the last one stays for a moment. None if they are too large."""
    if max(frames.shape[1:3]) > LARGEST:
        return None
    rest = np.repeat(frames[-1:], max(1, round(REST * fps)), axis=0)
    return as_mp4(np.concatenate([frames, rest]), fps, crf=26)


def previews(paths: Mapping[str, str | Path]) -> dict[str, bytes]:
    """The beginning of each video file, reduced, under the same names. Files that cannot be read or made smaller are left out."""
    made = {name: _beginning(path) for name, path in paths.items()}
    return {name: video for name, video in made.items() if video is not None}


def one_of_each_class(table: pd.DataFrame, classes: Sequence[str], *, most: int = 12) -> dict[str, bytes]:
    """The beginning of the first readable video of each class by class name, of so many classes at most.

    `table` and `classes` are a dataset's. Classes without a video are left out.
    """
    found: dict[str, bytes] = {}
    for label, name in enumerate(classes):
        for path in table.loc[table["label"] == label, "path"]:
            if len(found) == most:
                return found
            if (video := _beginning(path)) is not None:
                found[name] = video
                break
    return found


def _beginning(path: str | Path) -> bytes | None:
    """The beginning of one video, reduced; None if it cannot be read."""
    try:
        with VideoReader(path) as video:
            info = video.info
            count = min(info.frames, max(1, round(SECONDS * info.fps)))
            frames = video.frames(0, count, size=min(SHORT_SIDE, info.height, info.width))
    except (VideoError, OSError):
        return None
    return preview(frames, info.fps)


def shown_by(dataset: VideoDataset) -> dict[str, Callable[[str], Any]]:
    """What a browser of predictions shows of a dataset's videos, by their names: the arguments `play` and `frames`.

    `play(video)` is the beginning of its file as MP4, None where it cannot be read. `frames(video)` is the middle frame of
    each clip that the dataset cuts from it, uint8 `(H, W, 3)`. A name that the dataset lacks is a `KeyError`.
    """
    rows = {video: row for row, video in enumerate(dataset.table["video"])}

    def frames(video: str) -> list[np.ndarray]:
        clips = (dataset[int(item)][0] for item in np.flatnonzero(dataset.rows == rows[video]))
        try:
            return [clip[len(clip) // 2].permute(1, 2, 0).numpy() for clip in clips]
        except VideoError:
            return []

    return {"play": lambda video: _beginning(dataset.table["path"].iloc[rows[video]]), "frames": frames}
