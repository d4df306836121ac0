"""A downloaded dataset made ready for training: unpacked, every video small and quick to read, all frames counted.

The new folder has the dataset's own layout, so that `open_dataset` reads it like the original. It carries its index,
`index.arrow`. `report.csv` names what is missing. A call that was stopped, killed or ran out of disk goes on where it was.
"""

import errno
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from labkit.atomic import write_atomically
from labkit.data.archives import is_archive, place
from labkit.data.dataset_index import FACTS, write_index
from labkit.data.dataset_kinds import KINDS, Kind, refuse_url
from labkit.data.journal import Journal, check_folder
from labkit.data.layouts import LayoutError
from labkit.data.processes import map_files
from labkit.data.report_lines import Line, write_lines
from labkit.data.sources import GROWTH, Item, Sources, check_room
from labkit.data.transcode import CRF, GOP, Task, prepare_video
from labkit.data.verify import all_listed
from labkit.data.videos_below import OTHER_SUFFIXES
from labkit.locks import alone
from labkit.names import choose

REPORT = "report.csv"
LOCK = ".prepare.lock"
SHORT_SIDE = 256  # pixels, for a kind of which the papers say nothing
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FolderInUseError(RuntimeError):
    """Another process prepares the same folder."""


@dataclass(frozen=True)
class Prepared:
    """The outcome: usable videos and their bytes, how many this call made, and a line for each file that is left out."""

    folder: Path
    videos: int
    size: int
    made: int
    lines: tuple[Line, ...]
    problem: str = ""  # why `open_dataset` cannot read the folder yet, for lack of split lists, say

    @property
    def is_whole(self) -> bool:
        """Whether every video is there, but for those that nobody can get any more."""
        return not self.problem and not any(line.is_fault for line in self.lines)


def prepare(
    name: str,
    source: str | Path,
    dest: str | Path,
    *,
    short_side: int | None = None,
    keep: bool = False,
    workers: int | None = None,
    progress: bool = True,
) -> Prepared:
    """Prepare the dataset `name` (a kind of `KINDS`) from `source`, archives and folders, in the folder `dest`.

    Frames get the short side `short_side`, in pixels, by default the papers' one; they are never enlarged. With `keep`
    videos stay as they are. `dest` is new, or one that an earlier call with the same settings began.

    Raises `LayoutError` where there is no source, `ValueError` for an address, settings that do not fit, and folders that
    overlap; `ArchiveError` and `WrongDatasetError` for archives; `FolderInUseError`; `OSError` where the disk is full.
    """
    kind = KINDS[choose(name, tuple(KINDS), "dataset")]
    given, folder = _given(name, kind, source), Path(dest).expanduser()
    side = None if keep else _checked_side(short_side or kind.short_side or SHORT_SIDE)
    _check_apart(given, folder)
    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"kind": name, "short_side": side, "crf": CRF, "gop": GOP}
    in_use = f"another process prepares {folder} at the moment: wait for it, or stop it and type the same command again"
    with (
        alone(folder / LOCK, refuse=lambda: FolderInUseError(in_use)),
        _going_on(folder),
        Journal(folder, settings) as journal,
    ):
        sources = Sources(name, given, folder, journal)
        if sources.is_empty:
            raise LayoutError(
                f"{given} is empty. For {name} it is laid out like this, or holds archives of it:\n{kind.tree}"
            )
        sources.unpack_all(lambda item: _done(item, journal, folder), progress=progress)
        work = _Work(sources, journal, folder, side)
        made = work.make(workers, progress)
        return _finished(name, work, made)


