"""What `labkit data prepare` has done in a folder, a line of JSON for each step, so that it can go on after a kill.

A line counts once it is whole. The last line of a killed process may be cut; it is passed over.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from labkit.atomic import is_vacant

NAME = ".prepare.jsonl"
FORMAT = 1  # raise it when a folder must be prepared again


def check_folder(folder: Path) -> None:
    """Raise `ValueError` for a folder with files that labkit did not put there."""
    if not (folder / NAME).is_file() and not is_vacant(folder):
        raise ValueError(f"{folder} is not empty, and labkit did not prepare it: name a new folder")


class Journal:
    """The steps so far, by kind and name; `note` adds one. The caller holds the folder's lock.

    Raises `ValueError` for a folder that was prepared with other settings.
    """

    KINDS = ("videos", "archives", "lists")  # a step names what it is about: {"video": ...}

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self._file = folder / NAME
        self.videos: dict[str, dict[str, Any]] = {}  # by the name of the source
        self.archives: dict[str, dict[str, Any]] = {}
        self.lists: dict[str, dict[str, Any]] = {}
        wanted = {"format": FORMAT, **settings}
        lines = self._lines()
        if len(lines) == 1 and lines[0] != wanted:  # a call that was refused before its first step
            self._file.unlink()
            lines = []
        for line in lines[1:]:
            self._take(line)
        if lines and lines[0] != wanted:
            other = ", ".join(f"{k} is {lines[0].get(k)}, not {v}" for k, v in wanted.items() if lines[0].get(k) != v)
            raise ValueError(f"{folder} was prepared with other settings ({other}): name another folder")
        self._open = self._file.open("a", encoding="utf-8", newline="\n")
        self._open.write("\n" if self._file.stat().st_size else "")  # after a line that was cut
        if not lines:
            self.note(wanted)

    def _lines(self) -> list[dict[str, Any]]:
        if not self._file.is_file():
            return []
        found = []
        for line in self._file.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                step = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(step, dict):
                found.append(step)
        return found

    def note(self, step: Mapping[str, Any]) -> None:
        """Write one step down. It is safe from a kill when this returns."""
        self._take(step)
        self._open.write(json.dumps(step) + "\n")
        self._open.flush()

    def _take(self, step: Mapping[str, Any]) -> None:
        for kind in self.KINDS:
            if kind[:-1] in step:
                getattr(self, kind)[step[kind[:-1]]] = dict(step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
