"""Frames, rate and size of every video of a dataset, found once and kept as one Parquet file per root.

A file is read again only when its size or time of change differs. Files that cannot be read stay in the index with the
reason. Where the reason lies in the system (rights, memory), they are tried again next time.

A prepared dataset carries its own index, the file `index.arrow` in its folder (`write_index`, `read_index`).
"""

import hashlib
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from labkit.atomic import write_atomically
from labkit.cache import cache_folder
from labkit.data.arrow_file import ArrowFileError, map_tables, write_tables
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

CARRIED = "index.arrow"  # the name of the index in the folder of a prepared dataset
CARRIED_FORMAT = 1
# A carried index has these columns of a file at least. What a shard or a listing knows besides (label, video, start, end,
# subset, shard, offset, size) may stand beside them.
FACTS = {name: kind for name, kind in COLUMNS.items() if name not in ("modified", "reason")} | {"exact": "bool"}


class CarriedIndex(NamedTuple):
    """The index that a prepared dataset carries: a row a video, and what was noted beside them (classes, say)."""

    table: pd.DataFrame
    about: dict[str, Any]


def write_index(folder: Path, table: pd.DataFrame, about: Mapping[str, Any] | None = None) -> Path:
    """Write the index of a prepared dataset, `folder/index.arrow`: the columns `FACTS`, and any others as they are.

    `path` is below the folder, with forward slashes; `frames` are those that can be read, counted by decoding where
    `exact` is true, else an estimate of the header; `bytes` is the size of the file. `about` is noted beside the table,
    as JSON. Raises `ValueError` for a table without one of the columns or with a path that leads out of the folder,
    and `OSError`.
    """
    lacking = [name for name in FACTS if name not in table]
    if lacking:
        raise ValueError(f"the table has no column {lacking[0]!r}; an index has {', '.join(FACTS)}")
    for path in table["path"]:
        if path.startswith("/") or "\\" in path or ".." in path.split("/"):
            raise ValueError(f"{path!r} does not stay in the dataset's folder, with forward slashes")
    noted = {"format": CARRIED_FORMAT, **(about or {})}
    return write_tables(folder / CARRIED, [table.astype(FACTS).reset_index(drop=True)], noted)


def read_index(folder: Path) -> CarriedIndex | None:
    """The index that the dataset in this folder carries; None where it carries none.

    Raises `ArrowFileError`, a `ValueError`, for a broken index and for one of another format.
    """
    try:
        found = map_tables(folder / CARRIED, FACTS)
    except FileNotFoundError:
        return None
    if found.about.get("format") != CARRIED_FORMAT:
        raise ArrowFileError(f"{folder / CARRIED} has another format than this labkit's: make it again")
    table = found.batches[0].to_pandas()
    try:
        return CarriedIndex(table.astype(FACTS), found.about)
    except (ValueError, TypeError) as error:
        raise ArrowFileError(f"{folder / CARRIED} has columns of other kinds ({error})") from None


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
            probe, [paths[i] for i in todo], label="looking into videos", workers=workers, progress=progress
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
    facts = {"frames": 0, "fps": 0.0, "varies": False, "width": 0, "height": 0, "damage": "", "reason": ""}
    try:
        with VideoReader(path) as reader:
            info = reader.info
    except VideoError as error:
        return facts | {"reason": error.reason, "passing": isinstance(error.__cause__, OSError | MemoryError)}
    return {
        "frames": info.frames,
        "fps": info.fps,
        "varies": info.varies,
        "width": info.width,
        "height": info.height,
        "damage": info.damage or "",
        "reason": "",
    }


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
        warnings.warn(f"the index of {root} cannot be kept, so it will be made again: {error}", stacklevel=3)