class _Work:
    """The files to make: videos by the name of the new file, lists, and the lines about the others."""

    def __init__(self, sources: Sources, journal: Journal, folder: Path, side: int | None) -> None:
        self.journal, self.folder, self.side, self.stage = journal, folder, side, sources.stage
        self.lines = list(sources.lines)
        self.videos: dict[str, Item] = {}
        self.lists: dict[str, Item] = {}
        taken: dict[str, str] = {}  # by the form in which some disks compare names
        for item in sorted(sources.items.values(), key=lambda item: item.name):
            if not (item.is_video or item.is_list):
                why = OTHER_SUFFIXES.get(item.file.suffix.lower(), "its name is not a video's")
                self.lines.append(Line(item.name, why, "passed over"))
                continue
            name = str(PurePosixPath(item.name).with_suffix(".mp4")) if item.is_video and side else item.name
            other = taken.setdefault(unicodedata.normalize("NFC", name).casefold(), item.name)
            if other != item.name:
                self.lines.append(
                    Line(item.name, f"the prepared file would have the name of that of {other}", "unreadable")
                )
                continue
            (self.videos if item.is_video else self.lists)[name] = item

    def make(self, workers: int | None, progress: bool) -> int:
        """Copy the lists and make the videos that are not done. Returns the number of videos made."""
        for name, item in self.lists.items():
            if item.file.is_file():  # else a call before this one has copied it
                write_atomically(place(self.folder, name), partial(shutil.copyfile, item.file))
                self.journal.note({"list": name, "origin": item.origin})
        todo = [name for name, item in self.videos.items() if not _done(item, self.journal, self.folder)]
        check_room(self.folder, GROWTH * sum(self.videos[name].size for name in todo), "the prepared videos may take")
        tasks = [Task(self.videos[name].file, place(self.folder, name), self.side) for name in todo]
        for position, outcome in map_files(
            prepare_video, tasks, label="preparing videos", workers=workers, progress=progress
        ):
            item = self.videos[todo[position]]
            if "reason" in outcome:  # an earlier state of the source may have been readable
                place(self.folder, todo[position]).unlink(missing_ok=True)
            self.journal.note({"video": item.name, "origin": item.origin, "path": todo[position], **outcome})
        return len(todo)

    def outcomes(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The name of each new video, sorted, and what the journal says of it."""
        for name, item in sorted(self.videos.items()):
            yield name, self.journal.videos[item.name]


def _done(item: Item, journal: Journal, folder: Path) -> bool:
    """Whether the journal has this file in its present state, and the new file is there. Broken videos are tried again."""
    step = (journal.lists if item.is_list else journal.videos).get(item.name)
    if step is None or step["origin"] != item.origin:
        return False
    if item.is_list:
        return place(folder, item.name).is_file()
    if "reason" in step:
        return not item.file.is_file()
    file = place(folder, step["path"])
    return file.is_file() and file.stat().st_size == step["bytes"]


def _finished(name: str, work: _Work, made: int) -> Prepared:
    """Write the index and the report, and remove the unpacked files."""
    rows: list[dict[str, Any]] = []
    lines = list(work.lines)
    for path, outcome in work.outcomes():
        if "reason" in outcome:
            lines.append(Line(outcome["video"], outcome["reason"], "unreadable"))
            continue
        rows.append({"path": path, **{column: outcome[column] for column in FACTS if column in outcome}, "exact": True})
        if outcome["damage"]:
            lines.append(
                Line(outcome["video"], f"only its first {outcome['frames']} frames: {outcome['damage']}", "damaged")
            )
    if not rows:
        write_lines(work.folder / REPORT, lines)
        raise LayoutError(f"there is no video that can be read; {work.folder / REPORT} says why")
    write_index(work.folder, pd.DataFrame(rows, columns=list(FACTS)))
    missing, problem = _missing(name, work.folder)
    lines += missing
    write_lines(work.folder / REPORT, lines)
    shutil.rmtree(work.stage, ignore_errors=True)
    size = sum(row["bytes"] for row in rows)
    return Prepared(work.folder, len(rows), size, made, tuple(lines), problem)


def _missing(name: str, folder: Path) -> tuple[list[Line], str]:
    """A line for each video that the split lists name and the folder lacks; and why they cannot be read, if they cannot."""
    try:
        listed = all_listed(name, folder)
    except LayoutError as error:
        return [], str(error)
    return listed.missing_lines(folder), ""


def _given(name: str, kind: Kind, source: str | Path) -> Path:
    """The source folder, or one archive. Raises `LayoutError` for an address, and with the layout where there is nothing."""
    refuse_url(str(source))
    given = Path(source).expanduser()
    if not (given.is_dir() or (given.is_file() and is_archive(given))):
        raise LayoutError(
            f"{given} is neither a folder nor an archive. For {name} it holds the archives that you downloaded, or is laid "
            f"out like this:\n{kind.tree}"
        )
    return given


def _checked_side(side: int) -> int:
    if side < 16 or side % 2:
        raise ValueError(f"the short side must be an even number of at least 16 pixels, as H.264 wants it, not {side}")
    return side


def _check_apart(source: Path, dest: Path) -> None:
    """Raise `ValueError` where one folder lies in the other: the new files would be taken for sources."""
    old, new = source.resolve(), dest.resolve()
    if old == new or old in new.parents or new in old.parents:
        raise ValueError(f"{dest} and {source} lie in each other: name a new folder beside the source")


@contextmanager
def _going_on(folder: Path) -> Iterator[None]:
    """Say after Ctrl-C and of a full disk that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; the same command goes on where it was") from None
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise OSError(
            error.errno,
            "the disk is full. What is prepared stays; make room, and the same command goes on",
            str(folder),
        ) from error
