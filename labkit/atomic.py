"""Files that are there whole or not at all: written under a temporary name in the same folder, then renamed."""

import hashlib
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> Path:
    """Call `write(temporary)` and rename the temporary file to `path`: a reader sees the old file or the new, never half.

    Raises whatever `write` raises, after removing the temporary file; an `OSError` (a full disk, say) names `path`.
    The next process that writes into the folder removes temporary files of killed processes.
    """
    path = Path(path)
    with _whole(path, write) as temporary:
        temporary.replace(path)
    return path


def create(path: str | Path, write: Callable[[Path], object], *, instead: str = "it is never overwritten") -> Path:
    """Like `write_atomically`, for a file that must not exist yet. Of two processes that try at once, one gets `FileExistsError`.

    `instead` ends the message of that error and says the way out. A kill at any time leaves the whole file or no file.
    """
    path = Path(path)
    taken = f"{path} exists already; {instead}"
    if os.path.lexists(path):
        raise FileExistsError(taken)
    with _whole(path, write) as temporary:
        try:
            _rename_new(temporary, path)
        except FileExistsError:
            raise FileExistsError(taken) from None
    return path


def create_folder(folder: str | Path, fill: Callable[[Path], object], *, last: str = "") -> Path:
    """Call `fill(building)` with a hidden new folder, and give it the name `folder` when it is whole.

    An empty folder that is there already (a mount point, or the target of a link) stays, and the new files move into it.
    The file `last` moves last: once it is there, everything is. Raises `OSError` where another process was first.
    """
    place = Path(folder).resolve()
    inside = place.is_dir()  # a mounted folder cannot be replaced by a rename, and a rename works within one disk only
    home = place if inside else place.parent
    with naming(place):
        home.mkdir(parents=True, exist_ok=True)
        remove_left_behind(home)
        building = Path(tempfile.mkdtemp(dir=home, prefix=temporary_prefix(place.name)))
        try:
            fill(building)
            if inside:
                # Folders first: moving them fails where they are already.
                for part in sorted(building.iterdir(), key=lambda part: (part.name == last, not part.is_dir())):
                    part.rename(place / part.name)
            else:
                building.chmod(0o777 & ~_mask())  # mkdtemp's folders are their owner's alone
                building.rename(place)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return Path(folder)


def is_vacant(folder: str | Path) -> bool:
    """Whether the folder is missing or empty. Hidden files and a new disk's `lost+found` do not count."""
    folder = Path(folder)
    if not folder.is_dir():
        return not folder.exists()
    return all(one.name.startswith(".") or one.name == "lost+found" for one in folder.iterdir())


@contextmanager
def _whole(path: Path, write: Callable[[Path], object]) -> Iterator[Path]:
    """A hidden file beside `path`, written by `write` and safe on the disk. The block then renames it."""
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = path.parent.absolute()  # ffmpeg and Arrow take a relative `a:b` for an address
        _tidy_once(folder)
        handle, name = tempfile.mkstemp(dir=folder, prefix=temporary_prefix(path.name), suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        try:
            write(temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            # mkstemp makes files only their owner may read; give what open() would have given.
            temporary.chmod(0o666 & ~_mask())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)


TEMPORARY = re.compile(r"\..*\.(?P<process>[0-9a-f]{8}-[0-9]+)-[^-]*")


def temporary_prefix(name: str) -> str:
    """The beginning of the temporary name for `name`. It names the machine and the process, so that files of killed
    processes can be told apart."""
    return f".{name[:60]}.{this_process()}-"


def this_process() -> str:
    """This process in a word, for `has_died` to ask later."""
    return f"{_place()}-{os.getpid()}"


def has_died(process: str) -> bool:
    """Whether this is the word of a process that has died on this machine. Of other machines nothing is known: False."""
    place, _, pid = process.partition("-")
    return place == _place() and pid.isdecimal() and not _lives(int(pid))


def remove_left_behind(folder: Path) -> None:
    """Remove from `folder` the temporary files and folders of processes that have died on this machine."""
    with suppress(OSError):
        for entry in [*os.scandir(folder)]:
            found = TEMPORARY.fullmatch(entry.name)
            if found and has_died(found["process"]):
                shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else Path(entry.path).unlink()


_tidy_once = cache(remove_left_behind)  # not for every file: a folder may hold very many


@cache
def _place() -> str:
    """This machine, and on Linux this space of process numbers: a container has one of its own."""
    numbers = Path("/proc/self/ns/pid")
    space = numbers.readlink() if numbers.is_symlink() else ""
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


def _lives(pid: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:  # somebody else's
        return True


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """An `OSError` of the block that names no file, or one with a temporary name of `path`, is raised naming `path`."""
    try:
        yield
    except OSError as error:
        named = [str(name) for name in (error.filename, error.filename2) if name is not None]
        if named and not any(Path(name).name.startswith(f".{path.name[:60]}.") for name in named):
            raise
        if isinstance(error, shutil.Error):  # of a whole folder: a list, one entry for each file
            raise OSError(f"{path}: {error.args[0][0][2]}") from None
        if error.errno is None and type(error) is not OSError:  # of a module of its own, in its own words
            raise
        if error.errno is None:
            raise OSError(f"{path}: {error}") from None
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


if sys.platform == "win32":

    def _rename_new(temporary: Path, path: Path) -> None:
        temporary.rename(path)  # never replaces a file there

else:
    import fcntl

    def _rename_new(temporary: Path, path: Path) -> None:
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            raise
        except OSError:
            # No hard links (FAT, some network drives): look and rename under a lock, which ends with its process.
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                if os.path.lexists(path):
                    raise FileExistsError from None
                temporary.rename(path)
            finally:
                os.close(folder)
