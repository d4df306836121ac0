"""The layout of your own folder of videos: `class/video`, or `train/class/video`, with any depth below a class.

Every file and folder that was passed over is named, so that no class is lost silently.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from labkit.data.layouts import Entry, LayoutError, Listing, part, wrong
from labkit.data.splits import Subset, Validation, source_of, subset_of, three_parts
from labkit.data.videos_below import videos_below, visible_folders

FOLDER_TREE = """\
    ROOT/
      brush_hair/
        any_name.mp4
      wave/
        another.avi
    or, with a split of your own,
    ROOT/
      train/
        brush_hair/
          any_name.mp4
      test/                       (and val/, valid/, validate/, validation/ or dev/, if there is one)
        brush_hair/
          another.avi"""


def folder(root: Path, subset: Subset, split: int, val: Validation = "test") -> Listing:
    """Any `class/video` tree; with folders `train` and `test` (or `val`) on top, those are the subsets.

    Without them each class is split by itself: of n videos n // 5 go to test, n // 5 to val, one each at least, and the
    rest to train. The names and the number `split` alone decide which, so another machine splits the same way. A class
    may have folders of its own. Files that are not videos are listed as passed over.
    """
    tops = _subset_folders(root)
    return _in_subsets(root, tops, subset, split, val) if tops else _in_classes(root, subset, split)


def _subset_folders(root: Path) -> dict[Subset, Path]:
    """The folders of subsets, if this tree has some: train and one more, or no other folders beside them."""
    children = list(visible_folders(root))
    named = [(child, subset) for child in children if (subset := subset_of(child.name))]
    subsets = {subset for _, subset in named}
    alone = len(named) == len(children) and all(any(visible_folders(child)) for child in children)
    if not alone and not ("train" in subsets and len(subsets) > 1):
        return {}
    tops = {subset: child for child, subset in named}
    for child, subset in named:
        if tops[subset] != child:
            raise LayoutError(f"{child} and {tops[subset].name} are both folders of {subset}: which is it? Keep one")
    return tops


def _in_subsets(root: Path, tops: Mapping[Subset, Path], subset: Subset, split: int, val: Validation) -> Listing:
    source = source_of(subset, {of: f"the folder {top.name}" for of, top in tops.items()}, val, "folder")
    if source.subset not in tops:
        have = ", ".join(top.name for top in tops.values())
        raise LayoutError(f"{root} has no folder of the subset {source.subset} (there are {have})")
    trees = {of: _tree(top) for of, top in tops.items()}
    classes = tuple(sorted({name for tree in trees.values() for name in tree.videos}))
    if not classes:
        raise wrong(root, "folder/class/video", "no folder with videos in it", FOLDER_TREE)
    tree = trees[source.subset]
    entries = part(_entries(root, tree, classes), source, subset, split, group=str)
    beside = [(path, "it is not a folder of a subset") for path in sorted(root.iterdir()) if path not in tops.values()]
    return Listing(classes, entries, [], _notes(tree, source.note), [*beside, *tree.passed], tree.lost)


def _in_classes(root: Path, subset: Subset, split: int) -> Listing:
    tree = _tree(root)
    classes = tuple(sorted(tree.videos))
    if not classes:
        raise wrong(root, "folder/class/video", "no folder with videos in it", FOLDER_TREE)
    if len(classes) == 1 and all(file.parent.parent != root for file in tree.videos[classes[0]]):
        # Class folders that lie one level deeper would all be one class: that folder has to be given as root.
        raise wrong(root, "folder/class/video", f"all videos lie in folders of {root / classes[0]}", FOLDER_TREE)
    chosen: dict[str, list[Path]] = {}
    for name, files in tree.videos.items():
        names = {file.relative_to(root / name).as_posix(): file for file in files}
        mine = three_parts(names, split, name)[subset]
        chosen[name] = [file for each, file in names.items() if each in mine]
    few = {count: sorted(name for name, files in tree.videos.items() if len(files) == count) for count in (1, 2)}
    notes = _notes(
        tree,
        f"only one video, which goes to train: {', '.join(few[1])}" if few[1] else "",
        f"only two videos, so that val and test are the same one: {', '.join(few[2])}" if few[2] else "",
    )
    return Listing(classes, _entries(root, tree._replace(videos=chosen), classes), [], notes, tree.passed, tree.lost)


class _Tree(NamedTuple):
    """The videos in the class folders of a folder, and the other files there."""

    videos: dict[str, list[Path]]  # by class
    passed: list[tuple[Path, str]]
    lost: tuple[str, ...]  # folders without a video


def _tree(top: Path) -> _Tree:
    folders = list(visible_folders(top))
    below = {child: videos_below(child) for child in folders}
    beside = [(path, "it is not in a class folder") for path in sorted(top.iterdir()) if path not in below]
    return _Tree(
        {child.name: found.videos for child, found in below.items() if found.videos},
        [*beside, *(each for found in below.values() for each in found.passed)],
        tuple(child.name for child, found in below.items() if not found.videos),
    )


def _entries(root: Path, tree: _Tree, classes: tuple[str, ...]) -> list[Entry]:
    return [
        Entry(file, label, file.relative_to(root).as_posix())
        for label, name in enumerate(classes)
        for file in tree.videos.get(name, [])
    ]


def _notes(tree: _Tree, *notes: str) -> str:
    lost = f"folders without a video, left out as classes: {', '.join(tree.lost)}" if tree.lost else ""
    return "\n".join(filter(None, (*notes, lost)))
