"""The members of a tar file, from their headers alone: names, places, and the content of small texts.

Nothing is unpacked, so a member's name leads nowhere, and a tar file inside a tar file is one member. Nothing is unpickled.
"""

import tarfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import PurePosixPath
from typing import NamedTuple

from labkit.data.pieces import Window, state_of

TEXTS = (".cls", ".txt", ".json")  # members whose content says what a video shows
LONGEST_TEXT = 1 << 20  # bytes


class Member(NamedTuple):
    """A file in a tar file: its name, the place of its bytes, and its content if it is a small text."""

    name: str
    offset: int
    size: int
    text: bytes | None = None

    @property
    def suffix(self) -> str:
        """The last suffix of the name, in small letters."""
        return PurePosixPath(self.name).suffix.lower()


class Members(NamedTuple):
    """The members that a tar file holds whole, in its order; and what is lost of it, empty if nothing is."""

    members: list[Member]
    fault: str


def members_of(shard: str) -> Members:
    """The members of a tar file at a path or an fsspec address, up to its end or to the first fault.

    Raises `OSError` where the file is missing or cannot be read.
    """
    size = state_of(shard).size
    found: list[Member] = []
    with Window(shard, 0, size) as window:
        try:
            tar = tarfile.TarFile(fileobj=window)
        except tarfile.TarError as error:
            return Members([], f"it is not a tar file ({error})")
        try:
            for info in tar:
                if info.offset_data + info.size > size:
                    return Members(found, f"it is cut short at byte {size:,}: lost from {info.name} on")
                if info.isreg() and not info.issparse():
                    found.append(_member(window, info))
        except Exception as error:  # tarfile raises many kinds where numbers in a header make no sense
            return Members(found, f"{_after(found)}, at byte {tar.offset:,}, it is broken ({error}): the rest is lost")
        window.seek(tar.offset)
        end = window.read(tarfile.BLOCKSIZE)
    if not end:
        return Members(found, f"it ends without an end mark {_after(found)}: what came then is lost")
    if end.strip(b"\0"):
        return Members(found, f"the header {_after(found)}, at byte {tar.offset:,}, is broken: the rest is lost")
    return Members(found, "")


def _after(found: list[Member]) -> str:
    return f"after {found[-1].name}" if found else "at its beginning"


def _member(window: Window, info: tarfile.TarInfo) -> Member:
    member = Member(info.name, info.offset_data, info.size)
    if member.suffix not in TEXTS or info.size > LONGEST_TEXT:
        return member
    window.seek(info.offset_data)
    return member._replace(text=window.read(info.size))


def samples(members: list[Member]) -> Iterator[tuple[str, list[Member]]]:
    """The samples of a shard in WebDataset's layout: neighbours with the same key, the name up to its first dot."""
    for key, group in groupby(members, key_of):
        if key:
            yield key, list(group)


def key_of(member: Member) -> str:
    """The key of the sample that a member belongs to; empty for a name without a dot and for hidden files."""
    folder, slash, name = member.name.rpartition("/")
    stem, dot, _ = name.partition(".")
    return f"{folder}{slash}{stem}" if dot and stem else ""
