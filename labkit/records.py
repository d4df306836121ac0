"""History, Predictions, Run: the plain records that travel between the rooms of labkit.

Training writes them, everyone else reads them. Of labkit this module imports only how numbers are said.
"""

import hashlib
import json
import math
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from labkit.counting import counted

Level = Literal["clip", "video"]

HISTORY_COLUMNS = {
    "run": "str",  # name of the run, to tell several apart in one table
    "epoch": "int64",  # 1 is the first
    "split": "str",  # train, val, test
    "level": "str",  # clip or video: which of the two the accuracies are
    # Measured in evaluation mode with the weights at the epoch's end, for all splits alike, so that they compare.
    # A train row has them at the epochs that validate; NaN elsewhere.
    "loss": "float64",  # mean cross-entropy
    "top1": "float64",  # share in 0-1
    "top5": "float64",  # share in 0-1
    # Counted in training mode while the weights changed: train rows only, and not to be set beside another split.
    "live_loss": "float64",
    "live_top1": "float64",
    "lr": "float64",  # learning rate at the epoch's end
    "seconds": "float64",  # wall time of this epoch on this split
    "clips": "int64",  # clips seen in this epoch on this split
}


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> Path:
    """Call `write(temporary)` and rename the temporary file to `path`: a reader sees the old file or the new, never half.

    Raises whatever `write` raises, after removing the temporary file; an `OSError` (a full disk, say) names `path`.
    One that a killed process left is removed by the next process that writes into the folder.
    """
    path = Path(path)
    with _whole(path, write) as temporary:
        temporary.replace(path)
    return path


def create(path: str | Path, write: Callable[[Path], object], *, instead: str = "it is never overwritten") -> Path:
    """The same for a file that must not exist yet. Of two who try at once, one gets `FileExistsError`.

    `instead` ends its message: what to do about it. A kill at any time leaves the whole file or none.
    """
    path = Path(path)
    taken = f"{path} exists already; {instead}"
    if os.path.lexists(path):
        raise FileExistsError(taken)
    with _whole(path, write) as temporary:
        try:
            _rename_new(temporary, path)
        except FileExistsError:
            raise FileExistsError(taken) from None
    return path


def create_folder(folder: str | Path, fill: Callable[[Path], object], *, last: str = "") -> Path:
    """Call `fill(building)` with a hidden new folder, and give it the name `folder` when it is whole.

    A folder that is there already and empty (a mount point, or what a link leads to) stays, and what was made moves into
    it, the file `last` as the last: where that is, all is. Raises `OSError` where somebody else was first.
    """
    place = Path(folder).resolve()
    inside = place.is_dir()  # it cannot be renamed over where a disk is mounted; and never is a disk left for another
    home = place if inside else place.parent
    with naming(place):
        home.mkdir(parents=True, exist_ok=True)
        remove_left_behind(home)
        building = Path(tempfile.mkdtemp(dir=home, prefix=temporary_prefix(place.name)))
        try:
            fill(building)
            if inside:
                # Folders first: moving them fails where they are already.
                for part in sorted(building.iterdir(), key=lambda part: (part.name == last, not part.is_dir())):
                    part.rename(place / part.name)
            else:
                building.chmod(0o777 & ~_mask())  # mkdtemp's folders are their owner's alone
                building.rename(place)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return Path(folder)


def is_vacant(folder: str | Path) -> bool:
    """Whether nothing is there, or a folder with nothing in it but hidden files and what a new disk has."""
    folder = Path(folder)
    if not folder.is_dir():
        return not folder.exists()
    return all(one.name.startswith(".") or one.name == "lost+found" for one in folder.iterdir())


