"""A piece of a shard: one video inside a tar file, read by byte ranges from this disk or from an fsspec address.

A piece has an address, which stands in tables where a file's path would stand: `SHARD.tar@OFFSET+SIZE/NAME`.
"""

import io
import os
import re
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from labkit.names import did_you_mean

# A request costs about as long as reading a mebibyte. A piece up to this size is read in one request.
WHOLE = 1 << 20
# A larger piece is read in blocks: 16 frames of a video of 128 lines, with the keyframe before them, fill about half of one.
BLOCK = 1 << 18
LONGEST = 8  # blocks in one request, where a video is read on and on
KEPT = 16  # blocks that a reader keeps

ADDRESS = re.compile(r"(?P<shard>.+\.tar)@(?P<offset>\d+)\+(?P<size>\d+)/(?P<name>.+)", re.DOTALL)
# A Windows drive has one letter, so a protocol has two at least.
REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)")


class AddressError(ValueError):
    """An address that labkit does not read. The message says why."""


@dataclass(frozen=True)
class Piece:
    """One member of a shard: `size` bytes from byte `offset` of `shard`, a path or an fsspec address."""

    shard: str
    offset: int
    size: int
    member: str  # its name in the tar file

    @property
    def name(self) -> str:
        """The last part of the member's name."""
        return PurePosixPath(self.member).name

    def __str__(self) -> str:
        return f"{self.shard}@{self.offset}+{self.size}/{self.member}"


def located(source: "str | Path | Piece") -> "Path | Piece":
    """The piece where the text is a piece's address, else the path."""
    if isinstance(source, str) and (found := ADDRESS.fullmatch(source)):
        return Piece(found["shard"], int(found["offset"]), int(found["size"]), found["name"])
    return Path(source) if isinstance(source, str) else source


class State(NamedTuple):
    """The size of a shard in bytes, and a text that changes when the shard changes."""

    size: int
    mark: str


def state_of(shard: str) -> State:
    """The state of a shard: one look at a file, or one request a process to an fsspec address.

    Objects in a store do not change while they are read, so a process asks once (until `forget`). Raises `OSError` where the shard is
    missing or cannot be reached, and `AddressError` as `file_system` does.
    """
    path = local_path(shard)
    if path is None:
        return _remote_state(shard)
    about = path.stat()
    return State(about.st_size, str(about.st_mtime_ns))


@lru_cache(maxsize=100_000)
def _remote_state(shard: str) -> State:
    system, path = file_system(shard)
    about = system.info(path)
    kept = ("etag", "md5", "generation", "mtime", "lastmodified", "last_modified", "created", "modified")
    mark = {name: str(value) for name, value in sorted(about.items()) if name.lower() in kept}
    if about.get("size") is None:
        raise OSError(f"{shard}: its server does not tell the size, so it cannot be read by byte ranges")
    return State(int(about["size"]), str(mark))


def forget() -> None:
    """Ask again for the state of every shard: done where a dataset is opened or indexed, for its shards may be new."""
    _remote_state.cache_clear()
    _small_piece.cache_clear()


def local_path(address: str) -> Path | None:
    """The path where an address is a file of this computer (`/data/x.tar`, `file:///data/x.tar`); None for others.

    Raises `AddressError` for `pipe:`.
    """
    if address.startswith("pipe:"):
        raise AddressError("a pipe: address runs a program, and labkit runs none: give the address of the shards")
    if address.startswith(("file://", "local://")):
        from fsspec.implementations.local import LocalFileSystem

        return Path(LocalFileSystem._strip_protocol(address))
    return None if REMOTE.match(address) else Path(address)


