"""A dataset of loose files becomes shards: each of its subsets, in the order of its table."""

from pathlib import Path
from typing import get_args

from labkit.clip import ClipSpec
from labkit.data.datasets import open_dataset
from labkit.data.layouts import LayoutError
from labkit.data.shards import SIZE, ShardError, rows_of, write_shards
from labkit.data.splits import Subset
from labkit.data.video_dataset import VideoDataset

# How the note of a subset begins that is another subset's list (`labkit.data.splits.source_of`).
STANDS_IN = {"val": "there is no validation ", "test": "there is no test "}


def pack(
    name: str,
    root: str | Path | None,
    folder: str | Path,
    *,
    split: int = 1,
    size: int = SIZE,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Write the dataset `name` at `root` into shards of about `size` bytes in `folder`; returns their index.

    A subset that the dataset lacks, and a `test` or `val` that is another subset's list, get no shards. A video that cannot be read is left
    out with a warning. A call that was stopped or killed goes on with the shards that are missing.

    Raises as `open_dataset` and `write_shards` do; `ShardError` for shards in the place of loose files, and for a folder
    inside the dataset's.
    """
    if name == "shards":
        raise ShardError("these are shards already; give the dataset of loose files")
    if root and Path(folder).resolve().is_relative_to(Path(root).resolve()):
        raise ShardError(f"{folder} lies in the dataset's folder, where it would count as videos; choose one beside it")
    found = _subsets(name, root, split, workers, progress)
    first = next(iter(found.values()))
    tables = {subset: dataset.table for subset, dataset in found.items()}
    return write_shards(rows_of(tables), folder, classes=first.classes, kind=name, size=size, progress=progress)


def _subsets(
    name: str, root: str | Path | None, split: int, workers: int | None, progress: bool
) -> dict[Subset, VideoDataset]:
    """The subsets that the dataset has of its own."""
    found: dict[Subset, VideoDataset] = {}
    lacking: list[LayoutError] = []
    for subset in get_args(Subset):
        try:
            dataset = open_dataset(name, root, subset, spec=ClipSpec(), split=split, workers=workers, progress=progress)
        except LayoutError as error:
            lacking.append(error)
            continue
        if not dataset.note.startswith(STANDS_IN.get(subset, "-")):
            found[subset] = dataset
    if not found:
        raise lacking[0]
    return found
