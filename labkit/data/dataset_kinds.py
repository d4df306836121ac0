"""The datasets that labkit knows: one table, `KINDS`, one row for each, with all that differs between them.

A row names the layout on disk, the labels of mirror images and the crops in training, and says where the dataset comes
from. `docs/datasets.md` shows how to add a row. This module loads no torch: the command line shows the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from labkit.data import activitynet, class_folders, csv_list, kinetics, layouts, something
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
    splits: int = 1  # numbered splits as published
    short_side: int | None = None  # pixels to which papers reduce the frames
    # The number of frames comes from decoding each file once (exact), or from its header (quick, may be an estimate).
    counting: Literal["decoded", "headers"] = "decoded"
    flip: Callable[[Sequence[str]], Flip | Mapping[str, str]] = lambda classes: "safe"
    root_is: Literal["folder", "folder or file"] = "folder"
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


_SIDES = {
    "left",
    "right",
    "clockwise",
    "counterclockwise",
    "anticlockwise",
    "leftward",
    "rightward",
    "leftwards",
    "rightwards",
}


def sides(classes: Sequence[str]) -> Flip | Mapping[str, str]:
    """The flip rule of classes that people named: one with a word such as "left" or "clockwise" is never mirrored.

    A mirror image of "Pushing something from left to right" shows another action. It could get the label of that action,
    where the list of classes holds it ("from right to left"). labkit forbids the flip instead, for two reasons: a list
    need not hold both, and published recipes for Something-Something flip nothing. `open_dataset(..., flip={...})` maps
    labels.
    """
    words = {
        name: re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name.replace("counter-", "counter").replace("anti-", "anti"))
        for name in classes
    }
    sided = {name for name, found in words.items() if {word.lower() for word in found} & _SIDES}
    return {name: name for name in classes if name not in sided} if sided else "safe"


KINDS = {
    "motion": Kind(
        layouts.ucf101,
        layouts.UCF101_TREE,
        title="motion, the embedded dataset",
        source="generated: `labkit data motion`",
        licence="that of labkit",
        size="about 40 MB",
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
        splits=3,
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
        splits=3,
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
    "activitynet": Kind(
        activitynet.activitynet,
        activitynet.ACTIVITYNET_TREE,
        title="ActivityNet v1.3",
        source="http://activity-net.org/download.html (the files by a request form there)",
        licence="as on that page; the videos belong to those who put them on YouTube",
        size="some hundred GB: 849 hours",
        classes=200,
        videos=19_994,
        short_side=256,
        counting="headers",
    ),
    "something": Kind(
        something.something,
        something.SOMETHING_TREE,
        title="Something-Something v2",
        source="https://www.qualcomm.com/developer/software/something-something-v-2-dataset",
        licence="for research; a person accepts it on that page",
        size="20 GB",
        classes=174,
        videos=220_847,
        short_side=240,
        counting="headers",
        flip=sides,
    ),
    "folder": Kind(
        class_folders.folder,
        class_folders.FOLDER_TREE,
        title="your own folders",
        source="your own videos, a folder for each class",
        flip=sides,
    ),
    "csv": Kind(
        csv_list.csv_list,
        csv_list.CSV_TREE,
        title="your own list",
        source="your own videos, and a CSV file with the columns path and label",
        flip=sides,
        root_is="folder or file",
    ),
    "shards": Kind(
        _no_layout,  # `labkit.data.shard_set` opens them
        SHARDS_TREE,
        title="shards of any dataset",
        source="`labkit data prepare ... --shards`, or another writer of WebDataset's layout",
    ),
}


def dataset_folder(name: str, kind: Kind, root: str | Path | None) -> Path:
    """The root of the dataset `name`, generated where none is given: a folder, or a file where the kind allows that.

    Raises `layouts.LayoutError`, with the tree.
    """
    if root is None or str(root) == "":
        if kind.generate is None:
            raise layouts.LayoutError(f"{name} is not generated: give the folder it lies in as root.\n{kind.tree}")
        return kind.generate()
    folder = Path(root).expanduser()
    refuse_url(str(root))
    if not (folder.is_dir() or (kind.root_is == "folder or file" and folder.is_file())):
        raise layouts.LayoutError(
            f"{folder} is not a {kind.root_is}. For {name} the root is laid out like this:\n{kind.tree}"
        )
    return folder


def refuse_url(root: str) -> None:
    """Raise `layouts.LayoutError` for an address on the web in the place of a folder."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/|www\.|youtu(\.be|be\.com)/", root) and not Path(root).exists():
        raise layouts.LayoutError(
            f"{root} is a URL; labkit downloads no dataset: give a folder on this machine as root"
        )
