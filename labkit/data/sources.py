"""The files of a dataset as people have them: loose in a folder, in archives, and in archives inside archives.

Archives are unpacked into a hidden folder, `STAGE`, nested ones one level deep. What the journal says was done is not
unpacked again.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from labkit.bars import tqdm
from labkit.counting import counted
from labkit.data.archive_limits import SPARE
from labkit.data.archives import Contents, Member, contents, is_archive, place, unpack
from labkit.data.journal import Journal
from labkit.data.report_lines import Line
from labkit.data.signs import check_names
from labkit.data.video_file import is_text, shown
from labkit.data.videos_below import OTHER_SUFFIXES, VIDEO_SUFFIXES

STAGE = ".unpacked"
GROWTH = 1.7  # a prepared video of the old size may be so many times larger, for its keyframes are closer; seen: 1.6


@dataclass(frozen=True)
class Item:
    """One file of the dataset: its name below the root, the file itself, and a text that changes when its content may."""

    name: str  # with forward slashes
    file: Path
    origin: str
    size: int  # bytes

    @property
    def is_video(self) -> bool:
        """Whether the name is a video's."""
        return self.file.suffix.lower() in VIDEO_SUFFIXES

    @property
    def is_list(self) -> bool:
        """Whether the name is that of a text: split lists, annotations."""
        return OTHER_SUFFIXES.get(self.file.suffix.lower()) == "text"


@dataclass(frozen=True)
class _Archive:
    """One archive: its name, its file, the folder below the root that its files belong to, and its origin."""

    name: str
    file: Path
    folder: PurePosixPath
    origin: str
    size: int
    nested: bool = False
    found: Contents | None = None


class Sources:
    """All files of a source folder. After `unpack_all`, `items` has every file by name and `lines` says what is left out."""

    def __init__(self, kind: str, source: Path, dest: Path, journal: Journal) -> None:
        self._kind, self._dest, self._journal = kind, dest, journal
        self.stage = dest / STAGE
        self.lines: list[Line] = []
        self.items: dict[str, Item] = {}
        self._archives: list[_Archive] = []
        for name, file in _files(source):
            if not is_text(name):
                self.lines.append(Line(shown(name), "its name is not in UTF-8: rename it", "unreadable"))
                continue
            about = file.stat()
            item = Item(name, file, f"{name} {about.st_size} {about.st_mtime_ns}", about.st_size)
            if is_archive(file):
                self._archives.append(_archive(item))
            else:
                self.items[name] = item

    @property
    def is_empty(self) -> bool:
        """Whether there is no file at all."""
        return not self.items and not self._archives

    def unpack_all(self, done: Callable[[Item], bool], *, progress: bool) -> None:
        """Unpack what is neither unpacked nor `done`.

        Raises `ArchiveError` for an archive that must not be unpacked, `WrongDatasetError` for one of another dataset, and
        `OSError` where the disk has no room.
        """
        inner = self._unpack_these(self._archives, done, progress=progress)
        self._unpack_these(inner, done, progress=progress)

    def _unpack_these(
        self, archives: list[_Archive], done: Callable[[Item], bool], *, progress: bool
    ) -> list[_Archive]:
        """Unpack these archives and add their files to the items. Returns the archives that lay in them."""
        listed = [self._look(one) for one in archives]
        check_names(self._kind, [*self.items, *(item.name for one in listed for item in self._listed(one))])
        todo = [one for one in listed if self._is_needed(one, done)]
        self._check_room(todo)
        unpacked = {}
        total = sum(_unpacked_size(one) for one in todo)
        with tqdm(total=total, desc="unpacking", unit="B", unit_scale=True, delay=1, disable=not progress) as bar:
            for one in todo:
                unpacked[one.name] = self._unpack(one, lambda member: bar.update(member.size))
        return [inner for one in listed for inner in self._take(unpacked.get(one.name, one))]

    def _look(self, one: _Archive) -> _Archive:
        """The archive with what it holds: from the journal, or from the archive itself."""
        step = self._journal.archives.get(one.name)
        if step is None or step["origin"] != one.origin:
            return replace(one, found=contents(one.file))
        return replace(one, found=Contents.of(step))

    def _is_needed(self, one: _Archive, done: Callable[[Item], bool]) -> bool:
        """Whether a file of the archive is wanted and lies nowhere yet."""
        step = self._journal.archives.get(one.name)
        unpacked = step is not None and step["origin"] == one.origin
        for item in self._listed(one):
            if item.name in self.items or (unpacked and _is_there(item)):
                continue
            if is_archive(item.file):
                if one.nested:
                    continue  # it lies too deep
                inner = self._journal.archives.get(item.name)
                known = inner is not None and inner["origin"] == item.origin
                if not known or self._is_needed(self._look(_archive(item, nested=True)), done):
                    return True
            elif (item.is_video or item.is_list) and not done(item):
                return True
        return False

    def _unpack(self, one: _Archive, on_file: Callable[[Member], object]) -> _Archive:
        found = unpack(one.file, place(self.stage, _folder(one).as_posix()), on_file=on_file)
        self._journal.note({"archive": one.name, "origin": one.origin, **found.as_step()})
        return replace(one, found=found)

    def _take(self, one: _Archive) -> Iterator[_Archive]:
        """Add the files of an unpacked archive to the items; yield the archives among them."""
        assert one.found is not None
        for name, reason in one.found.left_out:
            what = "unreadable" if Path(name).suffix.lower() in VIDEO_SUFFIXES else "passed over"
            self.lines.append(Line(shown(f"{one.name}/{name}"), reason, what))
        for item in self._listed(one):
            if not is_archive(item.file):
                self.items.setdefault(item.name, item)  # a loose file of the same name comes first
            elif one.nested:
                self.lines.append(Line(item.name, "it lies too deep, in an archive in an archive", "unreadable"))
            else:
                yield _archive(item, nested=True)

    def _listed(self, one: _Archive) -> Iterator[Item]:
        for member in one.found.members if one.found else ():
            name = (_folder(one) / member.name).as_posix()
            yield Item(name, place(self.stage, name), f"{one.origin} {member.name} {member.size}", member.size)

    def _check_room(self, todo: list[_Archive]) -> None:
        size = sum((1 + GROWTH) * _unpacked_size(one) for one in todo)
        check_room(self._dest, size, f"{counted(len(todo), 'archive')}, unpacked and prepared, may take")


