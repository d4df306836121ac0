"""The folder for files that labkit can make again: video indices, generated data, decoded frames, optical flow."""

import os
import warnings
from functools import cache
from pathlib import Path


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