def file_system(address: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path in it.

    Raises `AddressError` for an unknown protocol, with the nearest, and for one whose package is missing.
    """
    from fsspec.core import url_to_fs
    from fsspec.registry import known_implementations, registry

    known = {*known_implementations, *registry}
    for link in address.split("::"):
        protocol = link.partition("://")[0]
        if protocol not in known:
            raise AddressError(f"{address}: no protocol {protocol!r}{did_you_mean(protocol, known)}")
        if protocol == "reference":
            raise AddressError(f"{address}: a file of references leads anywhere, so labkit reads none")
    try:
        system, path = url_to_fs(address)
    except ImportError as error:
        raise AddressError(f"{address}: its protocol needs another package ({error})") from None
    return system, path


def opened(source: Path | Piece) -> "io.BufferedReader | Window":
    """A file, or a piece of a shard, opened for reading its bytes. Raises `OSError` and `AddressError`."""
    return Window(source.shard, source.offset, source.size) if isinstance(source, Piece) else source.open("rb")


def read_range(shard: str, start: int, stop: int) -> bytes:
    """The bytes from `start` to `stop` of a shard. Raises `OSError` where the shard has not all of them."""
    with Window(shard, start, stop - start) as window:
        return window.read()


@lru_cache(maxsize=4)
def _small_piece(shard: str, start: int, stop: int) -> bytes:
    """The bytes of a small piece. Kept for a moment: the first read of a video opens it to index it, and then again."""
    return _requested(*file_system(shard), start, stop)


def _requested(system: Any, path: str, start: int, stop: int) -> bytes:
    data: bytes = system.cat_file(path, start, stop)
    if len(data) > stop - start:
        raise OSError(f"{path}: its server gives no byte ranges; fetch the shards to a disk first")
    return data


class Window(io.RawIOBase):
    """A range of bytes of a shard, as a file that can be sought: `size` bytes from byte `offset`.

    A local file is read as it is asked for. From an fsspec address it reads a small range whole, and a larger one in
    blocks; the more of them are asked for in a row, the more it reads in one request.
    """

    def __init__(self, shard: str, offset: int, size: int, *, name: str = "") -> None:
        # PyAV hands the name to ffmpeg. A plain suffix may help it, and nothing else of the name may reach it.
        suffix = PurePosixPath(name).suffix.lower()
        self.name = f"piece{suffix if re.fullmatch('[.][a-z0-9]+', suffix) else ''}"
        self._shard, self._offset, self._size, self._at = shard, offset, size, 0
        path = local_path(shard)
        self._file = None if path is None else path.open("rb", buffering=0)
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._length = size if size <= WHOLE else BLOCK
        self._next, self._run = -1, 1  # the block that would follow the last request, and blocks of the next request
        self._system: Any = None
        self._path = ""
        if path is None:
            self._system, self._path = file_system(shard)

    def read(self, count: int | None = -1) -> bytes:
        """Up to `count` bytes, fewer at the end. Raises `OSError` where the shard ends before the range does."""
        left = max(0, self._size - self._at)
        count = left if count is None or count < 0 else min(count, left)
        data = self._from_file(count) if self._file is not None else self._from_blocks(count)
        if len(data) < count:
            raise OSError(f"{self._shard} ends at byte {self._offset + self._at + len(data)}: it is cut short")
        self._at += count
        return data

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as the range goes, and return the number of bytes."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _from_file(self, count: int) -> bytes:
        assert self._file is not None
        self._file.seek(self._offset + self._at)
        parts = []
        while count and (part := self._file.read(count)):
            parts.append(part)
            count -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _from_blocks(self, count: int) -> bytes:
        first, last = self._at // self._length, (self._at + count - 1) // self._length
        whole = b"".join(self._block(number) for number in range(first, last + 1)) if count else b""
        begin = self._at - first * self._length
        return whole[begin : begin + count]

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            self._run = min(2 * self._run, LONGEST) if number == self._next else 1
            start = number * self._length
            stop = min(start + self._run * self._length, self._size)
            data = self._request(start, stop)
            for place in range(0, stop - start, self._length):
                self._blocks[number + place // self._length] = data[place : place + self._length]
            self._next = number + self._run
            while len(self._blocks) > KEPT:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]

    def _request(self, start: int, stop: int) -> bytes:
        begin, end = self._offset + start, self._offset + stop
        if self._size <= WHOLE:
            return _small_piece(self._shard, begin, end)
        return _requested(self._system, self._path, begin, end)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte of the range, counted as in any file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """The byte of the range that is read next."""
        return self._at

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def close(self) -> None:
        """Give the file back."""
        file = getattr(self, "_file", None)  # absent where opening failed
        if file is not None:
            file.close()
        super().close()
