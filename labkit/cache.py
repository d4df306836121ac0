"""The folder for files that labkit can make again: video indices, generated data, decoded frames, optical flow."""

import os
import warnings
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Kept(NamedTuple):
    """Files of the cache that belong together, and what a person wants to know before removing them."""

    what: str  # decoded frames of ucf101 train, short side 128, say
    files: tuple[Path, ...]
    videos: int | None  # None where nobody has noted it
    size: int  # bytes on disk
    used: float  # when it was last used, in seconds as `time.time()` gives them


def remove(kept: Iterable[Kept]) -> list[Path]:
    """Remove these files. Returns those that stay, because the system keeps what another process has open.

    A process that reads such a file goes on: it has the file still, or makes what it needs again.
    """
    left = []
    for file in (file for one in kept for file in one.files):
        try:
            file.unlink(missing_ok=True)
        except OSError:
            left.append(file)
    return left


def cache_folder(*parts: str) -> Path:
    """`$LABKIT_CACHE`, or the system's cache folder for labkit, with `parts` below it. Made if missing.

    Raises `OSError`, naming the folder and the way out, where it cannot be made.
    """
    chosen = os.environ.get("LABKIT_CACHE")
    if chosen:
        root = Path(chosen).expanduser().absolute()
    else:
        from platformdirs import user_cache_path

        root = user_cache_path("labkit", appauthor=False)
    folder = root.joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = f"{error.strerror}; set LABKIT_CACHE to a folder that can be written"
        raise type(error)(error.errno, hint, str(folder)) from None
    return folder


def warn_not_kept(what: str, error: OSError) -> None:
    """Warn that something cannot be kept in the cache folder and will be made again: once, not for every file."""
    _warn_once(f"{what} cannot be kept, so it will be made again: {os.strerror(error.errno) if error.errno else error}")


@cache
def _warn_once(text: str) -> None:
    way_out = "; set LABKIT_CACHE to a folder with room that can be written"
    warnings.warn(text + way_out, stacklevel=5)
