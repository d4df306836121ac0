"""The files of a dataset as people have them: loose in a folder, in archives, and in archives inside archives.

Archives are unpacked into a hidden folder, `STAGE`, one level of nested ones too. What the journal says was done is not
unpacked again.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.counting import counted
from labkit.data.archives import Member, contents, is_archive, place, unpack
from labkit.data.journal import Journal
from labkit.data.prepared_names import Line, check_names, is_wanted
from labkit.data.room import check_room
from labkit.data.video_file import is_text, shown

STAGE = ".unpacked"


@dataclass(frozen=True)
class Item:
    """One file of the dataset: its name below the root, the file itself, and a text that changes when its content may."""

    name: str  # with forward slashes
    file: Path
    origin: str
    size: int


@dataclass(frozen=True)
class _Archive:
    """One archive: its name in the journal, its file, the folder below the root that it is unpacked into, its origin."""

    name: str
    file: Path
    folder: str
    origin: str


class Sources:
    """All files of a source folder. `unpack_all` fills the stage; then `items` has every file and `lines` the report."""

    def __init__(self, name: str, source: Path, dest: Path, journal: Journal) -> None:
        self.kind, self.dest, self.journal = name, dest, journal
        self.stage = dest / STAGE
        self.lines: list[Line] = []
        self.items: dict[str, Item] = {}
        self._archives: list[_Archive] = []
        for relative, file in _files(source):
            if not is_text(relative):
                self.lines.append(Line(shown(relative), "its name is not UTF-8: rename it", "unreadable"))
                continue
            about = file.stat()
            origin = f"{about.st_size} {about.st_mtime_ns}"
            if is_archive(file):
                self._archives.append(_Archive(relative, file, _parent(relative), f"{relative} {origin}"))
            else:
                self.items[relative] = Item(relative, file, origin, about.st_size)

    @property
    def is_empty(self) -> bool:
        """Whether there is no file at all."""
        return not self.items and not self._archives

    def unpack_all(self, done: Callable[[Item], bool], progress: bool) -> None:
        """Unpack what is not unpacked or `done` yet. Raises `ArchiveError`, `WrongDatasetError`, and `OSError` for the disk."""
        inner = self._round(self._archives, done, progress, nested=True)
        self._round(inner, done, progress, nested=False)

    def _round(
        self, archives: list[_Archive], done: Callable[[Item], bool], progress: bool, *, nested: bool
    ) -> list[_Archive]:
        """Unpack these archives; the archives that were in them."""
        known = {one.name: self._known(one) for one in archives}
        for one in archives:
            if known[one.name] is None:
                found = contents(one.file)
                known[one.name] = {
                    "files": [[member.name, member.size] for member in found.members],
                    "left_out": [list(each) for each in found.left_out],
                }
        listed = [name for found in known.values() if found for name, _ in found["files"]]
        check_names(self.kind, [*self.items, *listed])
        todo = [one for one in archives if self._is_needed(one, known[one.name] or {}, done)]
        self._check_room(todo, known)
        for one in _bar(todo, "unpacking", progress):
            known[one.name] = self._unpack(one)
        inner = []
        for one in archives:
            inner += self._take(one, known[one.name] or {}, nested)
        return inner

    def _known(self, one: _Archive) -> dict[str, Any] | None:
        """The step of the journal for this state of the archive."""
        step = self.journal.archives.get(one.name)
        return step if step is not None and step["origin"] == one.origin else None

    def _is_needed(self, one: _Archive, found: dict[str, Any], done: Callable[[Item], bool]) -> bool:
        """Whether a file of the archive is wanted that lies nowhere yet."""
        for item in self._listed(one, found):
            if is_archive(item.file):
                inner = self._inner(one, item)
                step = self._known(inner)
                if step is None or (not item.file.is_file() and self._is_needed(inner, step, done)):
                    return True
            elif is_wanted(item.name) and not (item.name in self.items or _is_there(item) or done(item)):
                return True
        return False

    def _unpack(self, one: _Archive) -> dict[str, Any]:
        folder = self.stage if not one.folder else place(self.stage, one.folder)
        found = unpack(one.file, folder)
        step = {
            "archive": one.name,
            "origin": one.origin,
            "files": [[member.name, member.size] for member in found.members],
            "left_out": [list(each) for each in found.left_out],
        }
        self.journal.note(step)
        return step

    def _take(self, one: _Archive, found: dict[str, Any], nested: bool) -> list[_Archive]:
        """Add the files of an unpacked archive to the items; the archives among them."""
        inner = []
        for name, reason in found.get("left_out", []):
            self.lines.append(Line(f"{one.name}/{name}", reason, "unreadable" if is_wanted(name) else "passed over"))
        for item in self._listed(one, found):
            if not is_archive(item.file):
                self.items.setdefault(item.name, item)  # a loose file of the same name comes first
            elif nested:
                inner.append(self._inner(one, item))
            else:
                self.lines.append(Line(item.name, "an archive in an archive in an archive", "passed over"))
        return inner

    def _listed(self, one: _Archive, found: dict[str, Any]) -> Iterator[Item]:
        for name, size in found.get("files", []):
            below = f"{one.folder}/{name}" if one.folder else name
            yield Item(below, place(self.stage, below), f"{one.origin} {name} {size}", size)

    def _inner(self, one: _Archive, item: Item) -> _Archive:
        """An archive that lay in an archive. Loose files in it get a folder of its name, as if it were a class."""
        step = self.journal.archives.get(item.name)
        return _Archive(item.name, item.file, _parent(item.name), item.origin)

    def _check_room(self, todo: list[_Archive], known: dict[str, dict[str, Any] | None]) -> None:
        """The unpacked files, and the prepared ones, which are about as large. A rar does not say: it is taken for full."""
        size = 0
        for one in todo:
            inside = sum(size for _, size in (known[one.name] or {}).get("files", []))
            size += 2 * max(inside, one.file.stat().st_size)
        check_room(self.dest, size, f"{counted(len(todo), 'archive')} and the prepared videos take")


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
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in sorted(files):
            file = Path(where) / name
            if not is_hidden(name) and file.is_file():
                yield file.relative_to(source).as_posix(), file
