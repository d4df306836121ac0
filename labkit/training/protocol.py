"""The record of a protocol: how networks are trained and scored, and the table that it prints."""

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from labkit.clip import ClipSpec
from labkit.data.clips import Leftover
from labkit.data.splits import Subset
from labkit.data.transforms import AREA, RATIO, SHARE, Crop, TrainTransform
from labkit.data.video_dataset import Sampling
from labkit.names import did_you_mean, meant_or_all
from labkit.training.schedule import ScheduleName, find_schedule

HARA_CLIP = ClipSpec()
GIVEN = "given by hand"  # the source of a field that was changed


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How networks are trained and scored. Its defaults are those of `fit`.

    Prints as a table with a source per line, in a notebook too. Raises `ValueError` for numbers that make no sense.
    """

    name: str = ""
    lr: float = 0.1  # the highest learning rate
    momentum: float = 0.9
    dampening: float | None = (
        None  # of the momentum; None: 0.9, or 0 with `nesterov`, as the code of Hara et al. has it
    )
    nesterov: bool = False
    weight_decay: float = 1e-3
    schedule: ScheduleName = "plateau"
    label_smoothing: float = 0.0  # share of the answer that is spread over all classes
    clip_gradients: float | None = None  # the largest norm of all gradients together; None: any
    batch_size: int = 32  # clips of an update
    accumulate: int = 1  # parts in which a batch goes through the network, where memory is short
    epochs: int | None = None  # length: one of the two
    updates: int | None = None
    # None: all layers, from their first weights; "all": all layers of a network that has learnt before; "head": its
    # classifier; or a stage of the network: it and what follows.
    trained: str | None = None
    clip: ClipSpec = HARA_CLIP  # frames, size, rate and normalisation
    sampling: Sampling = "random"  # where training clips begin
    crop: Crop = "multiscale"  # of training clips
    flip: float = 0.5  # how often they are mirrored
    inference: Sampling = "windows"  # which clips of a video are scored
    leftover: Leftover = "loop"  # for frames at the end that are too few for a window
    views: int = 10  # clips of a video, where `inference` is "spaced"
    sources: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)  # line of the table -> source

    def __post_init__(self) -> None:
        find_schedule(self.schedule)
        for name in ("batch_size", "accumulate", "epochs", "updates", "views"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        for name in ("lr", "momentum", "weight_decay"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing is a share from 0 to below 1, not {self.label_smoothing}")
        if self.clip_gradients is not None and not self.clip_gradients > 0:
            raise ValueError(f"clip_gradients must be above 0, not {self.clip_gradients}")

    @property
    def damping(self) -> float:
        """The dampening as a number."""
        return (0.0 if self.nesterov else 0.9) if self.dampening is None else self.dampening

    @property
    def transform(self) -> TrainTransform:
        """Crop and mirror image of a training clip."""
        return TrainTransform(self.clip, crop=self.crop, flip=self.flip)

    def but(self, **changes: Any) -> Self:
        """The same protocol with some fields changed; `epochs` and `updates` take each other's place.

        Raises `TypeError`, naming the nearest, for a field that does not exist.
        """
        known = [each.name for each in fields(self) if each.name not in ("name", "sources")]
        for name in changes:
            if name not in known:
                raise TypeError(
                    f"a protocol has no field {name!r}{did_you_mean(name, known)} It has {', '.join(known)}"
                )
        if {"epochs", "updates"} & {*changes}:
            changes = {"epochs": None, "updates": None, **changes}
        changed = {name for name, value in changes.items() if value != getattr(self, name)}
        return replace(self, **changes, sources={**self.sources, **dict.fromkeys(_lines_of(changed), GIVEN)})

    def clips(self, subset: Subset) -> dict[str, Any]:
        """How a subset is cut into clips, as arguments of `open_dataset(name, root, subset, ...)`.

        `train`: random clips, cropped and mirrored; `val`: the clip in the middle of each video; `test`: the clips of
        `inference`, for `evaluate`.
        """
        if subset == "train":
            return {"spec": self.clip, "sampling": self.sampling, "transform": self.transform}
        if subset == "val":
            return {"spec": self.clip, "sampling": "centre"}
        if subset == "test":
            return {"spec": self.clip, "sampling": self.inference, "leftover": self.leftover, "k": self.views}
        raise ValueError(f"unknown subset {subset!r}{meant_or_all(subset, ('train', 'val', 'test'))}")

    def rows(self) -> list[tuple[str, str, str]]:
        """The table: what, value, source."""
        return [(line.label, line.text(self), self.sources.get(key, "")) for key, line in LINES.items()]

    def __str__(self) -> str:
        rows = self.rows()
        wide = [max(len(row[column]) for row in rows) for column in (0, 1)]
        lines = [f"{what:{wide[0]}}  {value:{wide[1]}}  {source}".rstrip() for what, value, source in rows]
        return "\n".join([self.name or "the defaults of fit", *lines])

    def _repr_html_(self) -> str:
        """The table as HTML, for a notebook."""
        head = "".join(f"<th scope='col'>{each}</th>" for each in ("What", "Value", "Source"))
        body = "".join(
            f"<tr><th scope='row'>{html.escape(what)}</th><td>{html.escape(value)}</td><td>{html.escape(source)}</td></tr>"
            for what, value, source in self.rows()
        )
        caption = html.escape(self.name or "the defaults of fit")
        return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


# ---------------------------------------------------------------------- the table's lines


@dataclass(frozen=True)
class Line:
    """One line of a protocol's table: its label, its text, and the fields that it tells of."""

    label: str
    text: Callable[[Protocol], str]
    of: tuple[str, ...]


