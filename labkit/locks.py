"""Locks on files. The operating system holds them for a process that has the file open.

They end with the process, however it ends: a killed process leaves no lock behind.

    with alone(folder / ".lock", refuse=lambda: InUseError(f"another process works in {folder}")):
        ...
"""

import errno
import json
import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

TRAINING = ".training.lock"  # in the folder of a training, while it runs; its text names the machine and the process
WITHOUT_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)  # what such a file system answers
_held: set[int] = set()  # the files that this process holds locked


@contextmanager
def alone(path: Path, *, refuse: Callable[[], Exception] | None = None, remove: bool = False) -> Iterator[int | None]:
    """Inside the block, this process alone holds the lock file `path`. The block gets the open file.

    Folders that are missing are made. Where another process holds the file, it waits; with `refuse`, it raises the error
    that `refuse` returns. `remove` deletes the file at the end. On a file system without locks the block gets None, and a
    refusing lock warns that nobody is kept out. Raises `OSError` where the file cannot be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = open_locked(path, wait=refuse is None)
    except BlockingIOError:
        if refuse is None:
            raise
        raise refuse() from None
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        if refuse:
            warnings.warn(f"{path} cannot be locked ({error}): start no second process in this folder", stacklevel=4)
        yield None
        return
    try:
        yield file
    finally:
        if remove:
            with suppress(OSError):  # Windows keeps what is open; a file that nobody holds does no harm
                path.unlink()
        close_locked(file)


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Let one process at a time read and change the file `path`; the others wait. A hidden file beside it is the lock.

    Where the lock cannot be had (some network drives, a folder to read only), nobody waits.
    """
    with ExitStack() as held:
        with suppress(OSError):
            held.enter_context(alone(path.with_name(f".{path.name}.lock"), remove=True))
        yield


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


def is_training(folder: Path) -> bool:
    """Whether a training is at work in a folder, as far as its lock's text tells. The lock itself is not touched.

    For a process of another machine, the answer is yes: nobody can tell.
    """
    import psutil

    try:
        about = json.loads((folder / TRAINING).read_text(encoding="utf-8"))
        return about["host"] != platform.node() or bool(psutil.pid_exists(int(about["pid"])))
    except (OSError, ValueError, KeyError, TypeError):  # no lock, or just taken and not written yet
        return False


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
