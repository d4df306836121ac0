"""How much an archive may unpack to, and the error for one that must not or cannot be unpacked."""

import errno
import shutil
from pathlib import Path

from labkit.data.video_file import shown

RATIO = 100  # an archive may unpack to so many times its size; videos hardly shrink, and text shrinks to a tenth
SMALL = 16 << 20  # bytes that any archive may unpack to
SPARE = 64 << 20  # bytes of the disk that stay free


class ArchiveError(ValueError):
    """An archive that cannot or must not be unpacked; the message names it, says why, and the way out."""

    def __init__(self, archive: Path, why: str) -> None:
        super().__init__(f"{shown(archive)}: {why}")


def most_bytes(archive: Path) -> int:
    """The bytes that an archive may unpack to."""
    return max(SMALL, RATIO * archive.stat().st_size)


def check_free(archive: Path, folder: Path, size: int = 0) -> None:
    """Raise `OSError` where the disk of `folder` has less than `SPARE` bytes free, `size` more bytes counted."""
    free = shutil.disk_usage(folder).free
    if free - size < SPARE:
        raise OSError(
            errno.ENOSPC,
            f"the disk is nearly full ({free / 1e6:,.0f} MB free), and {shown(archive)} is not unpacked to its end",
            shown(folder),
        )
