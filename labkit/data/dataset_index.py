"""Frames, rate and size of every video of a dataset, found once and kept as one Parquet file per root.

A file is read again only when its size or time of change differs. Files that cannot be read stay in the index with the
reason. Where the reason lies in the system (rights, memory), they are tried again next time.
"""

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from labkit.atomic import write_atomically
from labkit.cache import cache_folder, warn_not_kept
from labkit.data.processes import map_files
from labkit.data.video import VideoError, VideoReader

FORMAT = 2  # raise it when an old index must not be used any more
KEEP_EVERY = 5.0  # seconds of work that an interruption may cost

COLUMNS = {
    "path": "str",  # below the root, with forward slashes
    "bytes": "int64",
    "modified": "int64",  # ns
    "frames": "int64",
    "fps": "float64",
    "varies": "bool",  # whether the rate varies
    "width": "int64",  # pixels, after rotation
    "height": "int64",
    "damage": "str",  # empty, or where and why reading stops
    "reason": "str",  # empty, or why the file cannot be read at all
}


def index_videos(
    paths: Sequence[Path], root: Path, *, workers: int | None = None, progress: bool = True
) -> pd.DataFrame:
    """One row per path, in their order, with the columns `COLUMNS`; `reason` says why a file cannot be read.

    The index is written every few seconds and when interrupted, so that a second call goes on from there. If it cannot
    be written (a full disk, a read-only cache folder), a warning says so, and the next call starts over.
    """
    wanted = pd.DataFrame([_identity(path, root) for path in paths], columns=["path", "bytes", "modified"])
    known = wanted.merge(_stored(root), on=["path", "bytes", "modified"], how="left")
    todo = known.index[known["frames"].isna()]
    found: list[dict[str, Any]] = []
    written = time.monotonic()
    try:
        for position, facts in map_files(
            probe, [paths[i] for i in todo], label="looking into videos", lost=_died, workers=workers, progress=progress
        ):
            found.append(wanted.loc[todo[position]].to_dict() | facts)
            if time.monotonic() - written > KEEP_EVERY:
                _store(root, found)
                written = time.monotonic()
    finally:
        _store(root, found)
    fresh = pd.concat([known.drop(index=todo), pd.DataFrame(found, columns=list(COLUMNS))])
    # A path may be asked for twice; by name every row finds its own.
    return wanted[["path"]].merge(fresh.drop_duplicates("path"), on="path", how="left").astype(COLUMNS)


def probe(path: Path) -> dict[str, Any]:
    """Open one file: its frames, rate and size, or the reason why it cannot be read.

    `passing` marks a reason that lies in the system (rights, memory, too many open files): it may be gone next time.
    """
    try:
        with VideoReader(path) as reader:
            info = reader.info
    except VideoError as error:
        return _lost(path, error.reason) | {"passing": isinstance(error.__cause__, OSError | MemoryError)}
    return {
        "frames": info.frames,
        "fps": info.fps,
        "varies": info.varies,
        "width": info.width,
        "height": info.height,
        "damage": info.damage or "",
        "reason": "",
    }


def _lost(path: Path, reason: str) -> dict[str, Any]:
    """What is written of a file that cannot be read."""
    return {"frames": 0, "fps": 0.0, "varies": False, "width": 0, "height": 0, "damage": "", "reason": reason}


def _died(path: Path, reason: str) -> dict[str, Any]:
    """The same of a file whose process died twice, but not while decoding: memory may have run out."""
    return _lost(path, reason) | {"passing": True}


def index_file(root: Path) -> Path:
    """The file that keeps the index of the dataset at `root`."""
    key = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:12]
    return cache_folder("datasets") / f"{root.resolve().name}-{key}-{FORMAT}.parquet"


def _identity(path: Path, root: Path) -> tuple[str, int, int]:
    name = Path(os.path.relpath(path, root)).as_posix()
    try:
        about = path.stat()
    except OSError:
        return name, -1, -1
    return name, about.st_size, about.st_mtime_ns


def _stored(root: Path) -> pd.DataFrame:
    try:
        # Checksums of Parquet's own: a block that the disk lost reads as zeros.
        found = pd.read_parquet(index_file(root), page_checksum_verification=True)
        return found[list(COLUMNS)].astype(COLUMNS)
    except (OSError, ValueError, KeyError):  # none yet, or not a Parquet file any more: made again
        return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)


def _store(root: Path, found: list[dict[str, Any]]) -> None:
    """Add rows to the index, which other processes may have added to since. Rows with a passing reason are left out."""
    found = [row for row in found if not row.get("passing")]
    if not found:
        return
    table = pd.concat([_stored(root), pd.DataFrame(found, columns=list(COLUMNS)).astype(COLUMNS)], ignore_index=True)
    table = table.drop_duplicates("path", keep="last", ignore_index=True)
    try:
        write_atomically(
            index_file(root), lambda temporary: table.to_parquet(temporary, index=False, write_page_checksum=True)
        )
    except OSError as error:
        warn_not_kept(f"the index of {root}", error)