@contextmanager
def _whole(path: Path, write: Callable[[Path], object]) -> Iterator[Path]:
    """A hidden file beside `path` with all that `write` wrote, safe on the disk; the block gives it its name."""
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = path.parent.absolute()  # ffmpeg and Arrow take a relative `a:b` for an address
        _tidy_once(folder)
        handle, name = tempfile.mkstemp(dir=folder, prefix=temporary_prefix(path.name), suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        try:
            write(temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            # mkstemp makes files only their owner may read; give what open() would have given.
            temporary.chmod(0o666 & ~_mask())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)


TEMPORARY = re.compile(r"\..*\.(?P<place>[0-9a-f]{8})-(?P<pid>[0-9]+)-[^-]*")


def temporary_prefix(name: str) -> str:
    """How the temporary name of `name` begins. It tells machine and process, so that what a kill left can be known."""
    return f".{name[:60]}.{_place()}-{os.getpid()}-"


def remove_left_behind(folder: Path) -> None:
    """Remove from `folder` the temporary files and folders of processes that have died on this machine."""
    with suppress(OSError):
        for entry in [*os.scandir(folder)]:
            found = TEMPORARY.fullmatch(entry.name)
            if found and found["place"] == _place() and not _lives(int(found["pid"])):
                shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else Path(entry.path).unlink()


_tidy_once = cache(remove_left_behind)  # not for every file: a folder may hold very many


@cache
def _place() -> str:
    """This machine, and on Linux this space of process numbers: a container has one of its own."""
    numbers = Path("/proc/self/ns/pid")
    space = numbers.readlink() if numbers.is_symlink() else ""
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


def _lives(pid: int) -> bool:
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:  # somebody else's
        return True


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """An `OSError` of the block that names no file, or one with a temporary name of `path`, is raised naming `path`."""
    try:
        yield
    except OSError as error:
        named = [str(name) for name in (error.filename, error.filename2) if name is not None]
        if named and not any(Path(name).name.startswith(f".{path.name[:60]}.") for name in named):
            raise
        if isinstance(error, shutil.Error):  # of a whole folder: a list, one entry for each file
            raise OSError(f"{path}: {error.args[0][0][2]}") from None
        if error.errno is None and type(error) is not OSError:  # of a module of its own, in its own words
            raise
        if error.errno is None:
            raise OSError(f"{path}: {error}") from None
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


if sys.platform == "win32":

    def _rename_new(temporary: Path, path: Path) -> None:
        temporary.rename(path)  # never replaces a file there

else:
    import fcntl

    def _rename_new(temporary: Path, path: Path) -> None:
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            raise
        except OSError:
            # No hard links (FAT, some network drives): look and rename under a lock, which ends with its process.
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                if os.path.lexists(path):
                    raise FileExistsError from None
                temporary.rename(path)
            finally:
                os.close(folder)


@dataclass(frozen=True)
class History:
    """One row per epoch and split; the columns are `HISTORY_COLUMNS`. Frozen: make a new one to add rows."""

    table: pd.DataFrame

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> "History":
        """A history of these rows, whose keys are `HISTORY_COLUMNS`; what a row lacks, or has as None, is NaN."""
        table = pd.DataFrame(list(rows), columns=list(HISTORY_COLUMNS))
        return cls(table.astype(HISTORY_COLUMNS))

    @classmethod
    def read(cls, path: str | Path) -> "History":
        """Read a file of one JSON object per line. A last line that a crash cut short is left out."""
        rows = []
        for line in Path(path).read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                rows.append(json.loads(line))
        return cls.of(rows)

    @staticmethod
    def append(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows to the end of a history file, all or none; its folder is made if missing."""
        path = Path(path)
        text = "".join(json.dumps(_no_nan(row)) + "\n" for row in rows)
        with naming(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            before = path.stat().st_size if path.exists() else 0
            try:
                with path.open("a", encoding="utf-8", newline="\n") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError:
                os.truncate(path, before)  # no half line, which the next row would be glued to
                raise

    def best(self, metric: str = "top1", *, split: str = "val") -> pd.Series:
        """The row of the best epoch: the highest accuracy, or the lowest loss. The earliest wins a tie.

        An epoch whose loss is NaN is never the best. Raises `ValueError` where there is no other, or none at all.
        """
        measured = self.table[self.table["split"] == split].dropna(subset=[metric])
        rows = measured[np.isfinite(measured["loss"])]
        if rows.empty and len(measured):
            raise ValueError(
                f"the {split} loss is not a number in any of {len(measured)} epochs: the training has failed"
            )
        if rows.empty:
            raise ValueError(
                f"this history has no rows of split {split!r}; it has {sorted(self.table['split'].unique())}"
            )
        index = rows[metric].idxmin() if metric == "loss" else rows[metric].idxmax()
        return rows.loc[[index]].iloc[0]

    def __add__(self, other: "History") -> "History":
        return History(pd.concat([self.table, other.table], ignore_index=True))

    def named(self, run: str) -> "History":
        """The same rows under another run name."""
        return History(self.table.assign(run=run))


def _no_nan(row: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: what was not measured is null."""
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}


@dataclass(frozen=True)
class Predictions:
    """One row per video (or per clip, as `level` says): the class scores a model gave.

    `scores` is float32 `(N, K)`, each row a probability per class; `labels` is int64 `(N,)`, -1 where unknown;
    `clips` is int64 `(N,)`, how many clips each row's scores are the mean of.
    """

    videos: tuple[str, ...]
    labels: np.ndarray
    scores: np.ndarray
    clips: np.ndarray
    classes: tuple[str, ...]
    level: Level

    def __post_init__(self) -> None:
        n, k = len(self.videos), len(self.classes)
        if self.scores.shape != (n, k):
            raise ValueError(
                f"scores are {self.scores.shape}, the predictions of {counted(n, 'video')} and {counted(k, 'class', 'classes')}"
            )
        if self.labels.shape != (n,) or self.clips.shape != (n,):
            raise ValueError(f"labels {self.labels.shape} and clips {self.clips.shape} must both be ({n},)")
        if lost := np.flatnonzero(np.isnan(self.scores).any(axis=1)).tolist():
            raise ValueError(
                f"the scores of {len(lost)} of {n} rows are NaN, which is no answer: {self.videos[lost[0]]} first"
            )
        if n and self.labels.max(initial=-1) >= k:
            raise ValueError(f"label {self.labels.max()} is outside the list of {counted(k, 'class', 'classes')}")

    @property
    def predicted(self) -> np.ndarray:
        """The class with the highest score, int64 `(N,)`."""
        return self.scores.argmax(axis=1)

    def accuracy(self, k: int = 1) -> float:
        """Top-k accuracy in 0-1 over the rows whose label is known; NaN if there are none."""
        known = self.labels >= 0
        if not known.any():
            return float("nan")
        best = np.argsort(-self.scores[known], axis=1, kind="stable")[:, :k]
        return float((best == self.labels[known, None]).any(axis=1).mean())

    def confusion(self) -> np.ndarray:
        """Counts, int64 `(K, K)`: row = true class, column = predicted class."""
        known = self.labels >= 0
        matrix = np.zeros((len(self.classes),) * 2, dtype=np.int64)
        np.add.at(matrix, (self.labels[known], self.predicted[known]), 1)
        return matrix

    def per_class(self) -> pd.DataFrame:
        """One row per class: `name`, `videos`, `correct`, `top1` (NaN where a class has no video)."""
        matrix = self.confusion()
        videos, correct = matrix.sum(axis=1), matrix.diagonal()
        with np.errstate(invalid="ignore"):
            top1 = correct / videos
        return pd.DataFrame({"name": list(self.classes), "videos": videos, "correct": correct, "top1": top1})

    def save(self, path: str | Path) -> Path:
        """Write Parquet; class names and level travel in the schema's metadata."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table(
            {
                "video": pa.array(self.videos, pa.string()),
                "label": pa.array(self.labels, pa.int64()),
                "scores": pa.array(list(self.scores.astype(np.float32)), pa.list_(pa.float32())),
                "clips": pa.array(self.clips, pa.int64()),
            }
        ).replace_schema_metadata({"labkit": json.dumps({"classes": self.classes, "level": self.level})})
        return write_atomically(path, lambda temporary: pq.write_table(table, temporary))

    @classmethod
    def load(cls, path: str | Path) -> "Predictions":
        """Read what `save` wrote. Raises `ValueError` for a Parquet file of anything else."""
        import pyarrow.parquet as pq

        table = pq.read_table(Path(path).absolute())
        metadata = (table.schema.metadata or {}).get(b"labkit")
        if metadata is None:
            raise ValueError(f"{path} is a Parquet file, but not one of labkit's predictions")
        about = json.loads(metadata)
        scores = np.array(table["scores"].to_pylist(), dtype=np.float32).reshape(len(table), len(about["classes"]))
        return cls(
            videos=tuple(table["video"].to_pylist()),
            labels=table["label"].to_numpy().astype(np.int64),
            scores=scores,
            clips=table["clips"].to_numpy().astype(np.int64),
            classes=tuple(about["classes"]),
            level=about["level"],
        )


# What the values in `run.json` are, those that something reads; a key may be missing.
RUN_KEYS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("notebook", "status"), (str,)),
    **dict.fromkeys(("parameters", "changed", "versions", "hardware", "code", "process"), (dict,)),
    "started": (str, type(None)),
    "seconds": (int, float, type(None)),
    "error": (dict, type(None)),
}


def read_mapping(path: Path) -> dict[str, Any]:
    """What a JSON file of names and values holds. Raises `ValueError`, naming the file, where it is anything else."""
    try:
        read = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON that can be read: {error}") from None
    if not isinstance(read, dict):
        raise ValueError(f"{path} should hold names and values, not a {type(read).__name__}")
    return read


@dataclass(frozen=True)
class Run:
    """A folder that one execution of a notebook left: the notebook, `run.json`, and what it measured.

    `run.json` holds parameters, versions, hardware, code version, status (`running`, `done`, `failed`, `interrupted`) and times.
    """

    folder: Path
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: str | Path) -> "Run":
        """The run that a folder holds. Raises `FileNotFoundError` if it holds none, `ValueError` if its file is odd."""
        folder = Path(folder)
        path = folder / "run.json"
        if not path.is_file():
            raise FileNotFoundError(f"{folder} is not a run: it has no run.json")
        about = read_mapping(path)
        for key, kinds in RUN_KEYS.items():
            if key in about and not isinstance(about[key], kinds):
                raise ValueError(f"{path} is not of a run: {key!r} is {about[key]!r:.60}")
        return cls(folder, about)

    @property
    def status(self) -> str:
        """As `run.json` has it: `running`, `done`, `failed` or `interrupted`."""
        return str(self.about.get("status", "unknown"))

    @property
    def parameters(self) -> Mapping[str, Any]:
        """All parameters of the notebook with the values it ran with."""
        return self.about.get("parameters", {})

    @property
    def results(self) -> dict[str, Any]:
        """The numbers that the notebook recorded, by name; empty if it recorded none. Raises `ValueError` if they are odd."""
        path = self.folder / "results.json"
        return read_mapping(path) if path.is_file() else {}

    @property
    def histories(self) -> Sequence[Path]:
        """The history files that the notebook left."""
        return sorted(self.folder.rglob("history.jsonl"))

    @property
    def predictions(self) -> Sequence[Path]:
        """The files of predictions that the notebook left."""
        return sorted(self.folder.rglob("predictions*.parquet"))
