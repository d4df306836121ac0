"""`VideoDataset`: rows (video, label, start, end), a decoder and a `ClipSpec` become items `(clip, label, row)`.

It picks frames, crop and flip as a pure function of (seed, epoch, index): the same on every machine, for every number of
workers, after every resume. `labkit.data.datasets.open_dataset` makes one from a folder.
"""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal, Self, get_args

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from labkit.clip import ClipSpec
from labkit.counting import counted
from labkit.data import clips, two_streams
from labkit.data.clips import Leftover
from labkit.data.dataset_kinds import Flip
from labkit.data.dataset_rows import Rows, TableRows
from labkit.data.dataset_table import REPORT, corrected, counted_exactly
from labkit.data.flow import FlowSettings, Method
from labkit.data.flow_cache import FlowCache, cache_flow
from labkit.data.frame_cache import FrameCache, cache_frames, check_length, reduced
from labkit.data.transforms import Box, Draws, EvalTransform, TrainTransform, apply
from labkit.data.video import VideoError, VideoReader
from labkit.data.video_file import shown
from labkit.names import choose

Sampling = Literal["random", "centre", "windows", "spaced", "whole"]
OnError = Literal["skip", "raise"]
Transform = Callable[[Tensor, np.random.Generator], Tensor]

OPEN_READERS = 4  # files a process keeps open: enough for windows in order, few enough for many workers
# Decoded frames are kept this much larger than the training crop: the usual 128 for 112 (Simonyan & Zisserman's
# 256 for 224). Smaller crops are scaled up from there; without the cache each crop is decoded at its own best size.
CACHE_MARGIN = 8 / 7


