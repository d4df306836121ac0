"""Unpack archives that other people made: zip and tar here, rar through a program (`labkit.data.rar`).

Members become plain files below one folder. Nothing is written outside it, no link or device is made, and an archive that
would fill the disk is refused before or while it is unpacked. A member that only some systems can store is left out, so
that every machine gets the same files.
"""

import lzma
import os
import re
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from labkit.data import rar
from labkit.data.archive_limits import RATIO, ArchiveError, check_free, most_bytes
from labkit.data.video_file import is_text, shown

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tar.xz", ".txz")
MOST = 2_000_000  # members of an archive
LONGEST = 255  # bytes of a file name on nearly every disk
PIECE = 1 << 20  # bytes that are read at once

# Names that Windows gives to devices, with any suffix; and characters that it has in no file name.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')

# What Python's modules raise for archives that are damaged, or packed in a way that they do not know.
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, NotImplementedError)


@dataclass(frozen=True)
class Member:
    """One file in an archive: its path below the folder to unpack into, with forward slashes, and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class Contents:
    """The files of an archive that can be unpacked, and the names of those that are left out, with the reason."""

    members: list[Member]
    left_out: list[tuple[str, str]]

    @classmethod
    def of(cls, step: Mapping[str, Any]) -> "Contents":
        """What `as_step` wrote."""
        return cls([Member(*each) for each in step["files"]], [(name, reason) for name, reason in step["left_out"]])

    def as_step(self) -> dict[str, Any]:
        """The same as plain values, for JSON."""
        return {
            "files": [[one.name, one.size] for one in self.members],
            "left_out": [list(one) for one in self.left_out],
        }


def is_archive(path: Path) -> bool:
    """Whether the name is that of an archive. Of a rar in several volumes, only the first is one."""
    name = path.name.lower()
    later = re.search(r"\.part0*(\d+)\.rar$", name)
    return name.endswith((".zip", *TAR_SUFFIXES)) or (name.endswith(".rar") and (later is None or later[1] == "1"))


def contents(archive: Path) -> Contents:
    """The files in an archive, without unpacking. The sizes in a rar are not known: 0.

    Raises `ArchiveError` for an archive that is damaged or encrypted, has a name that leads out of it, a link or a
    device, or unpacks to `RATIO` times its size.
    """
    chosen = Chooser(archive)
    if archive.suffix.lower() == ".rar":
        for name in rar.names(archive):
            chosen.add(name, 0)
    else:
        with _reading(archive):
            for name, size, _ in _entries(archive):
                chosen.add(name, size)
    return Contents(chosen.members, chosen.left_out)


def unpack(archive: Path, folder: Path, *, on_file: Callable[[Member], object] = lambda _: None) -> Contents:
    """Unpack the files of an archive into `folder`. Files that an earlier call unpacked are not written again.

    Each file appears whole or not at all. `on_file` hears of each. A damaged file of a sound zip is left out, with its
    reason. Raises `ArchiveError` as `contents` does, and `OSError` where the disk is too small.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chosen = Chooser(archive)
    if archive.suffix.lower() == ".rar":
        with rar.unpacked(archive, folder) as files:
            for name, file in files:
                if member := chosen.add(name, file.stat().st_size):
                    place(folder, member.name).parent.mkdir(parents=True, exist_ok=True)
                    file.replace(place(folder, member.name))
                    on_file(member)
        return Contents(chosen.members, chosen.left_out)
    with _reading(archive):
        for name, size, opened in _entries(archive):
            if member := chosen.add(name, size):
                if problem := _write(archive, member, opened, folder):
                    chosen.drop(member, problem)
                on_file(member)
    return Contents(chosen.members, chosen.left_out)


def place(folder: Path, name: str) -> Path:
    """The path of a member that `Chooser` let pass."""
    return folder.joinpath(*name.split("/"))


