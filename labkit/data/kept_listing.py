"""The finished table of a dataset, kept in a file, so that opening it again lists no folder and touches no video.

There is one Arrow file for each way to ask (kind, folder, subset, split, classes, ...), with three tables: the videos, the
report of the others, and the *stamps*: the folders, split files and, of up to `WATCHED` videos, the videos that the table
depends on, each with its size and time of change. The file holds as long as all stamps do. A video that is added or
removed changes its folder; one that is changed in place, in a larger dataset, is found when it is read.
"""

import hashlib
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any, NamedTuple, Self
from uuid import uuid4

import pandas as pd

from labkit import __version__
from labkit.cache import cache_folder
from labkit.data.arrow_file import ArrowFileError, Mapped, map_tables, write_tables
from labkit.data.dataset_index import CARRIED, WATCHED, root_key, state
from labkit.data.dataset_rows import MappedRows, Rows
from labkit.data.dataset_table import REPORT, TABLE
from labkit.data.layouts import Listing
from labkit.data.video_file import is_text
from labkit.data.videos_below import OTHER_SUFFIXES

FORMAT = 1  # raise it when an old listing must not be used any more
STAMPS = ["path", "bytes", "modified"]
SCHEMA = dict.fromkeys(TABLE, "int64") | dict.fromkeys(["path", "video", "damage", "reason", "what"], "str")
SCHEMA |= dict.fromkeys(["fps", "from_second", "to_second"], "float64") | dict.fromkeys(["varies", "exact"], "bool")
SCHEMA |= {"bytes": "int64", "modified": "int64"}

DEPTH = 3  # split files are looked for in folders so far below the root,
FOLDERS = 5_000  # and no deeper where there are more folders than these;
LISTS = 1_000  # so many of them are watched, those nearest to the root first
TEXTS = tuple(suffix for suffix, what in OTHER_SUFFIXES.items() if what == "text")
FOLDER = -2  # instead of a folder's size, which differs between file systems
# A change within the tick of the disk's clock leaves the time as it is; such a stamp would hold for ever.
TICK = 50_000_000  # ns
OLD = 7 * 24 * 3600  # seconds after which a listing that no longer holds is removed: a training may still use it


@dataclass(frozen=True)
class Asked:
    """The question that a listing answers."""

    name: str
    layout: Callable[..., Listing]
    folder: Path
    subset: str
    split: int
    val: str
    classes: tuple[str, ...] | None
    exact: bool

    def prefix(self) -> str:
        """The beginning of the names of this question's files. The root as it was given counts: paths begin with it."""
        given = [self.name, f"{self.layout.__module__}.{self.layout.__qualname__}", os.fspath(self.folder)]
        place = "" if self.folder.is_absolute() else str(Path.cwd())
        asked = [*given, place, self.subset, self.split, self.val, self.classes, self.exact]
        text = json.dumps([FORMAT, __version__, *asked])
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return f"{root_key(self.root)}-{key}-"

    @property
    def root(self) -> Path:
        """The folder of the dataset, which may be asked for by a file in it."""
        return self.folder.parent if self.folder.is_file() else self.folder


class Facts(NamedTuple):
    """What a listing says beside its table and its report."""

    classes: tuple[str, ...]
    note: str
    lost: tuple[str, ...]  # folders without a video: they would be classes
    named: int  # videos that the layout names
    has_gaps: bool  # whether missing videos are usual

    @classmethod
    def of(cls, listing: Listing) -> Self:
        """Those of a layout's listing."""
        named = len(listing.entries) + len(listing.missing)
        return cls(listing.classes, listing.note, listing.lost, named, listing.has_gaps)


class Kept(NamedTuple):
    """A finished table: the videos that can be read, the report of the others, and what else is said."""

    table: Rows
    report: Rows
    facts: Facts


def find(asked: Asked) -> Kept | None:
    """The kept listing that answers this question and still holds; None where there is none."""
    try:
        files = sorted(cache_folder("datasets").glob(f"{escape(asked.prefix())}*.arrow"), key=_modified, reverse=True)
    except OSError:
        return None
    for file in files:
        try:
            mapped = map_tables(file, SCHEMA)
            if _holds(mapped):
                os.utime(file)
                return _kept(file, mapped)
        except (ArrowFileError, OSError, KeyError, TypeError, IndexError):
            continue  # broken, or removed meanwhile: made again
    return None


