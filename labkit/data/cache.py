"""Where labkit keeps what it can make again: video indices, generated data, decoded frames."""

import os
from pathlib import Path


def cache_folder(*parts: str) -> Path:
    """`$LABKIT_CACHE`, or the system's cache folder for labkit, with `parts` below it. Made if missing.

    Raises `OSError` where the folder cannot be made.
    """
    chosen = os.environ.get("LABKIT_CACHE")
    if chosen:
        root = Path(chosen).expanduser()
    else:
        from platformdirs import user_cache_path

        root = user_cache_path("labkit", appauthor=False)
    folder = root.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