class VideoDataset(Dataset):
    """Clips of labelled videos. `ds[i]`, or `ds[(epoch, i)]`, is `(clip, label, row)`.

    `clip` is uint8 `(T, C, H, W)`; `row` is the row of `ds.table` that the clip comes from. There is one item per video
    for the samplings `random`, `centre` and `whole`, one per video and window for `windows`, and `k` per video for
    `spaced`. `leftover` says what windows do with the frames that fill none (`labkit.data.clips.windows`). A clip of
    `whole` has the length of its video.

    `table` has a row per video, or per part of one: path, label, video (a name that does not depend on where the
    dataset lies), start and end (frames, end excluded), frames, fps, width, height (of the file), and, if the spec asks
    for a rate, varies (whether the file's own does).
    `transform` takes `(clip, rng)`; if None, `random` sampling crops and flips and the others take the centre.
    `flip` says what a mirror image does to a label: nothing ("safe"), another label (a mapping; labels that it lacks
    are never flipped), or "forbidden". Items that cannot be read raise `VideoError`, which names the file; `on_error`
    tells `fit` and `evaluate` whether to leave such items out and count them ("skip") or to end there ("raise").

    With optical flow (`with_flow`), `clip` is the pair `(rgb, flow)` of the same moment, crop and flip: uint8
    `(T, 3, H, W)` and `(T', 2, H', W')`, the second as `.flow` says. `stream("flow")` gives the flow alone.
    """

    def __init__(
        self,
        table: pd.DataFrame | Rows,
        classes: Sequence[str],
        spec: ClipSpec,
        *,
        sampling: Sampling = "random",
        k: int = 10,
        leftover: Leftover = "loop",
        transform: Transform | None = None,
        augment: TrainTransform | None = None,
        flip: Flip = "safe",
        seed: int = 0,
        cache: FrameCache | None = None,
        fields: FlowCache | None = None,
        flow: ClipSpec | None = None,
        report: pd.DataFrame | Rows | None = None,
        on_error: OnError = "skip",
        name: str = "videos",
        note: str = "",
    ) -> None:
        check_settings(sampling, k, seed)
        choose(leftover, get_args(Leftover), "way to treat a leftover")
        choose(on_error, get_args(OnError), "on_error")
        self._rows: Rows = TableRows(table) if isinstance(table, pd.DataFrame) else table
        self.classes = tuple(classes)
        outside = np.flatnonzero((self.labels < 0) | (self.labels >= len(self.classes)))
        if len(outside):
            path, label = (self._rows.cell(name, int(outside[0])) for name in ("path", "label"))
            raise ValueError(
                f"{shown(path)}: label {label} is outside the list of {counted(len(classes), 'class', 'classes')}"
            )
        self.spec, self.sampling, self.k, self.leftover, self.seed = spec, sampling, k, leftover, seed
        self.augment = augment or TrainTransform(spec)
        self._given = transform
        self.transform: Transform = transform or (self.augment if sampling == "random" else EvalTransform(spec))
        # Asked once: the check walks a class tree, and costs as much as reading a small clip.
        self._drawing = self.transform if isinstance(self.transform, Draws) else None
        self.flip = flip
        report = pd.DataFrame(columns=REPORT, dtype=str) if report is None else report
        self._report: Rows = TableRows(report) if isinstance(report, pd.DataFrame) else report
        self.on_error = on_error
        self.name, self.note = name, note
        self._cache = cache
        # Fields without `flow` are shown alone, as clips of `spec`.
        self._fields, self.flow = fields, flow
        self._moment = spec if flow is None else two_streams.moment(spec, flow)
        if fields is not None:
            two_streams.check_flow(flow or spec, spec)
            if self._drawing is None:
                raise ValueError(
                    "flow is cut as the frames are: give a transform that draws a box, as TrainTransform does"
                )
        self._readers: OrderedDict[str, VideoReader] = OrderedDict()
        self._counted = False  # whether lengths that were estimates have been counted

    # ------------------------------------------------------------------ what there is

    def __len__(self) -> int:
        return int(self._ends[-1]) if self.sampling == "windows" else len(self._rows) * self._per_row

    @property
    def table(self) -> pd.DataFrame:
        """A row per video, or per part of one, as a table of pandas."""
        return self._rows.frame

    @property
    def report(self) -> pd.DataFrame:
        """The videos that cannot be read and the files that are not videos: path, reason, what."""
        return self._report.frame

    @property
    def labels(self) -> NDArray[np.int64]:
        """The label of every row of the table, int64 `(rows,)`."""
        return self._rows.column("label").astype(np.int64, copy=False)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The row of every item, int64 `(len(ds),)`: which clips belong to which video, without decoding any."""
        counts = np.diff(self._ends, prepend=0) if self.sampling == "windows" else self._per_row
        return np.repeat(np.arange(len(self._rows)), counts)

    def describe(self) -> str:
        """Videos, classes, clips and how they are cut, in a few lines."""
        spec, passed = self.spec, int((self.report["what"] == "passed over").sum())
        missing = len(self.report) - passed
        stride = f", every {spec.stride} frames" if spec.stride > 1 else ""
        rate = f" at {spec.fps:g} frames/s" if spec.fps else ""
        length = "all frames, at least " * (self.sampling == "whole") + counted(spec.frames, "frame")
        videos, classes = counted(len(self._rows), "video"), counted(len(self.classes), "class", "classes")
        lines = [
            f"{self.name}: {videos} of {classes}, {counted(len(self), 'clip')} ({self.sampling})",
            f"a clip: {length}{stride}{rate}, {spec.size}×{spec.size} pixels",
        ]
        if self._fields is not None:
            how, flow = self._fields.settings, self.flow or spec
            beside = f"beside it: {counted(flow.frames, 'flow field')}" if self.flow else "each frame: its flow field"
            apart = f", every {flow.stride} frames" if self.flow and flow.stride > 1 else ""
            lines.append(f"{beside}{apart} ({how.method}, up to ±{how.bound:g} pixels)")
        if self.note:
            lines.append(shown(self.note))
        if missing:
            lines.append(f"not readable and left out: {counted(missing, 'video')}, see .report")
        if passed:
            lines.append(
                f"passed over, since they are not videos: {counted(passed, 'file or folder', 'files and folders')}, see .report"
            )
        here = set(self.labels.tolist())
        absent = [name for label, name in enumerate(self.classes) if label not in here]
        if absent:
            more = f" and {len(absent) - 10} more" if len(absent) > 10 else ""
            lines.append(
                f"without a video here: {counted(len(absent), 'class', 'classes')} ({', '.join(map(shown, absent[:10]))}{more})"
            )
        estimated = len(self._rows) - int(self._rows.column("exact").sum()) if "exact" in self._rows else 0
        if estimated:
            lines.append(f"length estimated from the header, exact when read: {counted(estimated, 'video')}")
        damaged = int((self.table["damage"] != "").sum()) if "damage" in self.table else 0
        if damaged:
            lines.append(f"damaged and used up to the damage: {counted(damaged, 'video')}, see .table['damage']")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<VideoDataset {self.describe()}>"

    # ------------------------------------------------------------------ one item

    def __getitem__(self, key: int | tuple[int, int]) -> tuple[Any, int, int]:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        if not -len(self) <= index < len(self):
            raise IndexError(f"no item {index}: the dataset has {len(self)}")
        index = int(index) % len(self)
        # A sequence of numbers seeds a stream of its own for each combination.
        rng = np.random.default_rng((self.seed, int(epoch), index))
        row, part = self._place(index)
        label = int(self._rows.cell("label", row))
        numbers = self._numbers(row, part, rng)
        path = self._path(row)
        if self._drawing is None:
            clip = torch.from_numpy(self._read(path, row, numbers, None)).permute(0, 3, 1, 2)
            return self.transform(clip, rng), label, row
        height, width = self._size(path, row)
        box = self._drawing.draw(height, width, rng)
        if box.flip:
            mirrored = self._mirrored(label)
            box, label = (replace(box, flip=False), label) if mirrored is None else (box, mirrored)
        size = self._drawing.spec.size
        if self._fields is None:
            return self._show(path, row, numbers, box, size), label, row
        if self.flow is None:
            return self._show_flow(path, numbers, box, size), label, row
        frames, fields = two_streams.split(numbers, self.spec, self.flow, whole=self.sampling == "whole")
        rgb, flow = self._show(path, row, frames, box, size), self._show_flow(path, fields, box, self.flow.size)
        return (rgb, flow), label, row

    def frame_numbers(self, index: int, epoch: int = 0) -> NDArray[np.int64]:
        """The frames of the file that item `index` shows in `epoch`, int64 `(T,)`; of a pair, all that its moment holds."""
        rng = np.random.default_rng((self.seed, epoch, index))
        return self._numbers(*self._place(index), rng)

    def _place(self, index: int) -> tuple[int, int]:
        """The row of an item, and the number of the clip within its row."""
        if self.sampling != "windows":
            return divmod(index, self._per_row)
        row = int(np.searchsorted(self._ends, index, side="right"))
        return row, index - (int(self._ends[row - 1]) if row else 0)

    def _numbers(self, row: int, part: int, rng: np.random.Generator) -> NDArray[np.int64]:
        start, end, fps, varies = self._span(row)
        length = end - start
        uneven = self._reader(self._path(row)).times if self.spec.fps and varies else None
        times = None if uneven is None else uneven[start:end]
        if self.sampling == "random":
            numbers = clips.random_clip(length, self._moment, rng, fps=fps, times=times)
        elif self.sampling == "centre":
            numbers = clips.centre_clip(length, self._moment, fps, times)
        elif self.sampling == "whole":
            numbers = clips.whole(length, self._moment, fps, times)
        elif self.sampling == "windows":
            numbers = clips.window(length, self._moment, part, fps, times, leftover=self.leftover)
        else:
            numbers = clips.spaced_clips(length, self._moment, self.k, fps, times)[part]
        return numbers + start

    def _span(self, row: int) -> tuple[int, int, float, bool]:
        """The first frame of a row, the first after it, the rate, and whether it varies: exact, whatever the table says.

        The length of an estimate is the reader's, so that a wrong one changes no item.
        """
        cell = self._rows.cell
        if not self._estimated(row):
            varies = bool(cell("varies", row)) if "varies" in self._rows else False
            return int(cell("start", row)), int(cell("end", row)), float(cell("fps", row)), varies
        info = self._reader(self._path(row)).info
        start, end = corrected(self._rows, np.array([row]), np.array([info.frames]), np.array([info.fps]))
        return int(start[0]), int(end[0]), info.fps, info.varies

    def _estimated(self, row: int) -> bool:
        """Whether the numbers of this row are those of the file's header."""
        return "exact" in self._rows and not self._rows.cell("exact", row)

    def _mirrored(self, label: int) -> int | None:
        """The label of the mirror image, or None if there must be none."""
        if isinstance(self.flip, Mapping):
            return self.flip.get(label)
        return label if self.flip == "safe" else None

    # ------------------------------------------------------------------ pixels

    def _size(self, path: str, row: int) -> tuple[int, int]:
        if self._cache is not None:
            return self._cache.size(path)
        if self._estimated(row):
            info = self._reader(path).info
            return info.height, info.width
        return int(self._rows.cell("height", row)), int(self._rows.cell("width", row))

    def _read(self, path: str, row: int, numbers: NDArray[np.int64], short_side: int | None) -> NDArray[np.uint8]:
        """uint8 `(T, H, W, 3)`; from the decoder with this short side, from the cache at the size it has."""
        if self._cache is not None:
            return self._cache.read(path, numbers)
        size = None if short_side is None else reduced(*self._size(path, row), short_side)
        # A looped clip goes back to its first frame; the decoder reads each frame once, in order.
        order, back = np.unique(numbers, return_inverse=True)
        try:
            reader = self._reader(path)
            if "exact" in self._rows and not self._estimated(row):
                check_length(path, reader, int(self._rows.cell("frames", row)))
            frames = reader.at(order, size=size)
        except (OSError, IndexError) as error:
            raise VideoError(path, f"it could be read when the index was built, but not now: {error}") from error
        return frames if len(order) == len(numbers) and (order == numbers).all() else frames[back]

    def _show(self, path: str, row: int, numbers: NDArray[np.int64], box: Box, size: int) -> Tensor:
        """The box of these frames, uint8 `(T, 3, size, size)`."""
        frames = self._read(path, row, numbers, box.short_side(size))
        return apply(torch.from_numpy(frames).permute(0, 3, 1, 2), box, size)

    def _show_flow(self, path: str, numbers: NDArray[np.int64], box: Box, size: int) -> Tensor:
        """The same box of these fields, uint8 `(T, 2, size, size)`; values stay as they were computed."""
        assert self._fields is not None
        fields = torch.from_numpy(self._fields.read(path, numbers)).permute(0, 3, 1, 2)
        shown = apply(fields, box, size)
        return two_streams.mirrored(shown) if box.flip else shown

    def _reader(self, path: str) -> VideoReader:
        if path in self._readers:
            self._readers.move_to_end(path)
        else:
            self._readers[path] = VideoReader(path)
            if len(self._readers) > OPEN_READERS:
                self._readers.popitem(last=False)[1].close()
        return self._readers[path]

    def _path(self, row: int) -> str:
        return str(self._rows.cell("path", row))

    @property
    def _per_row(self) -> int:
        """The items of each row; windows have as many as the length gives."""
        return self.k if self.sampling == "spaced" else 1

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        """Of windows, the number of the first item after each row's, `(rows,)`. Estimated lengths are counted first."""
        self._count()
        lengths = self._rows.column("end") - self._rows.column("start")
        counts = clips.window_counts(lengths, self._moment, self._rows.column("fps"), leftover=self.leftover)
        ends = np.cumsum(counts)
        return ends.astype(np.int32) if len(ends) and ends[-1] < 2**31 else ends  # every worker has a copy

    def _count(self, *, workers: int | None = None, progress: bool = True) -> None:
        """Make the lengths of all rows exact. Videos that cannot be read keep the estimate, and raise when read."""
        if not self._counted:
            self._rows = counted_exactly(self._rows, workers=workers, progress=progress)
            self._counted = True

    def __getstate__(self) -> dict[str, Any]:
        """The state that a spawned worker gets: without open videos and values that can be computed again."""
        kept = {key: value for key, value in self.__dict__.items() if key != "_ends"}
        return kept | {"_readers": OrderedDict()}

    # ------------------------------------------------------------------ other datasets of the same videos

    def subset(self, rows: Sequence[int] | NDArray[Any]) -> Self:
        """Only these rows of the table (numbers, or one True or False per row), in this order; they are counted anew."""
        chosen = np.asarray(rows)
        if chosen.dtype != bool:
            chosen = chosen.astype(np.int64)
        return self._but(table=self._rows.take(chosen))

    def with_sampling(
        self, sampling: Sampling, *, k: int = 10, leftover: Leftover = "loop", transform: Transform | None = None
    ) -> Self:
        """The same videos cut otherwise, with that sampling's own transform unless one is given."""
        return self._but(sampling=sampling, k=k, leftover=leftover, transform=transform)

    def with_transform(self, transform: Transform | None) -> Self:
        """The same clips under another transform; None gives the sampling's own back."""
        warn_of_forbidden_flip(transform, self.flip)
        return self._but(transform=transform)

    def cut_like(self, other: "VideoDataset") -> Self:
        """These videos, cut as `other` cuts its own (clip, sampling, transform), so that both are measured alike."""
        changes: dict[str, Any] = {"sampling": other.sampling, "k": other.k, "leftover": other.leftover}
        changes["transform"] = other._given
        if self.flow is not None:
            changes["flow"] = other.flow or two_streams.flow_of(other.spec)
        return self._but(spec=other.spec, **changes)

    def with_spec(self, spec: ClipSpec, flow: ClipSpec | None = None) -> Self:
        """The same videos in clips of another kind: other frames or stride, say. A transform that was given stays.

        `flow` is the other kind of flow of a dataset of pairs; if None, the flow stays as it is.
        """
        return self._but(spec=spec, augment=replace(self.augment, spec=spec), flow=flow or self.flow)

    def with_flow(
        self,
        settings: FlowSettings | Method = "dis",
        *,
        spec: ClipSpec | None = None,
        workers: int | None = None,
        progress: bool = True,
    ) -> Self:
        """Pairs `(rgb, flow)`: beside each clip the optical flow of the same moment, computed now or found computed.

        `settings` are a method, "dis" (fast) or "tvl1" (the papers'), or all of them. `spec` says which fields and how
        large, a two-stream network's `.flow` for example; if None, there is one field for each frame of the clip.
        Raises as `cache_flow` does, with the dataset's `on_error`, and `ValueError` for a `spec` that does not fit.
        """
        if self._fields is not None and self.flow is None:
            raise ValueError("this dataset shows flow alone already")
        chosen = settings if isinstance(settings, FlowSettings) else FlowSettings(settings)
        flow = spec or two_streams.flow_of(self.spec)
        empty = self._but(fields=FlowCache(chosen, {}), flow=flow)  # what does not fit is said before work starts
        empty._count(workers=workers, progress=progress)
        kept = cache_flow(empty.table, chosen, on_error=self.on_error, workers=workers, progress=progress)
        return empty._but(fields=kept)

    def stream(self, name: Literal["rgb", "flow"]) -> Self:
        """One stream of a dataset of pairs, as clips: for a network that reads frames alone, or flow alone."""
        choose(name, ("rgb", "flow"), "stream")
        if self.flow is None:
            raise ValueError(
                "this dataset gives no pairs: with_flow() adds the flow, and stream() then takes one of the two"
            )
        if name == "rgb":
            return self._but(fields=None, flow=None)
        return self._but(spec=self.flow, augment=replace(self.augment, spec=self.flow), flow=None)

    @property
    def flow_settings(self) -> FlowSettings | None:
        """How the flow of these items was computed; None where they show none."""
        return None if self._fields is None else self._fields.settings

    def with_labels(self, labels: Sequence[int], classes: Sequence[str], *, flip: Flip = "safe") -> Self:
        """The same videos with other labels, one per row of the table, and the labels of their mirror images."""
        return self._but(table=self._rows.but(label=np.asarray(labels, dtype=np.int64)), classes=classes, flip=flip)

    def cached(self, *, workers: int | None = None, progress: bool = True) -> Self:
        """The same clips from frames decoded once into a file, at the size this dataset's transform needs.

        That is a short side of `spec.size`, or 8/7 of it where the crop is random. A line says first what the file will
        take on disk; `labkit.data.frame_cache.kept` lists such files. Raises as `cache_frames` does, with
        the dataset's `on_error`.
        """
        margin = CACHE_MARGIN if getattr(self.transform, "crop", "centre") != "centre" else 1
        short_side = round(self.spec.size * margin)
        same = self._but()
        same._count(workers=workers, progress=progress)
        options: dict[str, Any] = {"on_error": self.on_error, "workers": workers, "progress": progress}
        kept = cache_frames(same.table, short_side, name=self.name, **options)
        return same._but(cache=kept)

    def _but(self, **changes: Any) -> Self:
        same = {name: getattr(self, name) for name in ("classes", "spec", "sampling", "k", "augment", "flip")}
        same |= {name: getattr(self, name) for name in ("leftover", "seed", "on_error", "name", "note")}
        same |= {"table": self._rows, "report": self._report}
        same |= {"cache": self._cache, "fields": self._fields, "flow": self.flow, "transform": self._given}
        return type(self)(**(same | changes))


def check_settings(sampling: str, k: int, seed: int, limit: int | None = None) -> None:
    """Raise `ValueError` for a setting that no dataset has."""
    choose(sampling, get_args(Sampling), "sampling")
    if k < 1:
        raise ValueError(f"k, the clips per video, must be at least 1, not {k}")
    if seed < 0:
        raise ValueError(f"a seed is a whole number of at least 0, not {seed}")
    if limit is not None and limit < 1:
        raise ValueError(f"limit, the videos per class, must be at least 1, not {limit}")


def warn_of_forbidden_flip(transform: Transform | None, rule: Flip) -> None:
    """Warn of a transform that flips, where the dataset's rule forbids it."""
    if rule == "forbidden" and getattr(transform, "flip", False):
        warnings.warn("a mirror image has another label in this dataset: clips are not flipped", stacklevel=3)
