"""A dataset in shards, opened: the rows of one subset from the index, compared with the shards that are there."""

import hashlib
import os
import re
import tarfile
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from labkit.atomic import write_atomically
from labkit.cache import cache_folder
from labkit.counting import counted
from labkit.data.arrow_file import ArrowFileError
from labkit.data.dataset_index import CARRIED, CarriedIndex, read_index
from labkit.data.dataset_table import REPORT, TABLE
from labkit.data.pieces import file_system, forget, local_path, read_range, state_of
from labkit.data.shard_writer import ShardError
from labkit.data.shards import home_of, read_whole, report_at
from labkit.data.splits import Subset, Validation, source_of
from labkit.data.video_file import VideoError, shown
from labkit.names import choose_some

NEEDED = ("label", "video", "subset", "start", "end", "shard", "offset", "size")
SHARD_NAME = re.compile(r"[^/\\]+\.tar")


class ShardSet(NamedTuple):
    """One subset of a dataset in shards: what a `VideoDataset` is made of, and the name of its kind."""

    kind: str
    classes: tuple[str, ...]
    table: pd.DataFrame
    report: pd.DataFrame
    note: str


def shard_set(
    home: str | Path | None,
    subset: Subset,
    *,
    val: Validation = "test",
    classes: Sequence[str] | None = None,
    on_error: str = "skip",
) -> ShardSet:
    """Open the subset of a dataset in shards, in a folder or at an fsspec address.

    `classes` keeps only these, numbered in this order.

    No video is touched: the size of each shard is compared with the index. Videos behind the end of a cut shard, and
    those of a missing shard, are left out with a warning and a line in the report each, or raise `VideoError`, as
    `on_error` says. Raises `ShardError` where there is no index, where it does not fit the shards, and for a subset that
    it does not have; `ValueError` for an unknown class.
    """
    if home is None or str(home) == "":
        raise ShardError("give the folder or the address of the shards as root")
    forget()
    address = home_of(home)
    found = _index(address)
    _check(found, address)
    own: dict[Subset, str] = {each: f"its {each} shards" for each in sorted(set(found.table["subset"]))}
    source = source_of(subset, own, val, "shard")
    if source.divided or source.subset not in own:
        raise ShardError(f"{address} has no shards of the subset {subset!r}; it has {', '.join(own)}")
    table = found.table[found.table["subset"] == source.subset].reset_index(drop=True)
    names = tuple(found.about["classes"])
    if classes is not None:
        names, table = _only(names, table, classes)
    table["path"] = address + "/" + table["path"]
    lost = _lost(address, found, table)
    lines = [[path, reason, "unreadable"] for path, reason in zip(table["path"], lost, strict=True) if reason]
    if lines:
        _say(lines, on_error, len(table))
    # Shards hold parts of videos as files of their own, counted when they were written.
    table = table.assign(exact=True, from_second=np.nan, to_second=np.nan)
    keep = [not reason for reason in lost]
    lost_now = pd.DataFrame(lines, columns=REPORT, dtype=str)
    report = pd.concat([lost_now, report_at(address, found.about.get("report", []))], ignore_index=True)
    return ShardSet(
        found.about["kind"], names, table[keep].reindex(columns=TABLE).reset_index(drop=True), report, source.note
    )


def _only(names: tuple[str, ...], table: pd.DataFrame, classes: Sequence[str]) -> tuple[tuple[str, ...], pd.DataFrame]:
    chosen = choose_some(classes, names, "class")
    number = {names.index(name): label for label, name in enumerate(chosen)}
    kept = table[table["label"].isin(list(number))].reset_index(drop=True)
    return chosen, kept.assign(label=kept["label"].map(number).astype("int64"))


def again(home: str) -> str:
    """The end of a message about an index that cannot be used."""
    return f"make it again: labkit data index shards {home}"


def _index(home: str) -> CarriedIndex:
    path = local_path(home)
    try:
        found = read_index(_fetched(home) if path is None else path)
    except (ArrowFileError, FileNotFoundError) as error:
        raise ShardError(f"{home}: its index cannot be used ({error}); {again(home)}") from None
    if found is None:
        raise ShardError(f"{home} holds no {CARRIED}; {again(home)}")
    return found


