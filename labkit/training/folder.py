"""The folder of a training run: `history.jsonl`, `checkpoint.safetensors`, `best.safetensors`."""

import hashlib
import json
import math
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from labkit.atomic import write_atomically
from labkit.counting import counted
from labkit.models.weights import nan_tensors
from labkit.records import History
from labkit.training import checkpoint
from labkit.training.batches import flow_spec
from labkit.training.checkpoint import Checkpoint, CheckpointError
from labkit.training.failures import is_finite
from labkit.training.lock import one_training
from labkit.training.meter import Meter
from labkit.training.ranks import ONE_PROCESS, Processes

# The values of settings in checkpoints that are older than these settings.
LACKING = {"accumulate": 1, "label_smoothing": 0.0, "processes": 1, "sync_batchnorm": False}
HISTORY, CHECKPOINT, BEST = "history.jsonl", "checkpoint.safetensors", "best.safetensors"


@dataclass
class Position:
    """The position of a run."""

    epoch: int = 1  # the epoch under way
    batch: int = 0  # its batches that are done
    updates: int = 0  # in all
    seconds: float = 0.0  # spent training in this epoch
    rows: int = 0  # of the history


@dataclass
class State:
    """Everything that changes while training. A checkpoint keeps this and nothing else."""

    model: nn.Module
    optimiser: Optimizer
    scheduler: LRScheduler
    meter: Meter
    position: Position = field(default_factory=Position)
    history: list[dict[str, Any]] = field(default_factory=list)


class RunFolder:
    """The files of one run. Without a folder, nothing is kept and every call does nothing.

    `settings` decide the result: a run cannot go on with other settings. `surroundings` (threads, workers, versions) may
    decide its last bits: a run that goes on in others warns. Of several processes (`crew`) the first alone touches the
    folder, and tells the others what its checkpoint held. All call the same methods at the same update.
    """

    def __init__(
        self,
        folder: str | Path | None,
        *,
        settings: Mapping[str, Any],
        surroundings: Mapping[str, Any],
        every: int | None,
        crew: Processes = ONE_PROCESS,
    ) -> None:
        self.path, self.crew, self.writes = None if folder is None else Path(folder), crew, crew.first
        self.settings, self.surroundings, self.every = _plain(settings), _plain(surroundings), every
        self._saved_at, self._saved_updates = time.monotonic(), 0
        if self.path is not None and self.writes:
            self.path.mkdir(parents=True, exist_ok=True)

    def alone(self) -> AbstractContextManager[None]:
        """Inside, no other training writes here. Raises `FolderInUseError` where one does."""
        return one_training(self.path) if self.path is not None and self.writes else nullcontext()

    def start(self, state: State, *, resume: bool) -> bool:
        """Put `state` back to the last checkpoint; without a checkpoint, or with `resume=False`, start afresh."""
        if self.path is None:
            return False
        file = self.path / CHECKPOINT
        if self.crew.told_values(resume and self.writes and file.exists()):
            self._resume(state, file)
            return True
        if self.writes:
            for name in (CHECKPOINT, HISTORY, BEST):
                (self.path / name).unlink(missing_ok=True)
        return False

    def _resume(self, state: State, file: Path) -> None:
        found, rows = self._found(file) if self.writes else (None, [])
        # The others may be on another machine, and see no folder: they get the file itself.
        content = self.crew.told(file.read_bytes() if self.writes and self.crew.several else b"")
        rows = self.crew.told_values(rows)
        found = found or _load(content)
        position = Position(**found.about["position"])
        checkpoint.restore(found, state.model, state.optimiser, state.scheduler)
        if self.writes:  # it keeps the sums of all; the others go on from nothing
            state.meter.sums.copy_(found.tensors["more.meter"])
        state.position, state.history = position, rows
        self._saved_updates = position.updates

    def _found(self, file: Path) -> tuple[Checkpoint, list[dict[str, Any]]]:
        """The checkpoint, compared with what is asked for, and its rows of the history, which the file then holds alone."""
        found = checkpoint.load(file)
        self._compare(found)
        rows = self._rows(Position(**found.about["position"]).rows)
        if nan_tensors(found.section("model")):
            warnings.warn(f"{found.path} holds NaN: its training had failed. resume=False starts over", stacklevel=6)
        # Rows written after the checkpoint are of updates that will be made again.
        text = "".join(json.dumps(row) + "\n" for row in rows)
        write_atomically(file.with_name(HISTORY), lambda temporary: temporary.write_text(text, encoding="utf-8"))
        return found, rows

    def _rows(self, count: int) -> list[dict[str, Any]]:
        assert self.path is not None
        file = self.path / HISTORY
        rows = History.read(file).table.to_dict("records") if file.exists() else []
        if len(rows) < count:
            raise CheckpointError(
                f"{file} has {counted(len(rows), 'row')}, but the checkpoint beside it was written after {count}: "
                "restore the file, or pass resume=False to start over"
            )
        return [{str(key): value for key, value in row.items()} for row in rows[:count]]

    def _compare(self, found: Checkpoint) -> None:
        other = _differences(found.about["settings"], self.settings)
        if other:
            raise CheckpointError(
                f"{found.path} is of a run with other settings: {other}. "
                "Go on with those, choose another folder, or pass resume=False to start over."
            )
        other = _differences(found.about["surroundings"], self.surroundings)
        if other:
            warnings.warn(f"resumed, but not bit for bit as a run without a stop: {other}", stacklevel=6)

    def save(self, state: State) -> None:
        """Write a checkpoint now, unless the weights are spoilt: then the last good one stays."""
        if self.path is None:
            return
        sums = self.crew.sum(state.meter.sums)
        if not is_finite(state.model):
            return
        self._saved_at, self._saved_updates = time.monotonic(), state.position.updates
        if not self.writes:
            return
        about = {
            "position": asdict(state.position),
            "settings": self.settings,
            "surroundings": self.surroundings,
        }
        checkpoint.save(
            self.path / CHECKPOINT,
            state.model,
            state.optimiser,
            state.scheduler,
            about=about,
            tensors={"meter": sums},
        )

    @property
    def last_good(self) -> str:
        """Where the last checkpoint is, for somebody whose training has failed."""
        if self.path is None:
            return "No folder was given, so nothing was kept."
        if not self._saved_updates:
            return "No checkpoint had been written yet."
        path = self.path / CHECKPOINT
        return f"The last good checkpoint, after update {self._saved_updates}, is {path}: load_weights reads it."

    def save_if_due(self, state: State, *, after: float) -> None:
        """Write a checkpoint if `every` updates have passed since the last; with no such number, `after` seconds."""
        if self.every is None:
            due = time.monotonic() - self._saved_at >= after
        else:
            due = state.position.updates - self._saved_updates >= self.every
        if self.crew.anyone(due and self.writes):
            self.save(state)

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add an epoch's rows to the history file."""
        if self.path is not None and self.writes:
            History.append(self.path / HISTORY, rows)

    def keep_best(self, state: State) -> None:
        """Keep the weights if the newest validation accuracy is above all before; never where the loss is NaN."""
        val = [row for row in state.history if row["split"] == "val"]
        scores = [row["top1"] if math.isfinite(row["loss"]) else -1.0 for row in val]
        if self.path is not None and self.writes and scores and scores[-1] > max(scores[:-1], default=-1.0):
            about = {name: self.settings[name] for name in ("classes", "clip", "protocol")}
            checkpoint.save_best(self.path / BEST, state.model, **about)


