"""How datasets lie on disk: folders and split files in, a list of (video, label) out. No video is opened here.

Every layout is a function `(root, subset, split) -> Listing`. A root that does not fit is answered with the tree that
was expected; a line of a split file that makes no sense, with the file and the line.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Subset = Literal["train", "val", "test"]

VIDEO_SUFFIXES = frozenset(
    (".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".ts", ".webm", ".wmv")
)

UCF101_TREE = """\
    ROOT/
      videos/                     (or UCF-101/, or the class folders directly)
        ApplyEyeMakeup/
          v_ApplyEyeMakeup_g01_c01.avi
      ucfTrainTestlist/           (or splits/)
        classInd.txt              1 ApplyEyeMakeup
        trainlist01.txt           ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1
        testlist01.txt            ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi"""

HMDB51_TREE = """\
    ROOT/
      videos/                     (or hmdb51_org/, or the class folders directly)
        brush_hair/
          April_09_brush_hair_u_nm_np1_ba_goo_0.avi
      testTrainMulti_7030_splits/ (or splits/)
        brush_hair_test_split1.txt    April_09_brush_hair_u_nm_np1_ba_goo_0.avi 1    (1 train, 2 test, 0 unused)"""

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
      test/                       (and val/, if there is one)
        brush_hair/
          another.avi"""


class LayoutError(ValueError):
    """The folder or a split file is not as the dataset's layout wants it; the message says what was expected."""


@dataclass(frozen=True)
class Entry:
    """One video of a listing: its file, its label and a name that stays the same wherever the dataset lies."""

    path: Path
    label: int
    video: str


@dataclass(frozen=True)
class Listing:
    """The videos of one subset, those named by a split file but absent, and what a reader should know."""

    classes: tuple[str, ...]
    entries: list[Entry]
    missing: list[tuple[Path, str]]  # (path, the split file that names it)
    note: str = ""


def ucf101(root: Path, subset: Subset, split: int) -> Listing:
    """UCF-101's own layout: class folders, `classInd.txt`, `trainlistNN.txt`, `testlistNN.txt`.

    UCF-101 has no validation list: `val` reads `vallistNN.txt` where a dataset in this layout brings one, and otherwise
    means the test list, as in the papers.
    """
    lists = _first_folder(root, ("ucfTrainTestlist", "splits", "."), holding="classInd.txt")
    if lists is None:
        raise _wrong(root, "UCF-101", "no classInd.txt", UCF101_TREE)
    classes = _class_index(lists / "classInd.txt")
    wanted = lists / f"{subset}list{split:02d}.txt"
    note = ""
    if subset == "val" and not wanted.is_file():
        wanted = lists / f"testlist{split:02d}.txt"
        note = f"there is no validation list: val is the test list ({wanted.name})"
    if not wanted.is_file():
        have = ", ".join(sorted(path.name for path in lists.glob("*list*.txt"))) or "none"
        raise _wrong(root, "UCF-101", f"no {wanted.name} in {lists} (lists there: {have})", UCF101_TREE)
    videos = _first_folder(root, ("videos", "UCF-101", "UCF101", "."), holding_any=classes)
    if videos is None:
        raise _wrong(root, "UCF-101", "no folder of any class", UCF101_TREE)
    numbers = {name: label for label, name in enumerate(classes)}
    entries = []
    for where, fields in _lines(wanted, fields=(1, 2)):
        name = fields[0].replace("\\", "/")
        class_name = name.split("/")[0]
        if class_name not in numbers:
            raise LayoutError(f"{where}: class {class_name!r} is not among the {len(classes)} of classInd.txt")
        label = numbers[class_name]
        if len(fields) == 2 and fields[1] != str(label + 1):
            raise LayoutError(f"{where}: label {fields[1]}, but classInd.txt gives {class_name} the number {label + 1}")
        entries.append(Entry(videos / name, label, name))
    return _present(classes, entries, wanted, note)


def hmdb51(root: Path, subset: Subset, split: int) -> Listing:
    """HMDB-51's own layout: class folders and one `CLASS_test_splitN.txt` per class. It has no validation list either."""
    pattern = f"*_test_split{split}.txt"
    lists = _first_folder(root, ("testTrainMulti_7030_splits", "splits", "."), holding=pattern)
    if lists is None:
        raise _wrong(root, "HMDB-51", f"no {pattern}", HMDB51_TREE)
    files = sorted(lists.glob(pattern))
    classes = tuple(file.name.removesuffix(f"_test_split{split}.txt") for file in files)
    videos = _first_folder(root, ("videos", "hmdb51_org", "hmdb51", "."), holding_any=classes)
    if videos is None:
        raise _wrong(root, "HMDB-51", "no folder of any class", HMDB51_TREE)
    mark = "1" if subset == "train" else "2"
    entries = []
    for label, file in enumerate(files):
        for where, (name, use) in _lines(file, fields=(2,)):
            if use not in ("0", "1", "2"):
                raise LayoutError(f"{where}: {use!r} is none of 0 (unused), 1 (train), 2 (test)")
            if use == mark:
                entries.append(Entry(videos / classes[label] / name, label, f"{classes[label]}/{name}"))
    note = "there is no validation list: val is the test list" if subset == "val" else ""
    return _present(classes, entries, lists / pattern, note)