def check_room(folder: Path, size: float, what: str) -> None:
    """Raise `OSError` where so many bytes do not fit on the folder's disk. `what` begins the message: `2 archives take`."""
    free = shutil.disk_usage(folder).free
    if size and size + SPARE > free:
        raise OSError(
            f"{what} {size / 1e6:,.0f} MB, and {shown(folder)} has {free / 1e6:,.0f} MB free: make room, or name a folder "
            "on a larger disk"
        )


def _archive(item: Item, *, nested: bool = False) -> _Archive:
    return _Archive(item.name, item.file, PurePosixPath(item.name).parent, item.origin, item.size, nested)


def _folder(one: _Archive) -> PurePosixPath:
    """The folder for its files. Loose files of a nested archive get a folder of its name, for it stands for a class."""
    members = one.found.members if one.found else []
    flat = one.nested and all("/" not in member.name for member in members)
    return one.folder / PurePosixPath(one.name).stem if flat else one.folder


def _unpacked_size(one: _Archive) -> int:
    """Bytes of its files. A rar does not say: it is taken for as large as itself, since videos hardly shrink."""
    return max(one.size, sum(member.size for member in one.found.members) if one.found else 0)


def _is_there(item: Item) -> bool:
    """Whether the file lies unpacked, whole. The size of a member of a rar is not known before."""
    return item.file.is_file() and item.file.stat().st_size == item.size


def _files(source: Path) -> Iterator[tuple[str, Path]]:
    """All visible files below a folder, by name, with links followed; or the one file itself."""
    if source.is_file():
        yield source.name, source
        return
    seen: set[str] = set()
    for where, folders, files in os.walk(source, followlinks=True):
        real = os.path.realpath(where)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted(files):
            file = Path(where) / name
            if not _is_hidden(name) and file.is_file():
                yield file.relative_to(source).as_posix(), file


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
