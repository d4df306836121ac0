"""The datasets that labkit knows: the layout of each on disk, the labels of mirror images, the crops in training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labkit.clip import ClipSpec
from labkit.data import class_folders, layouts
from labkit.data.layouts import Listing
from labkit.data.splits import Subset, Validation
from labkit.data.transforms import TrainTransform

# The label of a mirror image: "safe", the same; a mapping, another one. With "forbidden" clips are never mirrored.
Flip = Literal["safe", "forbidden"] | Mapping[int, int]


@dataclass(frozen=True)
class Kind:
    """One dataset: its layout on disk, the labels of mirror images, the crops in training."""

    layout: Callable[[Path, Subset, int, Validation], Listing]
    tree: str
    # The number of frames comes from decoding each file once (exact), or from its header (quick, may be an estimate).
    counting: Literal["decoded", "headers"] = "decoded"
    flip: Callable[[], Flip | Mapping[str, str]] = lambda: "safe"
    generate: Callable[[], Path] | None = None  # makes the dataset where no root is given
    augment: Callable[[ClipSpec], TrainTransform] = TrainTransform


def _motion_flips() -> Mapping[str, str]:
    from labkit.data.motion import FLIPS

    return FLIPS


def _generate_motion() -> Path:
    from labkit.data.motion import generate

    return generate()


KINDS = {
    "motion": Kind(
        layouts.ucf101,
        layouts.UCF101_TREE,
        flip=_motion_flips,
        generate=_generate_motion,
        # The shape fills the frame, so a corner crop would cut it; a flip would undo a colour tied to a motion.
        augment=lambda spec: TrainTransform(spec, crop="centre", flip=0.0),
    ),
    "ucf101": Kind(layouts.ucf101, layouts.UCF101_TREE),
    "hmdb51": Kind(layouts.hmdb51, layouts.HMDB51_TREE),
    "folder": Kind(class_folders.folder, class_folders.FOLDER_TREE),
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