def surroundings(device: torch.device, workers: int, accumulate: int, processes: int) -> dict[str, Any]:
    """Values that may change the last bits of a result.

    `accumulate` and `processes` also change the clips that batch norms compare.
    """
    return {
        "torch": torch.__version__,
        "device": device.type,
        "threads": torch.get_num_threads(),
        "workers": workers,
        "accumulate": accumulate,
        "processes": processes,
    }


def _load(content: bytes) -> Checkpoint:
    """A checkpoint from the content of its file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, CHECKPOINT)
        file.write_bytes(content)
        return checkpoint.load(file)


def fingerprint(dataset: Any) -> str:
    """A short hash of the videos, their order and their labels; of the number of clips, for a dataset without a table."""
    table = getattr(dataset, "table", None)
    digest = hashlib.sha256(str(len(dataset)).encode())
    for column in ("video", "label", "start", "end"):
        if table is not None and column in table:
            digest.update("\n".join(map(str, table[column])).encode())
    return digest.hexdigest()[:12]


def described_flow(dataset: Any) -> dict[str, Any] | None:
    """How the dataset's flow was computed and is cut; None where it shows none."""
    settings, spec = getattr(dataset, "flow_settings", None), flow_spec(dataset)
    described = {**asdict(settings)} if settings else {}
    return {**described, **(asdict(spec) if spec else {})} or None


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they come back from JSON, so that old and new ones can be compared."""
    return json.loads(json.dumps(values))


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    then = {**{name: LACKING[name] for name in LACKING if name in now}, **then}
    names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    return ", ".join(f"{name} {then.get(name)} then and {now.get(name)} now" for name in names)
