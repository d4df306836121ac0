"""What the cache folder keeps of datasets: frames, flow, indices, generated videos; each with a name to remove it by."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from labkit.atomic import temporary_prefix
from labkit.cache import Kept, cache_folder, remove
from labkit.counting import counted
from labkit.data import flow_cache, frame_cache
from labkit.names import choose

INDICES = {"datasets": "indices of datasets", "index": "indices of single videos"}


class Named(NamedTuple):
    """One line of the list: a name of the form `group` or `group-part`, and the files behind it."""

    name: str
    kept: Kept

    @property
    def group(self) -> str:
        """The part of the name that it shares with others of its kind."""
        return self.name.partition("-")[0]


def kept_files() -> list[Named]:
    """All that the cache keeps of datasets, by name."""
    return sorted((*_frames(), *_flow(), *_indices(), *_motion()), key=lambda row: row.name)


def chosen(rows: Sequence[Named], name: str | None) -> list[Named]:
    """The rows of this name, or all of a group of this name; all for None. Raises `ValueError` for an unknown name."""
    if name is None:
        return list(rows)
    known = dict.fromkeys(part for row in rows for part in (row.group, row.name))
    choose(name, tuple(known), "kept file")
    return [row for row in rows if name in (row.name, row.group)]


def clear(rows: Sequence[Named]) -> list[Path]:
    """Remove these files. Returns those that stay, because another process has them open."""
    left: list[Path] = []
    for row in rows:
        if row.group == "motion":
            left += _remove_folder(row.kept.files[0])
        else:
            left += remove([row.kept])
    return left


def _frames() -> Iterator[Named]:
    for kept in frame_cache.kept():
        yield Named(f"frames-{kept.files[0].stem[:6]}", kept)


def _flow() -> Iterator[Named]:
    for number, kept in enumerate(sorted(flow_cache.kept(), key=lambda kept: kept.what), start=1):
        yield Named(f"flow-{number}", kept)


def _indices() -> Iterator[Named]:
    for folder, what in INDICES.items():
        if kept := _kept(what, cache_folder(folder), whole=False):
            yield Named(folder, kept)


def _motion() -> Iterator[Named]:
    for folder in cache_folder("motion").iterdir():
        if not folder.name.startswith(".") and (kept := _kept("generated motion videos", folder, whole=True)):
            yield Named(f"motion-{folder.name.rpartition('-')[2]}", kept)


def _kept(what: str, folder: Path, *, whole: bool) -> Kept | None:
    """The files of a folder; None if there are none. With `whole` the folder itself stands for them."""
    states = []
    for file in folder.rglob("*") if whole else folder.iterdir():
        with suppress(FileNotFoundError):  # removed meanwhile
            if file.is_file() and not file.name.startswith("."):
                states.append((file, file.stat()))
    if not states:
        return None
    size, used = sum(about.st_size for _, about in states), max(about.st_mtime for _, about in states)
    files = (folder,) if whole else tuple(file for file, _ in states)
    return Kept(f"{what}: {counted(len(states), 'file')}", files, None, size, used)


def _remove_folder(folder: Path) -> list[Path]:
    """Remove a folder. It loses its name first, so that nobody meets it half removed."""
    away = Path(tempfile.mkdtemp(dir=folder.parent, prefix=temporary_prefix(folder.name)))
    try:
        folder.rename(away / folder.name)
    except OSError:
        return [folder]
    finally:
        shutil.rmtree(away, ignore_errors=True)
    return []
