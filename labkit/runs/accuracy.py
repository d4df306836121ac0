"""A measured accuracy with all that a comparison must know: dataset, split, level, frames, pretraining, number of videos.

A notebook calls `record_accuracy`; the file `accuracies.json` in the run's folder keeps it. `labkit.survey.compare` sets it
beside a published number, or says why that would be wrong.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

from labkit.atomic import write_atomically
from labkit.data.dataset_kinds import KINDS
from labkit.names import meant_or_all
from labkit.records import Level, read_mapping

FILE = "accuracies.json"
GENERATED = "motion"  # the dataset that labkit generates
PUBLISHED = {name: kind for name, kind in KINDS.items() if kind.videos}  # a row's title is how papers call the dataset


@dataclass(frozen=True)
class Accuracy:
    """One measured accuracy, and what it was measured on. `videos` is the number of videos that it is a share of."""

    name: str
    top1: float  # a share in 0-1
    videos: int
    level: str  # clip or video
    dataset: str  # as papers call it; "motion" for generated clips
    dataset_copy: str
    split: str
    classes: int
    frames: int
    pretraining: str  # "scratch" where there was none

    @property
    def generated(self) -> bool:
        """Whether it was measured on clips that labkit generated."""
        return self.dataset == GENERATED

    @property
    def origin(self) -> str:
        """What it was measured on, in words."""
        copy = f"copy: {self.dataset_copy}" if self.dataset_copy else ""
        parts = (self.dataset, copy, self.split, f"{self.level} level", f"{self.frames} frames", self.pretraining)
        return ", ".join(part for part in parts if part)


def record_accuracy(
    out: str | Path,
    name: str,
    top1: float,
    dataset: Any,
    *,
    level: Level,
    pretraining: str = "scratch",
    split: int = 1,
    called: str = "",
    dataset_copy: str = "",
) -> Accuracy:
    """Write a top-1 accuracy (a share in 0-1) to `accuracies.json` in the folder `out`, and return it.

    `dataset` is the `VideoDataset` that it was measured on, `split` the number it was opened with. `called` is how papers call
    a dataset that was opened as a folder ("Kinetics-400"), and `dataset_copy` whose copy it is. Generated clips are always
    called "motion". With `out=""` nothing is written. A name recorded again replaces the earlier value.

    Raises `ValueError` for an accuracy outside 0 to 1, an unknown level, and a dataset without videos.
    """
    kind, _, subset = dataset.name.partition(" ")
    if level not in get_args(Level):
        raise ValueError(f"there is no level {level!r}{meant_or_all(level, get_args(Level))}")
    if not 0 <= top1 <= 1:
        raise ValueError(f"{name}: an accuracy is a share from 0 to 1, not {top1}")
    videos = int(dataset.table["video"].nunique())
    if not videos:
        raise ValueError(f"{name}: the dataset has no video")
    published = PUBLISHED.get(kind)
    numbered = published is not None and published.splits > 1 and subset == "test"
    made = Accuracy(
        name=name,
        top1=float(top1),
        videos=videos,
        level=level,
        dataset=GENERATED if _is_generated(dataset) else called or (published.title if published else kind),
        dataset_copy=dataset_copy,
        split=f"split {split}" if numbered else {"val": "validation", "train": "training"}.get(subset, subset),
        classes=len(dataset.classes),
        frames=int(dataset.spec.frames),
        pretraining=pretraining,
    )
    if str(out):
        _add(Path(out) / FILE, made)
    return made


def read_accuracies(folder: str | Path) -> dict[str, Accuracy]:
    """The accuracies of a run's folder, by name; empty if it has none. Raises `ValueError` for a malformed file."""
    path = Path(folder) / FILE
    if not path.is_file():
        return {}
    return {name: _read(path, name, entry) for name, entry in read_mapping(path).items()}


def _is_generated(dataset: Any) -> bool:
    """Whether the clips are labkit's own, also where they were opened under another dataset's name."""
    from labkit.data.motion import MOTIONS

    return dataset.name.split(" ")[0] == GENERATED or bool(set(MOTIONS) & set(dataset.classes))


def _add(path: Path, made: Accuracy) -> None:
    known = read_mapping(path) if path.is_file() else {}
    text = json.dumps({**known, made.name: asdict(made)}, indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _read(path: Path, name: str, entry: Any) -> Accuracy:
    kinds: Mapping[Any, Any] = {str: str, int: int, float: (int, float)}
    for field in fields(Accuracy):
        if not isinstance(entry, dict) or not isinstance(entry.get(field.name), kinds[field.type]):
            raise ValueError(f"{path}: {name!r} should have a {field.name} of type {field.type.__name__}")  # type: ignore[union-attr]
    made = Accuracy(**{field.name: entry[field.name] for field in fields(Accuracy)})
    if not 0 <= made.top1 <= 1 or made.videos < 1:
        raise ValueError(f"{path}: {name!r} should be a share from 0 to 1 of one video or more")
    return made
