"""Batches of clips: their order is a function of (seed, epoch), and a loader can start anywhere inside it.

A file may go bad after it was indexed. Its clips are then left out of their batches and counted, or the pass ends with
one clear error. The dataset's `on_error` decides.
"""

import re
import signal
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from labkit.clip import ClipSpec
from labkit.counting import counted
from labkit.data.video_file import VideoError
from labkit.data.watchdog import end_when_ffmpeg_stands_still
from labkit.training.failures import TooLittleMemoryError, enough_memory
from labkit.training.sharing import ALONE, Share

Clips = Tensor | Sequence[Tensor]  # uint8 `(B, T, C, H, W)`, or a pair of those: frames and flow
Loaded = tuple[Clips | None, Tensor | None, Tensor | None, Sequence[VideoError]]


class ClipDataset(Protocol):
    """The interface of a dataset of clips. `labkit.data.video_dataset.VideoDataset` has it."""

    classes: tuple[str, ...]
    spec: ClipSpec

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any) -> tuple[Any, int, int]:
        """`(epoch, i)` or `i` gives a uint8 clip `(T, C, H, W)`, its label, and its row in the dataset's table.

        A dataset of pairs `(rgb, flow)` has the second one's `ClipSpec` as `.flow`, and gives two such clips as one.
        """
        ...


def split(clips: Clips, parts: int) -> Sequence[Clips]:
    """A batch in so many parts; of a pair each part is a pair."""
    if isinstance(clips, Tensor):
        return clips.tensor_split(parts)
    return list(zip(*(stream.tensor_split(parts) for stream in clips), strict=True))


def flow_spec(dataset: Any) -> ClipSpec | None:
    """How the flow of a dataset of pairs is cut; None for a dataset of single clips."""
    return getattr(dataset, "flow", None)


class EpochBatches(Sampler[list[tuple[int, int]]]):
    """Batches of `(epoch, index)` pairs, every clip once an epoch, in an order drawn from (seed, epoch) alone.

    `begin(epoch, first)` says where the next pass starts, so that an interrupted epoch can go on.
    A single clip that remains joins the batch before it, since batch normalisation compares the clips of a batch.
    Each of several processes gets its `share` of every batch. The share may be empty.

    With `shuffle=False` every pass is the same: all clips in order, or the clips in `only`, in its order. Such a pass
    is for measuring, and each process gets whole batches.
    """

    def __init__(
        self,
        clips: int,
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        only: NDArray[np.int64] | None = None,
        share: Share = ALONE,
    ):
        self.order = np.arange(clips) if only is None else only
        self.clips, self.batch_size, self.seed, self.shuffle = len(self.order), batch_size, seed, shuffle
        self.share = share
        self.epoch, self.first, self.end = 0, 0, len(self)

    def __len__(self) -> int:
        full, rest = divmod(self.clips, self.batch_size)
        single = self.shuffle and rest == 1 and full > 0
        return full + (rest > 0 and not single)

    def begin(self, epoch: int, first: int = 0, end: int | None = None) -> None:
        """The next pass is `epoch`, from its batch number `first` up to and without `end`."""
        self.epoch, self.first, self.end = epoch, first, len(self) if end is None else min(end, len(self))

    def clips_before(self, batch: int) -> int:
        """The number of clips in the batches of an epoch before its batch number `batch`, over all processes."""
        return self.clips if batch >= len(self) else batch * self.batch_size

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = self.order.copy()
        if self.shuffle:
            np.random.default_rng((self.seed, self.epoch)).shuffle(order)
        for batch in range(self.first, self.end) if self.shuffle else self.share.of_batches(len(self)):
            clips = order[self.clips_before(batch) : self.clips_before(batch + 1)].tolist()
            yield [(self.epoch, i) for i in (self.share.of_batch(clips) if self.shuffle else clips)]


def make_loader(
    dataset: Any, batches: EpochBatches, *, workers: int, device: torch.device, seed: int = 0
) -> DataLoader[Any]:
    """A loader over `batches` that gives `(clips, labels, rows, errors)`. Read it with `Reading.of`.

    The workers live as long as the loader. Memory is pinned for CUDA only.
    """
    return DataLoader(
        _Tolerant(dataset),
        collate_fn=_collate,
        batch_sampler=batches,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
        # Starting a loader draws from a generator. With the global one, dropout after a resume would differ.
        generator=torch.Generator().manual_seed(seed),
        worker_init_fn=_begin_work,
    )


