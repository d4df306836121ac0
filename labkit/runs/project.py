"""The folder that labkit works in: the nearest checkout or library here or above. The installed package is only read."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

PLAN = Path("notebooks") / "course.toml"
LIBRARY = "summaries"
NO_PAPERS = frozenset({"group", "queue", "schema"})  # folders of a library that hold no paper
PACKAGE = Path(__file__).resolve().parents[1]


def project_folder(start: str | Path | None = None) -> Path:
    """The folder for runs, pages and findings: the nearest checkout or library at `start` (default: here) or above.

    A checkout holds `notebooks/course.toml`, a library `summaries/`. Without either, it is `start` itself.

    Raises `PermissionError` inside the installed package.
    """
    here = Path(start or Path.cwd()).resolve()
    found = next((folder for folder in upwards(here) if _is_checkout(folder) or has_library(folder)), here)
    if found.is_relative_to(PACKAGE):
        why = "this is inside the installed labkit, which is only read: go to another folder"
        raise PermissionError(errno.EACCES, why, str(found))
    return found


def course_folder(start: str | Path | None = None, *, holds: Path = PLAN) -> Path:
    """The folder with `notebooks/` and `docs/`: the nearest checkout with the file `holds`, else the installed package's.

    Notebooks that were handed out have a plan beside them, but not the findings and the glossary of the course.
    If no folder has it, it is the project's folder.
    """
    places = (*upwards(start), PACKAGE, PACKAGE.parent)
    found = (folder for folder in places if _is_checkout(folder) and (folder / holds).exists())
    return next(found, None) or project_folder(start)


def upwards(start: str | Path | None = None) -> Iterator[Path]:
    """`start` (default: here) and the folders above it, without those of the installed package."""
    here = Path(start or Path.cwd()).resolve()
    yield from (folder for folder in (here, *here.parents) if folder != PACKAGE)


def has_library(folder: Path) -> bool:
    """Whether the folder's `summaries/` is a library: it has papers, a group or a queue in it, or is still empty.

    Other programs make folders with this name too.
    """
    empty = True
    try:
        with os.scandir(folder / LIBRARY) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir() and (entry.name in NO_PAPERS or (Path(entry.path) / "paper.yaml").is_file()):
                    return True
                empty = False
    except OSError:
        return False
    return empty


def _is_checkout(folder: Path) -> bool:
    return (folder / PLAN).is_file()
