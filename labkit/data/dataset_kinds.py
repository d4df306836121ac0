"""The datasets that labkit knows: one table, `KINDS`, one row for each, with all that differs between them.

A row names the layout on disk, the labels of mirror images and the crops in training, and says where the dataset comes
from. `docs/datasets.md` shows how to add a row. This module loads no torch: the command line shows the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from labkit.data import class_folders, kinetics, layouts
from labkit.data.layouts import Listing
from labkit.data.splits import Subset, Validation

if TYPE_CHECKING:
    from labkit.clip import ClipSpec
    from labkit.data.transforms import TrainTransform

# The label of a mirror image: "safe", the same; a mapping, another one. With "forbidden" clips are never mirrored.
Flip = Literal["safe", "forbidden"] | Mapping[int, int]


def _crop_and_flip(spec: ClipSpec) -> TrainTransform:
    from labkit.data.transforms import TrainTransform

    return TrainTransform(spec)


@dataclass(frozen=True)
class Kind:
    """One dataset: its layout on disk, the labels of mirror images, the crops in training, and facts for people."""

    layout: Callable[[Path, Subset, int, Validation], Listing]
    tree: str  # the layout as text, shown where a folder does not fit
    title: str = ""
    source: str = ""  # where the files come from
    licence: str = ""
    size: str = ""  # on disk, as published
    classes: int | None = None  # as published; None, where every copy has its own
    videos: int | None = None  # files as published, over all subsets
    short_side: int | None = None  # pixels to which papers reduce the frames
    # The number of frames comes from decoding each file once (exact), or from its header (quick, may be an estimate).
    counting: Literal["decoded", "headers"] = "decoded"
    flip: Callable[[Sequence[str]], Flip | Mapping[str, str]] = lambda classes: "safe"
    generate: Callable[[], Path] | None = None  # makes the dataset where no root is given
    augment: Callable[[ClipSpec], TrainTransform] = _crop_and_flip


def _motion_flips(classes: Sequence[str]) -> Mapping[str, str]:
    from labkit.data.motion import FLIPS

    return FLIPS


def _generate_motion() -> Path:
    from labkit.data.motion import generate

    return generate()


def _motion_crops(spec: ClipSpec) -> TrainTransform:
    from labkit.data.transforms import TrainTransform

    # The shape fills the frame, so a corner crop would cut it; a flip would undo a colour tied to a motion.
    return TrainTransform(spec, crop="centre", flip=0.0)


SHARDS_TREE = """\
    ROOT/                         (a folder, or an fsspec address such as s3://bucket/kinetics)
      train-000000.tar            00000000.mp4, 00000000.cls, 00000000.json, and so on
      test-000000.tar
      index.arrow                 (made by `labkit data index shards ROOT`)"""


def _no_layout(root: Path, *_: object) -> Listing:
    raise layouts.LayoutError(f"{root}: shards are opened by their index; no file there is a single video")


KINDS = {
    "motion": Kind(
        layouts.ucf101,
        layouts.UCF101_TREE,
        title="motion, the embedded dataset",
        source="generated: `labkit data motion`",
        licence="that of labkit",
        size="about 20 MB",
        classes=12,
        flip=_motion_flips,
        generate=_generate_motion,
        augment=_motion_crops,
    ),
    "ucf101": Kind(
        layouts.ucf101,
        layouts.UCF101_TREE,
        title="UCF-101",
        source="https://www.crcv.ucf.edu/data/UCF101.php",
        licence="none stated; the clips come from YouTube",
        size="7 GB",
        classes=101,
        videos=13_320,
        short_side=240,
    ),
    "hmdb51": Kind(
        layouts.hmdb51,
        layouts.HMDB51_TREE,
        title="HMDB-51",
        source="https://serre-lab.clps.brown.edu/resource/hmdb-a-large-human-motion-database/",
        licence="CC BY 4.0; the clips come from films and YouTube",
        size="2 GB",
        classes=51,
        videos=6_766,
        short_side=240,
    ),
    **{
        f"kinetics{version}": Kind(
            kinetics.kinetics(version),
            kinetics.KINETICS_TREE,
            title=f"Kinetics-{version}",
            source="https://github.com/cvdfoundation/kinetics-dataset",
            licence="the lists CC BY 4.0; the videos belong to those who put them on YouTube",
            size=f"about {size} GB as published, 340×256 about a third",
            classes=version,
            videos=videos,
            short_side=256,
            counting="headers",
        )
        for version, videos, size in ((400, 306_245, 450), (600, 495_547, 780), (700, 650_317, 700))
    },
    "folder": Kind(
        class_folders.folder,
        class_folders.FOLDER_TREE,
        title="your own folders",
        source="your own videos, a folder for each class",
    ),
    "shards": Kind(
        _no_layout,  # `labkit.data.shard_set` opens them
        SHARDS_TREE,
        title="shards of any dataset",
        source="`labkit data prepare ... --shards`, or another writer of WebDataset's layout",
    ),
}


def dataset_folder(name: str, kind: Kind, root: str | Path | None) -> Path:
    """The folder of the dataset `name`, generated where no root is given. Raises `layouts.LayoutError`, with the tree."""
    if root is None or str(root) == "":
        if kind.generate is None:
            raise layouts.LayoutError(f"{name} is not generated: give the folder it lies in as root.\n{kind.tree}")
        return kind.generate()
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise layouts.LayoutError(f"{folder} is not a folder. For {name} the root is laid out like this:\n{kind.tree}")
    return folder