class Chooser:
    """Look at each member of an archive in turn: take it, leave it out, or refuse the archive."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.members: list[Member] = []
        self.left_out: list[tuple[str, str]] = []
        self._taken: dict[str, str] = {}  # names by their folded form
        self._folders: set[str] = set()  # in folded form
        self._seen, self._size = 0, 0
        self.limit = most_bytes(archive)

    def add(self, name: str, size: int) -> Member | None:
        """The member to unpack, or None if it is left out. Raises `ArchiveError` where the archive must be refused."""
        clean = self._inside(name)
        self._seen, self._size = self._seen + 1, self._size + size
        if self._seen > MOST:
            raise ArchiveError(
                self.archive, f"it holds more than {MOST:,} files; unpack it yourself and give the folder"
            )
        if self._size > self.limit:
            raise ArchiveError(
                self.archive, f"it unpacks to more than {RATIO} times its size, as no archive of videos does"
            )
        if problem := self._problem(clean):
            self.left_out.append((clean, problem))
            return None
        folded = _folded(clean)
        self._taken[folded] = clean
        self._folders.update(_parents(folded))
        self.members.append(Member(clean, size))
        return self.members[-1]

    def drop(self, member: Member, reason: str) -> None:
        """Leave out a member that could not be unpacked."""
        self.members.remove(member)
        self.left_out.append((member.name, reason))

    def _inside(self, name: str) -> str:
        """The name with forward slashes. Raises `ArchiveError` if it leads out of the archive."""
        slashed = name.replace("\\", "/")
        parts = [part for part in slashed.split("/") if part not in ("", ".")]
        if slashed.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", slashed) or not parts:
            raise ArchiveError(self.archive, f"its file {shown(name)!r} leads out of it, so nothing is unpacked")
        return "/".join(parts)

    def _problem(self, name: str) -> str:
        """The reason to leave a member out; empty if it is taken."""
        for part in name.split("/"):
            if _DEVICES.fullmatch(part) or _FORBIDDEN.search(part) or part.endswith((".", " ")):
                return "not every system can store a file of this name"
            if not is_text(part):
                return "its name is not in UTF-8"
            if len(part.encode()) > LONGEST:
                return f"its name is longer than {LONGEST} bytes"
        folded = _folded(name)
        if other := self._taken.get(folded):
            same = other == name
            return "the archive holds this name twice" if same else f"it differs from {shown(other)} in capitals only"
        if folded in self._folders or any(parent in self._taken for parent in _parents(folded)):
            return "the archive holds a folder and a file of this name"
        return ""


def _folded(name: str) -> str:
    """The form in which names are compared by disks that do not tell capitals or ways of writing an accent apart."""
    return unicodedata.normalize("NFC", name).casefold()


def _parents(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _entries(archive: Path) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
    """Name, size and a way to open each file of a zip or tar. Folders are passed over. Raises `ArchiveError`."""
    return _zip_entries(archive) if archive.name.lower().endswith(".zip") else _tar_entries(archive)


def _zip_entries(archive: Path) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
    with zipfile.ZipFile(archive) as opened:
        for one in opened.infolist():
            if one.flag_bits & 0x1:
                raise ArchiveError(archive, "it is encrypted; unpack it yourself and give the folder")
            kind = (one.external_attr >> 16) & 0o170000  # as Unix writes it; 0 from other systems
            if kind not in (0, 0o100000, 0o040000):
                raise _odd(archive, one.filename)
            # The name in the file itself, for `filename` has been changed: cut at a zero byte, other slashes.
            if not one.orig_filename.endswith(("/", "\\")):
                yield one.orig_filename, one.file_size, lambda one=one: opened.open(one)  # type: ignore[misc]


def _tar_entries(archive: Path) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
    with tarfile.open(archive) as opened:
        while one := opened.next():
            if not (one.isreg() or one.isdir()):
                raise _odd(archive, one.name)
            if one.isreg():
                yield one.name, one.size, lambda one=one: opened.extractfile(one)  # type: ignore[misc]
            opened.members.clear()  # type: ignore[attr-defined]  # tarfile would keep them all in memory


def _odd(archive: Path, name: str) -> ArchiveError:
    why = f"{shown(name)!r} in it is a link or a device, so nothing is unpacked"
    return ArchiveError(archive, f"{why}; if you trust it, unpack it yourself and give the folder")


def _write(archive: Path, member: Member, opened: Callable[[], IO[bytes]], folder: Path) -> str:
    """Write one member under a temporary name and rename it. Returns the reason where a zip's member is damaged.

    It gets the archive's time of change: by this and its size it is known again. Raises `OSError` before the disk is full.
    """
    target, time = place(folder, member.name), archive.stat().st_mtime_ns
    if target.is_file() and (about := target.stat()).st_size == member.size and about.st_mtime_ns == time:
        return ""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder / ".unpacking"  # one is enough: a folder is unpacked into by one process
    try:
        with opened() as source, temporary.open("wb") as out:
            left = member.size
            while piece := source.read(min(PIECE, left)):
                check_free(archive, folder, left)  # others may fill the disk meanwhile
                out.write(piece)
                left -= len(piece)
            if left:
                raise EOFError("it ends early")
            source.read(1)  # a zip compares the checksum at the end
        os.utime(temporary, ns=(time, time))
        temporary.replace(target)
        return ""
    except DAMAGE as error:
        return f"damaged in the archive ({error or 'it ends early'})"
    except OSError as error:
        if error.errno is not None:
            raise
        return f"damaged in the archive ({error})"  # in bz2's words
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    """Turn what Python's modules raise for a damaged archive into an `ArchiveError`."""
    try:
        yield
    except ArchiveError:
        raise
    except DAMAGE as error:
        why = (str(error).splitlines() or ["it ends early"])[0].rstrip(":")
        raise ArchiveError(archive, f"it cannot be unpacked ({why}): it may be cut short, download it again") from error
    except OSError as error:
        if error.errno is None:  # gzip's and bz2's word for broken data
            raise ArchiveError(archive, f"it is damaged ({error}): download it again") from error
        raise
