"""Frames, rate and size of every video of a dataset, found once and kept as one Parquet file per root.

They come from decoding each file once (exact), or from its header (quick; an estimate, marked as such). A file is read
again only when its size or time of change differs. Files that cannot be read stay in the index with the reason. Where
the reason lies in the system (rights, memory), they are tried again next time.

A prepared dataset carries its own index, the file `index.arrow` in its folder (`write_index`, `read_index`).
"""

import hashlib
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from glob import escape
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import pandas as pd

from labkit.atomic import write_atomically
from labkit.cache import cache_folder, warn_not_kept
from labkit.data.arrow_file import ArrowFileError, map_tables, write_tables
from labkit.data.layouts import LayoutError, Listing
from labkit.data.processes import map_files
from labkit.data.splits import Subset
from labkit.data.video import VideoError, VideoReader
from labkit.data.video_file import is_text
from labkit.data.video_header import read_header
from labkit.locks import one_at_a_time
from labkit.names import choose

FORMAT = 3  # raise it when an old index must not be used any more
KEEP_EVERY = 5.0  # seconds of work that an interruption may cost; in large datasets more, since keeping takes longer
QUICK = 0.25  # seconds that keeping may take at that pace
# Of so many videos each is asked for its size and time of change (4 µs), at every opening. Of larger datasets only the
# folders and the split files are asked; a video that was changed in place is then found when it is read.
WATCHED = 10_000

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
    "exact": "bool",  # whether the file was decoded; else these are the numbers of its header
    "reason": "str",  # empty, or why the file cannot be read at all
}

CARRIED = "index.arrow"  # the name of the index in the folder of a prepared dataset
CARRIED_FORMAT = 1
# A carried index has these columns of a file at least. What a shard or a listing knows besides (label, video, start, end,
# subset, shard, offset, size) may stand beside them.
FACTS = {name: kind for name, kind in COLUMNS.items() if name not in ("modified", "reason")}


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
    paths: Sequence[Path],
    root: Path,
    *,
    exact: bool = True,
    fresh: bool = False,
    workers: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """One row per path, in their order, with the columns `COLUMNS`; `reason` says why a file cannot be read.

    With `exact`, files are decoded; without, their headers are enough. What the dataset carries or the cache knows is
    used, unless `fresh`. The column `passing` marks reasons that may be gone next time.

    The index is written every few seconds and when interrupted, so that a second call goes on from there. If it cannot
    be written (a full disk, a read-only cache folder), a warning says so, and the next call starts over.
    """
    carried = _carried(root) if not fresh else _empty().drop(columns="modified")
    wanted = _identities(paths, root, carried)
    known = _empty() if fresh else _known(wanted, [carried, _stored(root)], exact=exact)
    todo = wanted.index[~wanted["path"].isin(known["path"]) & ~wanted["path"].duplicated()]
    asked = cast("list[dict[str, Any]]", wanted.loc[todo].to_dict("records"))
    found = _Found(root)
    look, label = (probe, "looking into videos") if exact else (probe_header, "reading headers")
    try:
        for position, facts in map_files(
            look, [paths[i] for i in todo], label=label, lost=_died, workers=workers, progress=progress
        ):
            found.add(asked[position] | facts)
    finally:
        found.keep()
    rows = pd.concat([known.assign(passing=False), pd.DataFrame(found.rows, columns=[*COLUMNS, "passing"])])
    # A path may be asked for twice; by name every row finds its own.
    return wanted[["path"]].merge(rows, on="path", how="left").astype(COLUMNS | {"passing": "bool"})


