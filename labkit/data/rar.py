"""Rar archives, unpacked by a program on the PATH: Python has no module for them.

The program writes into a folder of its own. Its files are then looked at one by one, and only plain files are handed on.
The program is stopped when it writes more than an archive of this size may hold, or when the disk is nearly full.
"""

import os
import re
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from labkit.atomic import remove_left_behind, temporary_prefix
from labkit.data.archive_limits import RATIO, ArchiveError, check_free, most_bytes
from labkit.data.video_file import shown

LOOK_EVERY = 0.5  # seconds between two looks at what the program has written


@dataclass(frozen=True)
class Tool:
    """One program: its words for listing names and for unpacking. `{archive}` and `{folder}` are filled in."""

    list_program: str
    listing: tuple[str, ...]
    unpacking: tuple[str, ...]
    line: str = r"(.+)"  # of the listing: the name is the first group; other lines are passed over


SEVEN_ZIP = ("l", "-slt", "-ba", "-p", "{archive}"), ("x", "-y", "-p", "-o{folder}", "{archive}"), r"Path = (.+)"
TOOLS = {  # the program that unpacks, in the order of trying
    "unrar": Tool("unrar", ("lb", "-p-", "{archive}"), ("x", "-y", "-o+", "-p-", "-idq", "{archive}", "{folder}/")),
    "unar": Tool(
        "lsar", ("{archive}",), ("-q", "-D", "-f", "-o", "{folder}", "{archive}"), line=r"(?!.*: RAR(?: 5)?$)(.+)"
    ),
    "bsdtar": Tool("bsdtar", ("-tf", "{archive}"), ("-xf", "{archive}", "-C", "{folder}")),
    "7z": Tool("7z", *SEVEN_ZIP),
    "7zz": Tool("7zz", *SEVEN_ZIP),  # its name on Linux and macOS
}


def names(archive: Path) -> list[str]:
    """The names in an archive; those of folders may be among them. Raises `ArchiveError`."""
    for _, tool in _tools(archive):
        command = [shutil.which(tool.list_program) or tool.list_program, *_filled(tool.listing, archive)]
        done = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
        )
        found = [match[1] for line in re.split(r"\r?\n", done.stdout) if (match := re.fullmatch(tool.line, line))]
        if done.returncode == 0 and found:
            folders = {parent for name in found for parent in _above(name)}
            return [name for name in found if not name.endswith(("/", "\\")) and name.replace("\\", "/") not in folders]
    raise _failed(archive, tool.list_program, done.stderr or done.stdout)


@contextmanager
def unpacked(archive: Path, beside: Path) -> Iterator[Iterator[tuple[str, Path]]]:
    """Unpack into a hidden folder in `beside`; inside the block, name and path of each file. Raises `ArchiveError`.

    The folder goes when the block ends. The next call removes one that a killed process left.
    """
    remove_left_behind(beside)
    folder = Path(tempfile.mkdtemp(dir=beside, prefix=temporary_prefix("rar")))
    try:
        for program, tool in _tools(archive):
            said = _unpack(archive, [program, *_filled(tool.unpacking, archive, folder)], folder)
            if said is None:
                break
        else:
            raise _failed(archive, program, said or "")
        yield _plain_files(archive, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tools(archive: Path) -> list[tuple[str, Tool]]:
    """The programs of `TOOLS` that are there: not each can read each rar. Raises `ArchiveError`, which says what to install."""
    found = [(path, tool) for name, tool in TOOLS.items() if (path := shutil.which(name))]
    if not found:
        raise ArchiveError(
            archive,
            "no program here unpacks rar. Install unar (Debian, Ubuntu: `apt install unar`; macOS: `brew install unar`; "
            "Windows: 7-Zip, with its folder on the PATH), or unpack it yourself and give the folder",
        )
    return found


def _filled(words: tuple[str, ...], archive: Path, folder: Path | None = None) -> list[str]:
    # Absolute, so that no name is taken for an option.
    return [word.format(archive=archive.absolute(), folder=folder and folder.absolute()) for word in words]


def _unpack(archive: Path, command: list[str], folder: Path) -> str | None:
    """Run a program; its last words where it fails. Where it writes too much it is stopped: `ArchiveError`, `OSError`."""
    limit = most_bytes(archive)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            while process.poll() is None:
                time.sleep(LOOK_EVERY)
                _check_size(archive, folder, limit)
            _check_size(archive, folder, limit)
        finally:
            process.kill()
            process.wait()
        said.seek(0)
        return None if process.returncode == 0 else said.read().decode(errors="replace")


def _check_size(archive: Path, folder: Path, limit: int) -> None:
    size = 0
    for where, _, files in os.walk(folder):
        for name in files:
            with suppress(FileNotFoundError):  # the program has just renamed it
                size += (Path(where) / name).lstat().st_size
    if size > limit:
        raise ArchiveError(archive, f"it unpacks to more than {RATIO} times its size, as no archive of videos does")
    check_free(archive, folder.parent)


def _plain_files(archive: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """The files below a folder, sorted. Raises `ArchiveError` before the first, if there is anything but plain files."""
    found: list[Path] = []
    for where, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(where) / name
            about = path.lstat()
            if not stat.S_ISDIR(about.st_mode) and not (stat.S_ISREG(about.st_mode) and about.st_nlink == 1):
                raise ArchiveError(archive, f"{name!r} in it is a link or a device, so nothing of it is used")
        found.extend(Path(where) / name for name in files)
    return ((path.relative_to(folder).as_posix(), path) for path in sorted(found))


def _above(name: str) -> list[str]:
    parts = name.replace("\\", "/").split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _failed(archive: Path, program: str, said: str) -> ArchiveError:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    why = shown(" ".join(lines[-2:])[:200]) or "it gives no reason"
    return ArchiveError(archive, f"{Path(program).stem} cannot unpack it ({why})")
