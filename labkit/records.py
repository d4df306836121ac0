"""History, Training, Predictions, Run: the plain records that travel between the rooms of labkit.

Training writes them, everyone else reads them. Of labkit this module imports only `counting`.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from labkit.atomic import naming, write_atomically
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


@dataclass(frozen=True)
class History:
    """One row per epoch and split; the columns are `HISTORY_COLUMNS`. Frozen: make a new one to add rows."""

    table: pd.DataFrame

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> "History":
        """A history of these rows. Their keys are `HISTORY_COLUMNS`; a missing value, or None, becomes NaN."""
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

        An epoch whose loss is NaN is never the best. Raises `ValueError` if all losses or all values of `metric` are NaN,
        or the split has no rows.
        """
        own = self.table[self.table["split"] == split]
        measured = own.dropna(subset=[metric])
        rows = measured[np.isfinite(measured["loss"])]
        if len(own) and measured.empty:
            raise ValueError(f"the {split} {metric} is not a number in any of {len(own)} epochs")
        if rows.empty and len(measured):
            raise ValueError(
                f"the {split} loss is not a number in any of {len(measured)} epochs: the training has failed"
            )
        if rows.empty:
            raise ValueError(
                f"this history has no rows of split {split!r}; it has {sorted(self.table['split'].unique())}"
            )
        index = rows[metric].idxmin() if metric == "loss" else rows[metric].idxmax()
        best: pd.Series = rows.loc[[index]].iloc[0]
        return best

    def __add__(self, other: "History") -> "History":
        return History(pd.concat([self.table, other.table], ignore_index=True))

    def named(self, run: str) -> "History":
        """The same rows under another run name."""
        return History(self.table.assign(run=run))


@dataclass(frozen=True)
class Training:
    """One training among several: its name, the parameters in which it may differ from the others, and its history."""

    name: str
    parameters: Mapping[str, Any]  # such as width and seed
    history: History
    diverged: bool = False  # it ended because loss or weights became NaN, also where no row of the history says so


def _no_nan(row: Mapping[str, Any]) -> dict[str, Any]:
    """A value for JSON, which has no NaN: a missing measurement becomes null."""
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
        if not k:
            raise ValueError(
                f"the predictions of {counted(n, 'video')} need a class, and their list of classes is empty"
            )
        if self.scores.shape != (n, k):
            raise ValueError(
                f"scores are {self.scores.shape}, the predictions of {counted(n, 'video')} and {counted(k, 'class', 'classes')}"
            )
        if self.labels.shape != (n,) or self.clips.shape != (n,):
            raise ValueError(f"labels {self.labels.shape} and clips {self.clips.shape} must both be ({n},)")
        if lost := np.flatnonzero(np.isnan(self.scores).any(axis=1)).tolist():
            raise ValueError(
                f"the scores of {len(lost)} of {n} rows are NaN, the first of them those of {self.videos[lost[0]]}"
            )
        if n and self.labels.max(initial=-1) >= k:
            raise ValueError(f"label {self.labels.max()} is outside the list of {counted(k, 'class', 'classes')}")

    @property
    def predicted(self) -> np.ndarray:
        """The class with the highest score, int64 `(N,)`."""
        best: np.ndarray = self.scores.argmax(axis=1)
        return best

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
        """Read a file that `save` wrote. Raises `ValueError` for any other Parquet file."""
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


# Types of the values in `run.json` that labkit reads. A key may be missing.
RUN_KEYS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("notebook", "status"), (str,)),
    **dict.fromkeys(("parameters", "changed", "versions", "hardware", "code", "process"), (dict,)),
    "started": (str, type(None)),
    "seconds": (int, float, type(None)),
    "error": (dict, type(None)),
}


def read_mapping(path: Path) -> dict[str, Any]:
    """The names and values in a JSON file. Raises `ValueError`, with the name of the file, for any other content."""
    try:
        read = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON that can be read: {error}") from None
    if not isinstance(read, dict):
        raise ValueError(f"{path} should hold names and values, not a {type(read).__name__}")
    return read


@dataclass(frozen=True)
class Run:
    """The folder of one execution of a notebook: the executed notebook, `run.json`, and the measurements.

    `run.json` holds parameters, versions, hardware, code version, status (`running`, `done`, `failed`, `interrupted`) and times.
    """

    folder: Path
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: str | Path) -> "Run":
        """The run in a folder. Raises `FileNotFoundError` if there is none, `ValueError` if its `run.json` is malformed."""
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
        given: Mapping[str, Any] = self.about.get("parameters", {})
        return given

    @property
    def results(self) -> dict[str, Any]:
        """The numbers that the notebook recorded, by name; may be empty. Raises `ValueError` if their file is malformed."""
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