CROPS: Mapping[Crop, str] = {
    "multiscale": "a square of 1, 2^-¼, 2^-½, 2^-¾ or ½ of the short side, in a corner or the centre",
    "anywhere": f"a square of {SHARE:g} of the short side, anywhere",
    "resized": f"{AREA[0]:.0%} to {AREA[1]:.0%} of the area, sides {RATIO[0]:.2f} to {RATIO[1]:.2f}, anywhere",
    "centre": "the largest square in the middle",
}
STARTS: Mapping[Sampling, str] = {
    "random": "anywhere in the video; a short video is looped",
    "centre": "in the middle of the video",
    "windows": "windows, one after the other",
    "spaced": "evenly spaced",
    "whole": "the whole video",
}
LEFTOVER: Mapping[Leftover, str] = {
    "loop": "the rest looped",
    "drop one": "the rest looped, a single frame left out",
    "drop": "the rest left out",
}
TRAINED = {None: "all, from their first weights", "all": "all, from weights learnt before", "head": "the classifier"}


def _clip(protocol: Protocol) -> str:
    clip = protocol.clip
    stride = f", every {clip.stride} frames" if clip.stride > 1 else ""
    rate = f" at {clip.fps:g} frames/s" if clip.fps else ""
    return f"{clip.frames}×{clip.size}×{clip.size}{stride}{rate}"


def _normalisation(protocol: Protocol) -> str:
    mean, std = (", ".join(f"{each:g}" for each in values) for values in (protocol.clip.mean, protocol.clip.std))
    return f"0-255 minus ({mean})" + (f", divided by ({std})" if {*protocol.clip.std} != {1.0} else "")


def _batch(protocol: Protocol) -> str:
    return f"{protocol.batch_size} clips" + (f" in {protocol.accumulate} parts" if protocol.accumulate > 1 else "")


def _length(protocol: Protocol) -> str:
    if protocol.updates:
        return f"{protocol.updates:,} updates"
    return f"{protocol.epochs} epochs" if protocol.epochs else "epochs or updates, as given to fit"


def _inference(protocol: Protocol) -> str:
    ways = {
        "windows": f"windows of {protocol.clip.frames} frames, {LEFTOVER[protocol.leftover]}",
        "spaced": f"{protocol.views} evenly spaced clips",
        "whole": "the whole video at once",
    }
    return f"{ways.get(protocol.inference, STARTS[protocol.inference])}; centre crop; mean over the video"


def _trained(protocol: Protocol) -> str:
    return TRAINED.get(protocol.trained, f"{protocol.trained} and what follows")


LINES: Mapping[str, Line] = {
    "lr": Line("learning rate", lambda p: f"{p.lr:g}", ("lr",)),
    "schedule": Line("schedule", lambda p: find_schedule(p.schedule).summary, ("schedule",)),
    "momentum": Line("SGD, momentum", lambda p: f"{p.momentum:g}", ("momentum",)),
    "dampening": Line("dampening", lambda p: f"{p.damping:g}", ("dampening",)),
    "nesterov": Line("Nesterov", lambda p: "yes" if p.nesterov else "no", ("nesterov",)),
    "weight_decay": Line("weight decay", lambda p: f"{p.weight_decay:g}", ("weight_decay",)),
    "label_smoothing": Line("label smoothing", lambda p: f"{p.label_smoothing:g}", ("label_smoothing",)),
    "clip_gradients": Line("largest gradient", lambda p: f"{p.clip_gradients or 'any'}", ("clip_gradients",)),
    "batch_size": Line("batch", _batch, ("batch_size", "accumulate")),
    "length": Line("length", _length, ("epochs", "updates")),
    "trained": Line("trained layers", _trained, ("trained",)),
    "clip": Line("clip", _clip, ("clip",)),
    "normalisation": Line("pixels", _normalisation, ("clip",)),
    "sampling": Line("start of a clip", lambda p: STARTS[p.sampling], ("sampling",)),
    "crop": Line("training crop", lambda p: CROPS[p.crop], ("crop",)),
    "flip": Line("mirrored", lambda p: f"{p.flip:.0%} of the clips", ("flip",)),
    "inference": Line("scoring", _inference, ("inference", "leftover", "views")),
}


def _lines_of(changed: set[str]) -> list[str]:
    return [key for key, line in LINES.items() if changed & {*line.of}]
