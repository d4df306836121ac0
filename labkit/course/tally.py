"""What a class did, from its progress files: each file in a row, each exercise, question and guess in a row."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from labkit.course.progress import Entry, Progress, entries, read_progress

MANY_TRIES = 3  # a median of tries from which on an exercise counts as hard
KINDS = ("exercise", "quiz", "guess")


@dataclass(frozen=True)
class Learner:
    """One progress file: what is done, by kind, and the minutes of all tries."""

    file: str
    done: Mapping[str, int]
    tried: Mapping[str, int]
    minutes: float


@dataclass(frozen=True)
class Item:
    """One exercise, question or guess over all files."""

    notebook: str
    kind: str
    name: str
    tried: int  # files with at least one try
    done: int  # of these
    tries: float  # median
    minutes: float  # median

    @property
    def remark(self) -> str:
        """Where many fail: fewer than half of those who tried are done, or half needed `MANY_TRIES` tries."""
        if self.kind == "guess":
            return ""
        if self.done * 2 < self.tried:
            return "many fail"
        return "many tries" if self.tries >= MANY_TRIES else ""


def read_files(paths: Sequence[Path]) -> tuple[dict[str, Progress], list[str]]:
    """The progress in these files and in the JSON files of these folders, by file name; and a line for each unreadable one.

    Files with one name are told apart by their folder. Raises `FileNotFoundError` for a path that does not exist.
    """
    files = [file for path in paths for file in ([path] if path.is_file() else _in_folder(path))]
    names = [path.name for path in files]
    read: dict[str, Progress] = {}
    wrong = []
    for path in files:
        name = path.name if names.count(path.name) == 1 else f"{path.parent.name}/{path.name}"
        try:
            read[name] = read_progress(path)
        except (ValueError, OSError) as error:
            wrong.append(str(error))
    return read, wrong


def _in_folder(path: Path) -> list[Path]:
    if not path.is_dir():
        raise FileNotFoundError(f"there is no file or folder {path}")
    found = sorted(path.rglob("[!.]*.json"))
    if not found:
        raise FileNotFoundError(f"{path} holds no progress file (*.json)")
    return found


def learners(read: Mapping[str, Progress]) -> list[Learner]:
    """A row for each file, in order."""
    rows = []
    for name, progress in read.items():
        by_kind = {kind: [one for found, _, _, one in _items(progress) if found == kind] for kind in KINDS}
        done = {kind: sum(one.done for one in several) for kind, several in by_kind.items()}
        tried = {kind: len(several) for kind, several in by_kind.items()}
        rows.append(Learner(name, done, tried, sum(one.minutes for one in entries(progress))))
    return rows


def items(read: Mapping[str, Progress]) -> list[Item]:
    """A row for each exercise, question and guess, by notebook."""
    found: dict[tuple[str, str, str], list[Entry]] = {}
    for progress in read.values():
        for kind, notebook, name, entry in _items(progress):
            found.setdefault((notebook, kind, name), []).append(entry)
    return [
        Item(
            *key,
            tried=len(several),
            done=sum(one.done for one in several),
            tries=median(one.tries for one in several),
            minutes=median(one.minutes for one in several),
        )
        for key, several in sorted(found.items())
    ]


def _items(progress: Progress) -> Iterator[tuple[str, str, str, Entry]]:
    """Kind, notebook, name and entry of everything in a file."""
    for notebook, kinds in progress.items():
        for kind, named in kinds.items():
            for name, entry in named.items():
                yield kind, notebook, name, entry
