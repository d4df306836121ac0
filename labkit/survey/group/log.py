"""The files of a group: one per person, only ever added to, a whole line at a time.

A line is written in one go, flushed to the disk, under a lock on the file, so that two terminals of one person wait
for each other. A last line that a crash cut short is skipped when reading, and closed before the next line.
"""

import datetime as dt
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from labkit.atomic import naming, write_atomically
from labkit.locks import close_locked, open_locked
from labkit.survey.group.events import ID, Event, in_order, make_event, parse_event
from labkit.survey.publication.files import own_place, summaries_folder
from labkit.survey.publication.problems import SummaryError
from labkit.survey.publication.text_files import LARGEST

# The lines of both sides are kept where git merges two versions of one person's log.
ATTRIBUTES = "log/*.jsonl merge=union text eol=lf\n"
_TICK = dt.timedelta(milliseconds=1)
_SKEW = dt.timedelta(minutes=2)  # a clock may be set back by this much


def group_folder() -> Path:
    """Where the group's files are, or would be: `group/` in the library."""
    return summaries_folder() / "group"


def log_path(person: str) -> Path:
    """The log of this person. Raises `ValueError` for a name that cannot be an id."""
    if not ID.fullmatch(person) or len(person) > 80:
        raise ValueError(f"reader {person!r}: use small ASCII letters, digits and hyphens, such as reader-a")
    return group_folder() / "log" / f"{person}.jsonl"


def read_events(*, on_error: Callable[[SummaryError], object] | None = None) -> tuple[Event, ...]:
    """What everybody did, in order. A line that is not an event is reported to `on_error` and left out."""
    events: list[Event] = []
    for path in sorted((group_folder() / "log").glob("[!.]*.jsonl")):
        events += _read(path, on_error)
    return tuple(in_order(events))


def _read(path: Path, on_error: Callable[[SummaryError], object] | None) -> Iterator[Event]:
    tell = on_error or (lambda error: None)
    if not ID.fullmatch(path.stem):
        tell(SummaryError(path, "a log is named after its reader, in small ASCII letters, digits and hyphens"))
        return
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    if len(data) > LARGEST:
        tell(SummaryError(path, f"{len(data):,} bytes; a log has at most {LARGEST:,}"))
        return
    lines = data.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield parse_event(path.stem, line.decode("utf-8").strip())
        except ValueError as error:
            cut = number == len(lines)
            reason = "the last line was cut short" if cut else f"skipped: {_plainly(error)}"
            tell(SummaryError(path, reason, number))


def _plainly(error: ValueError) -> str:
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


class OwnLog:
    """A person's log while it is locked: `add` puts an event at its end, later than all before it."""

    def __init__(self, person: str, now: dt.datetime, file: int) -> None:
        self.person, self.now, self._file = person, now, file
        self._last: dt.datetime | None = None

    def add(self, kind: str, **about: Any) -> Event:
        """Write an event of now; raises `ValueError` as `make_event` does, and `OSError` where the disk is full."""
        event = make_event(self.person, self._later(), kind, **about)
        self._last = event.at
        line = self._gap() + event.line.encode("utf-8") + b"\n"
        with naming(log_path(self.person)):
            written = os.write(self._file, line)
            if written != len(line):
                raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes could be written; is the disk full?")
            os.fsync(self._file)
        return event

    def _later(self) -> dt.datetime:
        """Now, or just after this person's last event if the clock is a little behind that."""
        if self._last is None:
            own = (event.at for event in _read(log_path(self.person), None))
            self._last = max((at for at in own if at <= self.now + _SKEW), default=None)
        if self._last is not None and self._last + _TICK > self.now and self._last <= self.now + _SKEW:
            return (self._last + _TICK).astimezone(self.now.tzinfo)
        return self.now

    def _gap(self) -> bytes:
        """A line end, where the last line was cut short."""
        size = os.lseek(self._file, 0, os.SEEK_END)
        if size == 0:
            return b""
        os.lseek(self._file, size - 1, os.SEEK_SET)
        return b"" if os.read(self._file, 1) == b"\n" else b"\n"


@contextmanager
def own_log(person: str, now: dt.datetime) -> Iterator[OwnLog]:
    """This person's log, locked while the block reads and writes. A new file is deleted again if it stays empty.

    `now` has a zone. Raises `ValueError` for a name that cannot be an id, `OSError` where the folder cannot be written.
    """
    path = own_place(log_path(person))
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_attributes(path.parent.parent / ".gitattributes")
    file = open_locked(path, wait=True)
    try:
        yield OwnLog(person, now, file)
    finally:
        if os.fstat(file).st_size == 0:
            with suppress(OSError):  # Windows keeps what is open; an empty log does no harm
                path.unlink()
        close_locked(file)


def _write_attributes(path: Path) -> None:
    """Tell git how logs merge. Every clone writes the same words, so that they do not conflict."""
    if not path.is_file():
        write_atomically(path, lambda temporary: temporary.write_bytes(ATTRIBUTES.encode()))
