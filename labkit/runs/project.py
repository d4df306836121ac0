"""Where you stand decides: the nearest checkout or library upwards is read and written, the installed package only read."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

PLAN = Path("notebooks") / "course.toml"
LIBRARY = "summaries"
NO_PAPERS = frozenset({"group", "queue", "schema"})  # folders of a library that are no papers
PACKAGE = Path(__file__).resolve().parents[1]


def project_folder(start: str | Path | None = None) -> Path:
    """The folder that runs, pages and findings are written to: the nearest from `start` (default: here) upwards that is a
    checkout (it holds `notebooks/course.toml`) or has a library (`summaries/`). Where there is none, `start`.

    Raises `PermissionError` inside the installed package.
    """
    here = Path(start or Path.cwd()).resolve()
    found = next((folder for folder in upwards(here) if _is_checkout(folder) or has_library(folder)), here)
    if found.is_relative_to(PACKAGE):
        why = "this is inside the installed labkit, which is only read: go to another folder"
        raise PermissionError(errno.EACCES, why, str(found))
    return found


def course_folder(start: str | Path | None = None) -> Path:
    """The folder whose `notebooks/` and `docs/` are read: the nearest checkout, or that of the installed package.

    Where neither has a course, the project's.
    """
    places = (*upwards(start), PACKAGE, PACKAGE.parent)
    return next((folder for folder in places if _is_checkout(folder)), None) or project_folder(start)


def upwards(start: str | Path | None = None) -> Iterator[Path]:
    """`start` (default: here) and the folders above it, but for the installed package's own."""
    here = Path(start or Path.cwd()).resolve()
    yield from (folder for folder in (here, *here.parents) if folder != PACKAGE)


def has_library(folder: Path) -> bool:
    """Whether the folder's `summaries/` is a library: with papers, a group or a queue in it, or still empty.

    Other programs call folders so too.
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
