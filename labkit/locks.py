"""Locks on files. The operating system holds them for a process that has the file open.

They end with the process, however it ends: a killed process leaves no lock behind.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_held: set[int] = set()  # the files that this process holds locked


def open_locked(path: Path, *, wait: bool) -> int:
    """`path`, made if missing, open for reading and adding, and locked. `close_locked` gives it back.

    It is opened again if it was removed or replaced during the wait. With `wait=False`, raises `BlockingIOError` where
    the file is locked already, by this process too. Raises `OSError` where the file system has no locks.
    """
    while True:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            _lock(file, wait)
            current = os.path.samestat(os.fstat(file), path.stat())
        except FileNotFoundError:
            current = False
        except OSError:
            os.close(file)
            raise
        if current:
            _held.add(file)
            return file
        os.close(file)  # which unlocks it too


def close_locked(file: int) -> None:
    """Unlock and close what `open_locked` gave."""
    _held.discard(file)
    _unlock(file)
    os.close(file)


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Let one process at a time read and change the file `path`; the others wait. The lock is a hidden file beside it.

    Where there are no locks (some network drives) or no file can be made, nobody waits.
    """
    try:
        lock = open_locked(path.with_name(f".{path.name}.lock"), wait=True)
    except OSError:
        yield
        return
    try:
        yield
    finally:
        close_locked(lock)


def _let_go() -> None:
    for file in _held:
        os.close(file)
    _held.clear()


if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # others cannot read a locked byte, so lock a byte far beyond the end of any file

    def _lock(file: int, wait: bool) -> None:
        os.lseek(file, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from None

    def _unlock(file: int) -> None:
        os.lseek(file, _FAR, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: int, wait: bool) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

    def _unlock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)

    # A forked child shares its parent's locks, and would keep them when the parent is killed.
    os.register_at_fork(after_in_child=_let_go)