def _fetched(home: str) -> Path:
    """A folder of the cache with a copy of the index at an fsspec address, in its present state."""
    state = state_of(f"{home}/{CARRIED}")
    key = hashlib.sha256(os.fsencode(f"{home}\0{state.size}\0{state.mark}")).hexdigest()[:20]
    folder = cache_folder("shards", key)
    if not (folder / CARRIED).is_file():
        content = read_whole(f"{home}/{CARRIED}")
        write_atomically(folder / CARRIED, lambda temporary: temporary.write_bytes(content))
    return folder


def _check(found: CarriedIndex, home: str) -> None:
    """Raise `ShardError` for an index of something else, and for one whose shards lie elsewhere."""
    about, table = found.about, found.table
    lacking = [name for name in NEEDED if name not in table]
    lists = isinstance(about.get("classes"), list) and isinstance(about.get("shards"), dict)
    if lacking or not lists or not isinstance(about.get("kind"), str):
        raise ShardError(f"{home}/{CARRIED} is not an index of shards; {again(home)}")
    outside = [name for name in {*table["shard"], *about["shards"]} if not SHARD_NAME.fullmatch(name)]
    begins = [path.startswith(f"{name}@") for name, path in zip(table["shard"], table["path"], strict=True)]
    if outside or not all(begins):
        raise ShardError(f"{home}/{CARRIED} names a file that is not a shard beside it; {again(home)}")


def _lost(home: str, found: CarriedIndex, table: pd.DataFrame) -> list[str]:
    """For each row the reason why its video is lost, empty for the others.

    Raises `ShardError` where a shard has another size than the index says and is not merely cut.
    """
    names, reasons, sizes = set(table["shard"]), {}, _sizes(home, found)
    ends = table["offset"] + table["size"]
    for name in sorted(names):
        recorded, there = found.about["shards"].get(name), sizes.get(name)
        if there is None:
            reasons[name] = "its shard is not there"
        elif there != recorded:
            whole = table.index[(table["shard"] == name) & (ends <= there)]
            last = table.loc[whole[-1]] if len(whole) else None
            if there > recorded or (last is not None and not _is_member(home, last)):
                raise ShardError(
                    f"{home}: the index does not fit {name}, which has {there:,} bytes and not {recorded:,}; {again(home)}"
                )
            reasons[name] = f"its shard is cut short: {there:,} of {recorded:,} bytes are there"
    gone = [
        reasons.get(name, "") if end > (sizes.get(name) or 0) else ""
        for name, end in zip(table["shard"], ends, strict=True)
    ]
    return gone


def _sizes(home: str, found: CarriedIndex) -> dict[str, int | None]:
    """The size of each shard, None for a missing one: one look a file here, one list from a store.

    Where a store gives no list, the sizes of the index hold until a shard is read.
    """
    recorded: dict[str, int | None] = dict(found.about["shards"])
    path = local_path(home)
    if path is not None:
        return {name: (path / name).stat().st_size if (path / name).is_file() else None for name in recorded}
    with suppress(OSError, NotImplementedError, ValueError):
        system, inside = file_system(home)
        system.invalidate_cache()  # of an earlier list
        there = {PurePosixPath(each["name"]).name: each["size"] for each in system.ls(inside, detail=True)}
        if CARRIED in there:
            return {name: there.get(name) for name in recorded}
    return recorded


def _is_member(home: str, row: Any) -> bool:
    """Whether the header before the row's video has its name and size."""
    try:
        header = read_range(f"{home}/{row['shard']}", int(row["offset"]) - tarfile.BLOCKSIZE, int(row["offset"]))
        info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except (OSError, tarfile.TarError):
        return False
    return info.size == row["size"] and PurePosixPath(info.name).name == PurePosixPath(row["path"]).name


def _say(lines: list[list[str]], on_error: str, videos: int) -> None:
    path, reason, _ = lines[0]
    if on_error == "raise" or len(lines) == videos:
        raise VideoError(path, f"{reason} ({len(lines)} of {counted(videos, 'video')} cannot be read)")
    warnings.warn(
        f"{len(lines)} of {counted(videos, 'video')} cannot be read; the first is {shown(path)}: {reason}. They are left out; "
        ".report lists them all.",
        stacklevel=4,
    )
