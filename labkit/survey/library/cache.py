"""Keeps in labkit's cache folder what was worked out from files, by their content, so that only changed files are read.

One SQLite file per version of the code: a later labkit never reads what an earlier one made. A cache that cannot be
opened, read or written is left alone, and everything is worked out again; nothing in it is ever the only copy.
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import sqlite3
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from labkit.cache import cache_folder
from labkit.closure import PACKAGE, digest_of_code

MOST = 500_000  # values kept; beyond that, values that were not used this time are dropped
OTHERS = 2  # caches of other versions of the code that are kept, the latest ones
SETTLED = 2_000_000_000  # ns; a file written more recently may change again without its time changing

Stamp = tuple[int, int, int]  # size, and the times of its content and of its entry: changes when the file does


class Kept:
    """A connection to the cache. Use it in a `with`: what was put in is written at its end, at once or not at all."""

    def __init__(self, folder: Path | None = None) -> None:
        self._connection: sqlite3.Connection | None = None
        self._new: dict[tuple[str, str], str] = {}
        self._stamps: dict[str, tuple[Stamp, str]] = {}
        self._asked: set[tuple[str, str]] = set()
        with contextlib.suppress(OSError, sqlite3.Error):
            place = (folder or cache_folder("survey")) / f"kept-{version()}.sqlite"
            remove_old(place, "kept-*.sqlite")
            self._connection = _opened(place)

    def __enter__(self) -> "Kept":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if self._connection is None:
            return
        with contextlib.suppress(sqlite3.Error), self._connection:
            self._write(self._connection)
        self._connection.close()

    def digests(self, folder: Path) -> dict[str, tuple[Stamp, str]]:
        """What is known of the files below a folder: path → its stamp when it was last read, and its content's digest."""
        # "0" follows "/" and "]" follows "\" in ASCII; names below the folder stand between.
        start, end = f"{folder}/", f"{folder}0"
        if "\\" in str(folder):
            start, end = f"{folder}\\", f"{folder}]"
        rows = self._rows("SELECT path, size, mtime, ctime, digest FROM files WHERE path >= ? AND path < ?", start, end)
        return {path: ((size, mtime, ctime), digest) for path, size, mtime, ctime, digest in rows}

    def note(self, path: Path, stamp: Stamp, digest: str) -> None:
        """Remember a file's digest. A file that was written just now is not remembered: it may change again."""
        if time.time_ns() - max(stamp[1:]) > SETTLED:
            self._stamps[str(path)] = (stamp, digest)

    def values(self, what: str, digests: Iterable[str]) -> dict[str, str]:
        """What is kept of these contents under a name: digest → text; those not kept are not in it."""
        wanted = set(digests)
        self._asked |= {(what, digest) for digest in wanted}
        rows = self._rows("SELECT digest, value FROM kept WHERE what = ?", what)
        return {digest: value for digest, value in rows if digest in wanted}

    def put(self, what: str, values: Mapping[str, str]) -> None:
        """Keep texts under a name: digest → text."""
        self._new |= {(what, digest): value for digest, value in values.items()}

    def _rows(self, question: str, *values: str) -> Iterator[tuple[Any, ...]]:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                yield from self._connection.execute(question, values)

    def _write(self, connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
            [(path, *stamp, digest) for path, (stamp, digest) in self._stamps.items()],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", [(*key, value) for key, value in self._new.items()]
        )
        if self._new and connection.execute("SELECT count(*) FROM kept").fetchone()[0] > MOST:
            connection.execute("CREATE TEMP TABLE asked (what TEXT, digest TEXT, PRIMARY KEY (what, digest))")
            connection.executemany("INSERT OR IGNORE INTO asked VALUES (?, ?)", [*self._asked, *self._new])
            connection.execute("DELETE FROM kept WHERE (what, digest) NOT IN (SELECT what, digest FROM asked)")


def digest(*parts: bytes) -> str:
    """The name of a content, of one part or several."""
    made = hashlib.sha256()
    for part in parts:
        made.update(len(part).to_bytes(8, "big") + part)
    return made.hexdigest()[:40]


@functools.cache
def version(package: Path = PACKAGE) -> str:
    """Changes with all code of the survey, whose rooms keep things here, and with the libraries it reads files with."""
    code = digest_of_code("labkit.survey", package=package)
    libraries = [f"{name} {importlib.metadata.version(name)}" for name in ("pydantic", "PyYAML", "markdown-it-py")]
    return digest(code.encode(), *(each.encode() for each in (*libraries, unicodedata.unidata_version)))[:16]


def _opened(place: Path) -> sqlite3.Connection:
    """The cache's file, made anew where it is broken."""
    try:
        return _connected(place)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # locked or read-only, but not broken
            raise
        place.unlink(missing_ok=True)
        return _connected(place)


def _connected(place: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(place, timeout=30)
    try:
        connection.executescript("""
            CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INT, mtime INT, ctime INT, digest TEXT);
            CREATE TABLE IF NOT EXISTS kept (what TEXT, digest TEXT, value TEXT, PRIMARY KEY (what, digest)) WITHOUT ROWID;
        """)
    except BaseException:
        connection.close()
        raise
    return connection


def remove_old(place: Path, pattern: str) -> None:
    """Before a new cache is made, remove those of other versions of the code, but for the latest.

    `pattern` is what all versions of this cache are called.
    """
    if place.exists():
        return
    others = sorted(place.parent.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
    for other in others[OTHERS:]:
        with contextlib.suppress(OSError):  # somebody is reading it; the next run deletes it
            other.unlink()
