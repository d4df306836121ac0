"""The layouts of datasets on disk: folders and split files in, a list of (video, label) out.

Every layout is a function `(root, subset, split, val) -> Listing`. The error for a root that does not fit shows the
expected tree; the error for a bad line of a split file names the file and the line. No path leaves the root. Files whose
names differ a little from the lists are found by `labkit.data.matching`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from labkit.data.label_lists import labels
from labkit.data.matching import Found, match, matched, normal_form
from labkit.data.splits import Source, Subset, Validation, held_out, source_of, subset_of
from labkit.data.videos_below import visible_folders

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


_UCF_LISTS = ("ucfTrainTestlist", "splits", ".")


class LayoutError(ValueError):
    """An error for a folder or split file that does not fit the dataset's layout; the message says what was expected."""


@dataclass(frozen=True)
class Entry:
    """One video of a listing, or a part of one: its file, its label and a name that is the same wherever the dataset lies.

    The name of a part ends in `#` and its number in the file, so that `video.rpartition("#")[0]` names the file.
    """

    path: Path
    label: int
    video: str
    span: tuple[float, float] | None = None  # the seconds of the part that has this label; None, the whole video
    may_be_cut: bool = False  # the file may hold this part alone; then all of it counts


class Missing(NamedTuple):
    """A video that a list names, but that is not there."""

    path: Path  # where it was looked for
    listed_in: str  # the list that names it
    label: int


@dataclass(frozen=True)
class Listing:
    """The videos of one subset, missing videos that a split file names, and a note for the reader."""

    classes: tuple[str, ...]
    entries: list[Entry]
    missing: list[Missing]
    note: str = ""
    passed: list[tuple[Path, str]] = field(default_factory=list)  # files and folders that are not videos, and why
    lost: tuple[str, ...] = ()  # folders without a video: they would be classes
    has_gaps: bool = False  # whether missing videos are usual (they were taken off the web), and so never an error


def ucf101(root: Path, subset: Subset, split: int, val: Validation = "test") -> Listing:
    """UCF-101's own layout: class folders, `classInd.txt`, `trainlistNN.txt`, `testlistNN.txt`.

    UCF-101 has no validation list: `val` reads `vallistNN.txt` where a dataset in this layout brings one (`valid`,
    `validate`, `validation` and `dev` will do). Otherwise it means the test list, as in the papers; with `val="split"` a
    fifth of the training groups of each class (`g08` is one: one person, one place), which `train` then lacks.
    Without `classInd.txt` the classes are UCF-101's 101.
    """
    lists = _first_folder(root, _UCF_LISTS, holding="classInd.txt") or _first_folder(
        root, _UCF_LISTS, holding="*list[0-9]*.txt"
    )
    if lists is None:
        raise wrong(root, "UCF-101", "no classInd.txt", UCF101_TREE)
    own = _own_lists(lists, split)
    class_list = lists / "classInd.txt"
    classes = _class_index(class_list) if class_list.is_file() else labels("ucf101")
    source = source_of(subset, {of: f"the {of} list ({file.name})" for of, file in own.items()}, val, "list")
    wanted = own.get(source.subset)
    if wanted is None:
        have = ", ".join(sorted(path.name for path in lists.glob("*list*.txt"))) or "none"
        raise wrong(
            root, "UCF-101", f"no {source.subset}list{split:02d}.txt in {lists} (lists there: {have})", UCF101_TREE
        )
    videos = _first_folder(root, ("videos", "UCF-101", "UCF101", "."), holding_any=classes)
    if videos is None:
        raise wrong(root, "UCF-101", "no folder of any class", UCF101_TREE)
    listed = {of: list(_listed(own[of], videos, classes)) for of in (source.subset, *own)}  # this one's faults first
    entries = part(listed[source.subset], source, subset, split, group=_ucf_group)
    found = match(videos, (entry.video for each in listed.values() for entry in each))
    return present(classes, entries, found, wanted, source.note)


def _own_lists(lists: Path, split: int) -> dict[Subset, Path]:
    """The lists of one split: `trainlist01.txt`, `ValidList1.txt`. Raises `LayoutError` for two of one subset."""
    found: dict[Subset, Path] = {}
    for file in sorted(lists.glob("*.[tT][xX][tT]")):
        match = re.fullmatch(r"([a-z]+)_?list_?0*(\d+)\.txt", file.name.lower())
        subset = subset_of(match[1]) if match else None
        if match and subset and int(match[2]) == split:
            if subset in found:
                raise LayoutError(f"{found[subset]} and {file.name} are both lists of {subset}: keep one")
            found[subset] = file
    return found


def _listed(file: Path, videos: Path, classes: tuple[str, ...]) -> Iterator[Entry]:
    """The entries that a list in UCF-101's form names."""
    numbers = class_numbers(classes)
    for where, fields in _lines(file, fields=(1, 2)):
        name = inside(where, fields[0])
        class_name = name.split("/")[0]
        label = numbers.get(class_name, numbers.get(normal_form(class_name)))
        if label is None:
            raise LayoutError(f"{where}: class {class_name!r} is not among the {len(classes)} of classInd.txt")
        if len(fields) == 2 and fields[1] != str(label + 1):
            raise LayoutError(f"{where}: label {fields[1]}, but classInd.txt gives {class_name} the number {label + 1}")
        yield Entry(videos / name, label, name)


def _ucf_group(video: str) -> str:
    """`g08` of `v_Archery_g08_c01.avi`; without such a mark, each video is a group."""
    match = re.search(r"_(g\d+)_c\d+", video)
    return match[1] if match else video


