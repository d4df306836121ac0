"""Shards: the videos of a dataset in a few large tar files, in WebDataset's layout.

A sample is three members, `KEY.mp4`, `KEY.cls` (the label, a number as text) and `KEY.json` (the row of the dataset's
table). Times and owners are fixed, so the same videos give the same bytes. A shard appears whole or not at all: a writer
that was killed goes on with the shards that are missing.
"""

import io
import json
import os
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from labkit.atomic import write_atomically
from labkit.bars import tqdm
from labkit.data.dataset_index import CARRIED
from labkit.data.splits import Subset, subset_of
from labkit.data.tar_members import members_of
from labkit.locks import alone

SIZE = 256 << 20  # bytes of a shard: some hundred videos, so that a dataset has a few hundred shards
LARGEST = 8 << 30  # bytes: a POSIX tar header has no room for a larger size
LOCK = ".writing.lock"
DATASET = "dataset.json"  # beside the shards: the kind of the dataset and its classes
# What `KEY.json` tells of a video.
ROW = ("video", "label", "start", "end", "frames", "fps", "varies", "width", "height", "damage")


class ShardError(ValueError):
    """An error for shards or an index that cannot be used; the message names the file and the way out."""


class Part(NamedTuple):
    """A member to write: its name, its size in bytes, and its content or the file that holds it."""

    name: str
    size: int
    content: bytes | Path


Row = tuple[Path, Mapping[str, Any]]


def rows_of(tables: Mapping[Subset, Any]) -> Iterator[Row]:
    """The files and rows of datasets by their subset: `{"train": dataset.table, ...}`, in the order of the tables."""
    for subset, table in tables.items():
        for row in table.to_dict("records"):
            yield Path(row["path"]), row | {"subset": subset}


def write_tars(
    rows: Iterable[Row],
    folder: Path,
    *,
    classes: Sequence[str],
    kind: str = "folder",
    size: int = SIZE,
    progress: bool = True,
) -> list[Path]:
    """Write the videos of `rows`, (file, row), into shards of about `size` bytes, and return the shards.

    A row has the columns of a dataset's table and its `subset`. Each subset has shards of its own,
    `train-000000.tar` and so on, in the order of the rows. Shards that are there already, with the same members and not
    older than the videos, are kept.

    Raises `ShardError` while another process writes there, for a folder with other shards, and for a video of over 8 GiB;
    `OSError` names the file that cannot be read or written.
    """
    about = json.dumps({"kind": kind, "classes": list(classes)}, ensure_ascii=False, indent=1)
    in_use = f"{folder}: another process writes shards there; wait for it, or choose another folder"
    with alone(folder / LOCK, refuse=lambda: ShardError(in_use), remove=True):
        write_atomically(folder / DATASET, lambda temporary: temporary.write_bytes(f"{about}\n".encode()))
        shards = []
        with tqdm(desc="writing shards", unit="video", delay=1, disable=not progress) as bar:
            for name, parts in _shards(rows, classes, size):
                if not _is_there(folder / name, parts):
                    (folder / CARRIED).unlink(missing_ok=True)  # it would not fit
                    write_atomically(folder / name, partial(_write, parts=parts))
                shards.append(folder / name)
                bar.update(len(parts) // 3)
        others = sorted({path.name for path in folder.glob("[!.]*.tar")} - {path.name for path in shards})
        if others:
            raise ShardError(
                f"{folder} holds shards that this dataset does not have, {others[0]} first: remove them, or choose an "
                "empty folder"
            )
    return shards


def _shards(rows: Iterable[Row], classes: Sequence[str], size: int) -> Iterator[tuple[str, list[Part]]]:
    """The name and the members of each shard. A new one begins where the next video would not fit, or with a new subset."""
    shards: dict[str, int] = {}  # by subset, of those that are complete
    videos: dict[str, int] = {}
    parts: list[Part] = []
    current, filled = "", 0
    for file, row in rows:
        subset, number = row["subset"], videos.get(row["subset"], 0)
        new = _parts(f"{number:08d}", file, row, classes)
        room = sum(tarfile.BLOCKSIZE + -(-part.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE for part in new)
        if parts and (subset != current or filled + room > size):
            yield f"{current}-{shards.get(current, 0):06d}.tar", parts
            shards[current] = shards.get(current, 0) + 1
            parts, filled = [], 0
        current, videos[subset] = subset, number + 1
        parts.extend(new)
        filled += room
    if parts:
        yield f"{current}-{shards.get(current, 0):06d}.tar", parts


def _parts(key: str, file: Path, row: Mapping[str, Any], classes: Sequence[str]) -> list[Part]:
    size = file.stat().st_size
    if size >= LARGEST:
        raise ShardError(f"{file} has {size:,} bytes, and a member of a shard has less than 8 GiB: prepare it first")
    plain = {name: row[name].item() if isinstance(row[name], np.generic) else row[name] for name in ROW}
    about = plain | {"class": classes[plain["label"]]}
    text = json.dumps(about, ensure_ascii=False, sort_keys=True).encode()
    label = str(plain["label"]).encode()
    suffix = file.suffix.lower() or ".mp4"
    return [
        Part(f"{key}{suffix}", size, file),
        Part(f"{key}.cls", len(label), label),
        Part(f"{key}.json", len(text), text),
    ]


def _is_there(shard: Path, parts: Sequence[Part]) -> bool:
    """Whether the shard is there with these members, and not older than their files."""
    try:
        made = shard.stat().st_mtime_ns
        there = members_of(str(shard))
    except OSError:
        return False
    if there.fault or [(each.name, each.size) for each in there.members] != [(each.name, each.size) for each in parts]:
        return False
    return all(
        part.content.stat().st_mtime_ns <= made if isinstance(part.content, Path) else part.content == member.text
        for part, member in zip(parts, there.members, strict=True)
    )


def _write(temporary: Path, parts: Sequence[Part]) -> None:
    with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
        for part in parts:
            info = tarfile.TarInfo(part.name)  # no time, no owner: the same videos give the same bytes
            info.size, info.mode = part.size, 0o644
            if isinstance(part.content, Path):
                with part.content.open("rb") as file:
                    if os.fstat(file.fileno()).st_size != part.size:
                        raise ShardError(f"{part.content} changed while the shards were written: start again")
                    tar.addfile(info, file)
            else:
                tar.addfile(info, io.BytesIO(part.content))


def subset_in(shard: str) -> Subset:
    """The subset that the name of a shard tells, such as `kinetics-val-000007.tar`; `train` where it tells none."""
    words = re.split(r"[-_.]", shard)
    return next((subset for word in words if (subset := subset_of(word)) is not None), "train")