class _Tolerant(Dataset):
    """The dataset's items, and the errors of the items that cannot be read.

    Errors travel as values, because an error raised in a worker arrives as the text of its traceback.
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, keys: Sequence[Any]) -> tuple[list[Any], list[VideoError]]:
        items, errors = [], []
        with _room_for(len(keys)):
            for key in keys:
                try:
                    items.append(self.dataset[key])
                except VideoError as error:
                    errors.append(error.with_traceback(None))
        return items, errors


def _collate(fetched: Any) -> Loaded:
    items, errors = fetched  # what `_Tolerant` gives
    with _room_for(len(items)):
        clips, labels, rows = default_collate(items) if items else (None, None, None)
    return clips, labels, rows, errors


def _room_for(clips: int) -> AbstractContextManager[None]:
    """Inside, a failed allocation is an error that names the size of the batch."""
    advice = "Lower batch_size, the frames or the size of the clip, or the number of workers"
    return enough_memory(f"reading a batch of {counted(clips, 'clip')}", torch.device("cpu"), advice=advice)


class ReaderDiedError(RuntimeError):
    """A process that reads clips died or could not start: memory or /dev/shm ran out, or its decoder crashed."""


# What torch and the system say then. Torch raises the first kind anywhere, from a signal's handler.
SIGNS_OF_DEATH = re.compile(
    "^DataLoader worker.*|^.*(?:shared memory\\(shm\\)|unable to write to file|an(?:no|')t allocate memory|new thread).*$",
    re.MULTILINE | re.IGNORECASE,
)


@contextmanager
def living_readers() -> Iterator[None]:
    """Inside, the death of a loader's worker becomes a `ReaderDiedError`, which says what to do."""
    try:
        yield
    except (RuntimeError, MemoryError, OSError) as error:
        found = SIGNS_OF_DEATH.search(str(error))
        if found is None or isinstance(error, TooLittleMemoryError):
            raise
        raise ReaderDiedError(
            f"a process that reads clips died or could not start ({found[0].strip()[:200]}). Its memory or /dev/shm ran out, "
            "or its decoder crashed. What was saved before is whole. Fewer workers need less of both, and workers=0 needs no "
            "/dev/shm"  # noqa: S108 (a word of a message)
        ) from None


class Reading:
    """One pass over a loader. Clips that cannot be read are left out and counted.

    With the dataset's `on_error="raise"` the pass ends with the first error. A batch without any clip is left out, unless
    `empty` batches are wanted: several processes must make the same number of steps.
    """

    def __init__(self, dataset: Any, *, empty: bool = False) -> None:
        self.on_error = getattr(dataset, "on_error", "raise")
        self.spec, self.flow, self.empty = dataset.spec, flow_spec(dataset), empty
        self.batches = self.clips = 0  # taken from the loader; clips given on
        self.errors: list[VideoError] = []

    def of(self, loader: Iterable[Loaded]) -> Iterator[tuple[Clips, Tensor, Tensor]]:
        """The batches. Raises `VideoError` as `on_error` says."""
        for clips, labels, rows, errors in loader:
            self.errors += errors
            self.batches += 1
            if errors and self.on_error == "raise":
                raise errors[0]
            if clips is not None and labels is not None and rows is not None:
                self.clips += len(labels)
                yield clips, labels, rows
            elif self.empty:
                none = torch.zeros(0, dtype=torch.int64)
                yield self._no_clips(), none, none

    def _no_clips(self) -> Clips:
        def of(spec: ClipSpec) -> Tensor:
            channels, frames, height, width = spec.shape
            return torch.zeros((0, frames, channels, height, width), dtype=torch.uint8)

        return of(self.spec) if self.flow is None else (of(self.spec), of(self.flow))

    def check(self, read: int) -> None:
        """Raises the first error, a `VideoError`, if the processes have `read` no clip at all."""
        if self.errors and not read:
            raise self.errors[0]

    def warn(self, where: str) -> None:
        """Warn of the clips that were left out, if there are any."""
        if self.errors:
            clips = counted(len(self.errors) + self.clips, "clip")
            videos = counted(len({error.path for error in self.errors}), "video")
            warnings.warn(
                f"{where}: {len(self.errors)} of {clips} could not be read and were left out, of {videos}; "
                f"the first is {self.errors[0]}",
                stacklevel=3,
            )


def _begin_work(worker: int) -> None:
    # Ctrl-C in a terminal reaches every process of the group; each worker would print a traceback of its own.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_when_ffmpeg_stands_still()