def hmdb51(root: Path, subset: Subset, split: int, val: Validation = "test") -> Listing:
    """HMDB-51's own layout: class folders and one `CLASS_test_splitN.txt` per class.

    It has no validation list either: `val` is the test list, or with `val="split"` the clips of a fifth of the movies
    that each class's training clips come from.
    """
    pattern = f"*_test_split{split}.txt"
    lists = _first_folder(root, ("testTrainMulti_7030_splits", "splits", "."), holding=pattern)
    if lists is None:
        raise wrong(root, "HMDB-51", f"no {pattern}", HMDB51_TREE)
    files = sorted(lists.glob(pattern))
    classes = tuple(inside(str(file), file.name.removesuffix(f"_test_split{split}.txt")) for file in files)
    videos = _first_folder(root, ("videos", "hmdb51_org", "hmdb51", "."), holding_any=classes)
    if videos is None:
        raise wrong(root, "HMDB-51", "no folder of any class", HMDB51_TREE)
    source = source_of(subset, {"train": "the training list", "test": "the test list"}, val, "list")
    mark = "1" if source.subset == "train" else "2"
    entries, names = [], []
    for label, file in enumerate(files):
        for where, (name, use) in _lines(file, fields=(2,)):
            if use not in ("0", "1", "2"):
                raise LayoutError(f"{where}: {use!r} is not 0 (unused), 1 (train) or 2 (test)")
            video = f"{classes[label]}/{inside(where, name)}"
            names.append(video)
            if use == mark:
                entries.append(Entry(videos / video, label, video))
    entries = part(entries, source, subset, split, group=_movie)
    return present(classes, entries, match(videos, names), lists / pattern, source.note)


def _movie(video: str) -> str:
    """`April_09` of `brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi`; without such an end, the video itself."""
    class_name, _, name = video.partition("/")
    return re.sub(r"_[fhlu]_[cn]m_np\d.*", "", name).removesuffix(f"_{class_name}")


def part(
    entries: list[Entry], source: Source, subset: Subset, split: int, *, group: Callable[[str], str]
) -> list[Entry]:
    """The training entries that stay with `train`, or those held out for `val`; whole groups of each class."""
    if not source.divided:
        return entries
    groups: dict[int, set[str]] = {}
    for entry in entries:
        groups.setdefault(entry.label, set()).add(group(entry.video))
    held = {label: held_out(names, split) for label, names in groups.items()}
    return [entry for entry in entries if (group(entry.video) in held[entry.label]) == (subset == "val")]


def inside(where: str, name: str) -> str:
    """`name` with forward slashes, if it stays below the folder that it is looked for in; else `LayoutError`, with `where`."""
    if ".." in re.split(r"[\\/]", name) or re.match(r"[\\/]|[A-Za-z]:[\\/]", name) or Path(name).drive:
        raise LayoutError(f"{where}: {name!r} leads out of the dataset's folder")
    return name.replace("\\", "/")


def class_numbers(classes: Iterable[str]) -> dict[str, int]:
    """The label of each class, by its name and by the normal form of its name, where no other class has the same."""
    names = list(classes)
    forms = Counter(map(normal_form, names))
    unique = {form: label for label, name in enumerate(names) if forms[form := normal_form(name)] == 1}
    return unique | {name: label for label, name in enumerate(names)}


def present(
    classes: tuple[str, ...], entries: list[Entry], found: Mapping[str, Found], listed_in: Path, note: str
) -> Listing:
    """The entries whose video was found, with the path it was found at, and the missing ones."""
    there = [
        entry if not (file := found[entry.video]).how else replace(entry, path=file.path)
        for entry in entries
        if entry.video in found
    ]
    missing = [Missing(entry.path, listed_in.name, entry.label) for entry in entries if entry.video not in found]
    if entries and not there:
        raise all_missing(len(entries), listed_in, entries[0].path)
    notes = (note, matched(found[entry.video] for entry in there))
    return Listing(classes, there, missing, "\n".join(filter(None, notes)))


def one_split(title: str, split: int) -> None:
    """Raise `LayoutError` for a split other than 1, for a dataset that has one split alone."""
    if split != 1:
        raise LayoutError(f"{title} has one split, so split is 1, not {split}")


def all_missing(count: int, listed_in: Path, first: Path) -> LayoutError:
    """The error for a list none of whose videos is there."""
    return LayoutError(f"all {count:,} videos that {listed_in} names for this subset are missing; the first is {first}")


def _class_index(path: Path) -> tuple[str, ...]:
    names: list[str] = []
    for where, (number, name) in _lines(path, fields=(2,)):
        if number != str(len(names) + 1):
            raise LayoutError(f"{where}: expected number {len(names) + 1}, found {number!r}")
        if name in names:
            raise LayoutError(f"{where}: class {name!r} is there twice")
        names.append(inside(where, name))
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
    """The first of `root`'s folders that holds a file like `holding`, or a folder of one of the names, in any spelling."""
    wanted = set(map(normal_form, holding_any))
    for name in names:
        folder = root / name
        if folder.is_dir() and (
            (holding and any(folder.glob(holding)))
            or (wanted and any(normal_form(child.name) in wanted for child in visible_folders(folder)))
        ):
            return folder
    return None


def wrong(root: Path, layout: str, found: str, tree: str) -> LayoutError:
    """The error for a `root` that does not fit the layout. It shows the expected tree."""
    return LayoutError(f"{root} is not laid out as {layout}: {found}. What is expected:\n{tree}")
