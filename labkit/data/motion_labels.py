"""Other labels for the videos of the motion dataset: shape, texture, colour, or shape and motion together."""

import csv
import itertools
from pathlib import Path
from typing import Literal, get_args

from labkit.data.glyphs import COLOURS, SHAPES, TEXTURES
from labkit.data.motion import FLIPS, MOTIONS
from labkit.data.video_dataset import VideoDataset
from labkit.names import meant_or_all

Label = Literal["motion", "shape", "texture", "colour", "shape-motion"]


def relabel(dataset: VideoDataset, by: Label) -> VideoDataset:
    """The same videos with other labels: a shape, texture or colour as class, or shape and motion together.

    `shape-motion` has 48 classes, `ell MoveLeft` to `half-disc Close`. Needs the dataset's own `labels.csv`.
    Raises `ValueError` for an unknown kind of label, and for videos that are not of a motion dataset.
    """
    if by not in get_args(Label):
        raise ValueError(f"motion has no label {by!r}{meant_or_all(by, get_args(Label))}")
    columns = by.split("-")
    values = {"motion": list(MOTIONS), "shape": list(SHAPES), "texture": list(TEXTURES), "colour": list(COLOURS)}
    classes = [" ".join(parts) for parts in itertools.product(*(values[column] for column in columns))]
    known: dict[Path, dict[str, str]] = {}
    labels = []
    for path in (Path(name).absolute() for name in dataset.table["path"]):
        root = path.parents[2]
        if root not in known:
            known[root] = _appearance(root, columns)
        labels.append(classes.index(known[root][f"{path.parent.name}/{path.name}"]))
    flips = {name: " ".join(FLIPS.get(part, part) for part in name.split(" ")) for name in classes}
    return dataset.with_labels(labels, classes, flip={classes.index(a): classes.index(b) for a, b in flips.items()})


def _appearance(root: Path, columns: list[str]) -> dict[str, str]:
    """For each video of the dataset at `root`, the values of these columns of its `labels.csv`, joined by spaces."""
    if not (root / "labels.csv").is_file():
        raise ValueError(f"these videos are not of a motion dataset: {root} has no labels.csv")
    with (root / "labels.csv").open(encoding="utf-8") as file:
        return {row["video"]: " ".join(row[column] for column in columns) for row in csv.DictReader(file)}
