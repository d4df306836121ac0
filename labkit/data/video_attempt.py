"""Remembers which video a process is decoding, so that a file that ends its process does so at most once.

A mark beside the index names the process. If the process has died, the file is suspect: it is decoded in a process of its
own first. If that dies too, the mark says so from then on, and the file counts as one that cannot be read.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from labkit.atomic import has_died, this_process
from labkit.data.pieces import Piece
from labkit.data.video_file import VideoError
from labkit.data.watchdog import STOOD_STILL

FATAL = "fatal: "  # how the mark of a file begins that ended two processes


@contextmanager
def attempt(path: Path | Piece, index: Path) -> Iterator[None]:
    """Inside, `path` is decoded to make `index`. Raises `VideoError` where that ended this process's forerunners."""
    mark = index.with_suffix(".attempt")
    found = _text(mark)
    if found.startswith(FATAL):
        raise VideoError(path, found.removeprefix(FATAL))
    if has_died(found):
        _try_alone(path, mark)
    with suppress(OSError):  # without a folder to write into there are no marks
        mark.write_text(this_process(), encoding="utf-8")
    try:
        yield
    finally:
        with suppress(OSError):
            mark.unlink(missing_ok=True)


def _try_alone(path: Path | Piece, mark: Path) -> None:
    """Decode the file in a process of its own. Raises `VideoError`, and marks the file, where that process dies."""
    command = [
        sys.executable,
        "-m",
        "labkit.data.video_alone",
        str(path if isinstance(path, Piece) else path.absolute()),
    ]
    status = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode
    if status in (0, 1):  # whole, or a Python error that this process will meet as well
        return
    how = "stood still" if status == STOOD_STILL else f"crashed (signal {-status})" if status < 0 else f"exit {status}"
    reason = f"decoding it ends the process: ffmpeg {how}"
    with suppress(OSError):
        mark.write_text(FATAL + reason, encoding="utf-8")
    raise VideoError(path, reason)


def _text(mark: Path) -> str:
    try:
        return mark.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