class _Found:
    """Rows that come one by one. The new ones are stored every few seconds."""

    def __init__(self, root: Path) -> None:
        self.rows: list[dict[str, Any]] = []
        self._root, self._kept, self._due = root, 0, time.monotonic() + KEEP_EVERY

    def add(self, row: dict[str, Any]) -> None:
        """Add a row; store the rows since the last time if it is time."""
        self.rows.append(row)
        if time.monotonic() > self._due:
            began = time.monotonic()
            self.keep()
            ended = time.monotonic()
            self._due = ended + KEEP_EVERY * max(1.0, (ended - began) / QUICK)

    def keep(self) -> None:
        """Store the rows since the last time."""
        if _store(self._root, self.rows[self._kept :]):
            self._kept = len(self.rows)


def rebuild(
    name: str,
    root: str | Path | None = None,
    *,
    exact: bool = False,
    workers: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Look into all videos of a dataset again, whatever is known of them, and keep what is found.

    The table has a row a video, with the columns of `index_videos`; `reason` is not empty where one cannot be read. With
    `exact`, or where the kind of dataset asks for it, files are decoded; else their headers are read. An index that the
    dataset carries is written anew. Kept listings are removed. Raises as `open_dataset` does, and `OSError`.
    """
    from labkit.data.dataset_kinds import KINDS, dataset_folder  # not in every process that looks into videos

    kind = KINDS[choose(name, tuple(KINDS), "dataset")]
    given = dataset_folder(name, kind, root)
    folder = given.parent if given.is_file() else given
    paths = [path for path in _all_videos(kind.layout, given) if is_text(path)]
    for file in cache_folder("datasets").glob(f"{escape(root_key(folder))}-*"):
        file.unlink(missing_ok=True)
    exact = exact or kind.counting == "decoded"
    table = index_videos(paths, folder, exact=exact, fresh=True, workers=workers, progress=progress)
    if (folder / CARRIED).exists():
        try:
            carried = read_index(folder)
        except ArrowFileError:
            carried = None
        readable = table[table["reason"] == ""][list(FACTS)]
        write_index(folder, readable, {} if carried is None else carried.about)
    return table


def _all_videos(layout: Callable[..., Listing], folder: Path) -> list[Path]:
    """The videos of all subsets of the first three splits. Raises `LayoutError` where no subset is there."""
    found: dict[Path, None] = {}
    errors: list[LayoutError] = []
    for split in (1, 2, 3):
        before = len(found)
        for subset in get_args(Subset):
            try:
                found |= dict.fromkeys(entry.path for entry in layout(folder, subset, split, "test").entries)
            except LayoutError as error:
                errors.append(error)
        if len(found) == before:  # the other splits part the same videos
            break
    if not found:
        raise errors[0] if errors else LayoutError(f"{folder} has no video")
    return list(found)


def probe(path: Path) -> dict[str, Any]:
    """Decode one file: its frames, rate and size, or the reason why it cannot be read.

    `passing` marks a reason that lies in the system (rights, memory, too many open files): it may be gone next time.
    """
    return _or_reason(path, _decoded)


def probe_header(path: Path) -> dict[str, Any]:
    """The same from the file's header, as an estimate; a file whose header tells too little is decoded."""
    return _or_reason(path, _estimated)


def _or_reason(path: Path, look: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    try:
        return look(path) | {"reason": "", "passing": False}
    except VideoError as error:
        return _lost(path, error.reason) | {"passing": isinstance(error.__cause__, OSError | MemoryError)}


def _decoded(path: Path) -> dict[str, Any]:
    with VideoReader(path) as reader:
        info = reader.info
    return {
        "frames": info.frames,
        "fps": info.fps,
        "varies": info.varies,
        "width": info.width,
        "height": info.height,
        "damage": info.damage or "",
        "exact": True,
    }


def _estimated(path: Path) -> dict[str, Any]:
    header = read_header(path)
    if header is None:
        return _decoded(path)
    return header._asdict() | {"varies": False, "damage": "", "exact": False}


def _lost(path: Path, reason: str) -> dict[str, Any]:
    """What is written of a file that cannot be read."""
    nothing = {"frames": 0, "fps": 0.0, "varies": False, "width": 0, "height": 0, "damage": "", "exact": True}
    return nothing | {"reason": reason}


def _died(path: Path, reason: str) -> dict[str, Any]:
    """The same of a file whose process died twice, but not while decoding: memory may have run out."""
    return _lost(path, reason) | {"passing": True}


def index_file(root: Path) -> Path:
    """The file that keeps the index of the dataset at `root`."""
    return cache_folder("datasets") / f"{root_key(root)}-{FORMAT}.parquet"


def root_key(root: Path) -> str:
    """The beginning of the names of the files that are kept for the dataset at `root`."""
    return f"{root.resolve().name}-{hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:12]}"


def state(path: str | Path) -> tuple[int, int]:
    """A file's size in bytes and its time of change in ns; -1 for both where it cannot be asked."""
    try:
        about = os.stat(path)  # noqa: PTH116  # of ten thousand names: a Path each would double the time
    except (OSError, ValueError):
        return -1, -1
    return about.st_size, about.st_mtime_ns


def _identities(paths: Sequence[Path], root: Path, carried: pd.DataFrame) -> pd.DataFrame:
    """The columns path, bytes and modified. A large dataset's videos are not touched if its own index knows them."""
    above = root.as_posix().rstrip("/") + "/"
    names = [path.as_posix() for path in paths]
    names = [
        name.removeprefix(above) if name.startswith(above) else Path(os.path.relpath(name, root)).as_posix()
        for name in names
    ]
    trusted = dict(zip(carried["path"], carried["bytes"], strict=True)) if len(paths) > WATCHED else {}
    states = [(trusted[name], 0) if name in trusted else state(path) for name, path in zip(names, paths, strict=True)]
    return pd.DataFrame(states, columns=["bytes", "modified"], dtype="int64").assign(path=pd.Series(names, dtype="str"))


def _known(wanted: pd.DataFrame, tables: Sequence[pd.DataFrame], *, exact: bool) -> pd.DataFrame:
    """The rows of the wanted videos that the tables have; one a path, and exact ones before estimates."""
    asked = wanted.drop_duplicates("path")
    found = [table.merge(asked[[name for name in asked if name in table]]) for table in tables]  # equal in all of these
    known = pd.concat(found, ignore_index=True).sort_values("exact", ascending=False, kind="stable")
    known = known.drop_duplicates("path").fillna({"modified": 0})
    return known[known["exact"]] if exact else known


def _empty() -> pd.DataFrame:
    return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)


def _carried(root: Path) -> pd.DataFrame:
    try:
        found = read_index(root)
    except ArrowFileError as error:
        warnings.warn(f"{error}; the videos are looked into instead", stacklevel=3)
        found = None
    return _empty().drop(columns="modified") if found is None else found.table[list(FACTS)].assign(reason="")


def _stored(root: Path) -> pd.DataFrame:
    try:
        # Checksums of Parquet's own: a block that the disk lost reads as zeros.
        found = pd.read_parquet(index_file(root), page_checksum_verification=True)
        return found[list(COLUMNS)].astype(COLUMNS)
    except (OSError, ValueError, KeyError):  # none yet, or not a Parquet file any more: made again
        return _empty()


def _store(root: Path, found: list[dict[str, Any]]) -> bool:
    """Add rows to the index, which other processes may have added to since. Rows with a passing reason are left out.

    False, with a warning, where it cannot be written.
    """
    found = [row for row in found if not row.get("passing")]
    if not found:
        return True
    added = pd.DataFrame(found, columns=list(COLUMNS)).astype(COLUMNS)
    try:
        file = index_file(root)
        with one_at_a_time(file):  # else a process that stores meanwhile would lose its rows
            table = pd.concat([_stored(root), added], ignore_index=True)
            table = table.drop_duplicates("path", keep="last", ignore_index=True)
            write_atomically(file, lambda temporary: table.to_parquet(temporary, index=False, write_page_checksum=True))
    except OSError as error:
        warn_not_kept(f"the index of {root}", error)
        return False
    return True