def folder(root: Path, subset: Subset, split: int) -> Listing:
    """Any `class/video` tree; with folders `train` and `test` (or `val`) on top, those are the subsets.

    Without them each class is split by itself: of n videos n // 5 go to test, n // 5 to val and the rest to train. Which
    ones follows from their names and the number `split` alone, so another machine, or another day, splits the same way.
    """
    tops = {name: root / name for name in ("train", "val", "test") if (root / name).is_dir()}
    note = ""
    if "train" in tops and len(tops) > 1:
        used: str = subset
        if subset not in tops:
            used = "test" if subset == "val" else "val"
            note = f"there is no folder {subset}: {subset} is the folder {used}"
        found = _tree(tops[used])
        classes = tuple(sorted({name for top in tops.values() for name in _tree(top)}))
        prefix = f"{used}/"
    else:
        found = _tree(root)
        classes = tuple(sorted(found))
        found = {name: _share(files, name, subset, split) for name, files in found.items()}
        prefix = ""
    if not classes:
        raise _wrong(root, "folder/class/video", "no folder with videos in it", FOLDER_TREE)
    entries = [
        Entry(file, label, f"{prefix}{name}/{file.name}")
        for label, name in enumerate(classes)
        for file in found.get(name, [])
    ]
    return Listing(classes, entries, [], note)


def shuffled(names: Iterable[str], *key: object) -> list[str]:
    """`names` in an order that depends on the names and the key alone: the same on every machine and in every version."""
    salt = "/".join(map(str, key))
    return sorted(names, key=lambda name: hashlib.sha256(f"{salt}/{name}".encode(errors="surrogatepass")).digest())


def _tree(root: Path) -> dict[str, list[Path]]:
    """Class folder to its video files, for the folders of `root` that hold any."""
    found = {}
    for child in sorted(root.iterdir()):
        if child.is_dir() and not child.name.startswith("."):
            files = sorted(file for file in child.iterdir() if file.suffix.lower() in VIDEO_SUFFIXES)
            if files:
                found[child.name] = files
    return found


def _share(files: list[Path], class_name: str, subset: Subset, split: int) -> list[Path]:
    order = shuffled((file.name for file in files), split, class_name)
    part = len(files) // 5
    of_subset = {"test": order[:part], "val": order[part : 2 * part], "train": order[2 * part :]}[subset]
    return [file for file in files if file.name in set(of_subset)]


def _present(classes: tuple[str, ...], entries: list[Entry], listed_in: Path, note: str) -> Listing:
    """Part the entries into those whose file is there and those whose is not; one listing per folder, not one per file."""
    inside: dict[Path, set[str]] = {}
    for parent in {entry.path.parent for entry in entries}:
        inside[parent] = {file.name for file in parent.iterdir()} if parent.is_dir() else set()
    there = [entry for entry in entries if entry.path.name in inside[entry.path.parent]]
    missing = [(entry.path, listed_in.name) for entry in entries if entry.path.name not in inside[entry.path.parent]]
    if entries and not there:
        raise LayoutError(
            f"none of the {len(entries)} videos that {listed_in} names is there; the first is {entries[0].path}"
        )
    return Listing(classes, there, missing, note)


def _class_index(path: Path) -> tuple[str, ...]:
    names: list[str] = []
    for where, (number, name) in _lines(path, fields=(2,)):
        if number != str(len(names) + 1):
            raise LayoutError(f"{where}: expected number {len(names) + 1}, found {number!r}")
        if name in names:
            raise LayoutError(f"{where}: class {name!r} is there twice")
        names.append(name)
    if not names:
        raise LayoutError(f"{path} names no class")
    return tuple(names)


def _lines(path: Path, *, fields: tuple[int, ...]) -> Iterator[tuple[str, list[str]]]:
    """`("file, line n", fields)` of every line that is not empty. The last field of a line is its last word."""
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        if line.strip():
            parts = line.rsplit(maxsplit=max(fields) - 1)
            if len(parts) not in fields:
                raise LayoutError(f"{path}, line {number}: expected {max(fields)} fields, found {line.strip()!r}")
            yield f"{path}, line {number}", parts


def _first_folder(
    root: Path, names: Iterable[str], *, holding: str = "", holding_any: Iterable[str] = ()
) -> Path | None:
    """The first of `root`'s folders that holds a file like `holding`, or a folder of one of the names."""
    wanted = tuple(holding_any)
    for name in names:
        folder = root / name
        if folder.is_dir() and (
            (holding and any(folder.glob(holding))) or any((folder / child).is_dir() for child in wanted)
        ):
            return folder
    return None


def _wrong(root: Path, layout: str, found: str, tree: str) -> LayoutError:
    return LayoutError(f"{root} is not laid out as {layout}: {found}. What is expected:\n{tree}")