def keep(
    asked: Asked, listing: Listing, stamps: pd.DataFrame | None, table: pd.DataFrame, report: pd.DataFrame
) -> Kept | None:
    """Keep a finished table. None, with a warning, where it cannot be kept; None where `stamps` are."""
    if stamps is None:
        return None
    facts, mark = Facts.of(listing), uuid4().hex
    tables = [_whole(table), _whole(report), _whole(stamps)]
    try:
        folder = cache_folder("datasets")
        file = write_tables(folder / f"{asked.prefix()}{mark[:8]}.arrow", tables, facts._asdict() | {"id": mark})
        _remove_old(folder, asked, but=file)
        return _kept(file, map_tables(file, SCHEMA))
    except (OSError, ArrowFileError) as error:
        warnings.warn(f"the list of videos of {asked.folder} cannot be kept: {error}", stacklevel=3)
        return None


def stamps_of(asked: Asked, listing: Listing, began: int) -> pd.DataFrame | None:
    """The stamps of a listing that was begun at that time (ns): they must be taken before any video is looked into.

    None for a listing that cannot be kept: a folder changed while it was made, or a name is not UTF-8.
    """
    few = len(listing.entries) <= WATCHED
    videos = [entry.path for entry in listing.entries]
    empty = [path for path, _ in listing.passed if path.is_dir()]
    others = [*(one.path for one in listing.missing), *(path for path, _ in listing.passed)]
    folders = {*_folders(asked.folder), *_above([*videos, *others], asked.root), *empty}
    source = Path(getattr(sys.modules.get(asked.layout.__module__), "__file__", None) or asked.folder)
    lists = {*_lists(folders), source, asked.folder, asked.root / CARRIED} - folders
    times = {folder: _time(folder) for folder in folders}
    states = {file: state(file) for file in [*lists, *(videos if few else [])]}
    if any(changed > began - TICK for changed in [*times.values(), *(states[file][1] for file in lists)]):
        return None
    rows = [(str(folder), FOLDER, changed) for folder, changed in times.items()]
    rows += [(str(file), *at) for file, at in states.items()]
    return pd.DataFrame(rows, columns=STAMPS) if all(is_text(path) for path, *_ in rows) else None


def _holds(mapped: Mapped) -> bool:
    columns = (mapped.batches[2].column(name).to_pylist() for name in STAMPS)
    return all(
        _time(path) == modified if size == FOLDER else state(path) == (size, modified)
        for path, size, modified in zip(*columns, strict=True)
    )


def _time(path: str | Path) -> int:
    return state(path)[1]


def _kept(file: Path, mapped: Mapped) -> Kept:
    about = mapped.about
    facts = Facts(tuple(about["classes"]), about["note"], tuple(about["lost"]), about["named"], about["has_gaps"])
    table, report = (MappedRows.of(file, mapped, batch, names) for batch, names in enumerate((TABLE, REPORT)))
    return Kept(table, report, facts)


def _whole(table: pd.DataFrame) -> pd.DataFrame:
    """The table with all columns of the file; those that it lacks are empty."""
    empty: dict[str, Any] = {"str": "", "int64": 0, "float64": 0.0, "bool": False}
    lacking = {name: empty[kind] for name, kind in SCHEMA.items() if name not in table}
    return table.assign(**lacking)[list(SCHEMA)].astype(SCHEMA)


def _folders(root: Path) -> list[Path]:
    """The root and the folders near it that may hold split files; of a root that is a file, its folder."""
    found = level = [root if root.is_dir() else root.parent]
    for _ in range(DEPTH if root.is_dir() else 0):
        level = [Path(child.path) for folder in level for child in _scanned(folder) if child.is_dir()]
        if len(found) + len(level) > FOLDERS:
            break
        found = [*found, *level]
    return found


def _scanned(folder: Path) -> Sequence[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as children:
            return [child for child in children if not child.name.startswith(".")]
    except OSError:
        return []


def _lists(folders: set[Path]) -> list[Path]:
    """The text files in these folders: split files, lists of classes, tables."""
    found: list[Path] = []
    for folder in sorted(folders, key=lambda folder: (len(folder.parts), folder)):
        if len(found) >= LISTS:
            break
        found += [Path(child.path) for child in _scanned(folder) if child.name.lower().endswith(TEXTS)]
    return found[:LISTS]


def _above(paths: Sequence[Path], root: Path) -> set[Path]:
    """The folders of these paths, and those above them up to the root."""
    found: set[Path] = set()
    for folder in {Path(parent) for parent in {os.path.dirname(path) for path in paths}}:  # noqa: PTH120  # ten times quicker
        while folder not in found:
            found.add(folder)
            if folder == root or not folder.is_relative_to(root):
                break
            folder = folder.parent
    return found


def _remove_old(folder: Path, asked: Asked, *, but: Path) -> None:
    for file in folder.glob(f"{escape(asked.prefix())}*.arrow"):
        if file != but and time.time() - _modified(file) > OLD:
            file.unlink(missing_ok=True)


def _modified(file: Path) -> float:
    return state(file)[1] / 1e9
