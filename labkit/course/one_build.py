"""One build of the course at a time: a second would remove the runs that the first is making."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labkit.locks import close_locked, open_locked

LOCK = ".lock"


class BuildInUseError(RuntimeError):
    """Another process builds the course in this folder."""


@contextmanager
def one_build(folder: Path) -> Iterator[None]:
    """Inside, `folder` (`build/` of a project) belongs to this process alone. The lock ends with the process.

    Raises `BuildInUseError` where another process has it. A file system without locks keeps nobody out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = open_locked(folder / LOCK, wait=False)
    except BlockingIOError:
        raise BuildInUseError(f"another `labkit course` is at work in {folder}: wait for it, or stop it") from None
    except OSError:
        yield
        return
    try:
        yield
    finally:
        close_locked(lock)
