"""The layout of Something-Something, version 2: labels and lists in JSON, and one webm file for each number.

A label is a template such as "Pushing [something] from left to right". Clips of labels that name a side are never
mirrored: `labkit.data.dataset_kinds.sides` says why.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from labkit.data.json_lists import read_json
from labkit.data.layouts import Entry, LayoutError, Listing, Missing, all_missing, class_numbers, one_split, part, wrong
from labkit.data.matching import by_stem, normal_form
from labkit.data.splits import Subset, Validation, source_of, subset_of
from labkit.data.videos_below import videos_below

SOMETHING_TREE = """\
    ROOT/
      labels/                     (or any folder)
        labels.json               (or something-something-v2-labels.json)
        train.json                (or something-something-v2-train.json; so for validation and test)
        validation.json
      20bn-something-something-v2/    (or any folder)
        78687.webm                (any suffix of a video)"""

TITLE = "Something-Something v2"


def something(root: Path, subset: Subset, split: int, val: Validation = "test") -> Listing:
    """Something-Something v2: the classes in the order of the labels' numbers, the videos of one list.

    The list `test` is published without labels, so it cannot be opened.
    """
    one_split(TITLE, split)
    below = videos_below(root)
    label_file, lists = _files(path for path in below.lists if path.suffix.lower() == ".json")
    if label_file is None or not lists or not below.videos:
        lacking = "labels.json" if label_file is None else "train.json" if not lists else "video"
        raise wrong(root, TITLE, f"no {lacking}", SOMETHING_TREE)
    classes = _classes(label_file)
    source = source_of(subset, {of: f"the list {file.name}" for of, file in lists.items()}, val, "list")
    if source.subset not in lists:
        raise LayoutError(f"{root} has no list of the subset {source.subset} (there are {', '.join(lists)})")
    file = lists[source.subset]
    entries = part(_entries(file, root, class_numbers(classes)), source, subset, split, group=str)
    videos = by_stem(below.videos)
    there = [Entry(videos[entry.video][0], entry.label, entry.video) for entry in entries if entry.video in videos]
    missing = [Missing(entry.path, file.name, entry.label) for entry in entries if entry.video not in videos]
    if entries and not there:
        raise all_missing(len(missing), file, missing[0].path)
    return Listing(classes, there, missing, source.note, below.beside_lists)


def _files(files: Iterable[Path]) -> tuple[Path | None, dict[Subset, Path]]:
    """The file of labels, and the list of each subset, by the words in their names."""
    label_file: Path | None = None
    lists: dict[Subset, Path] = {}
    for file in files:
        words = re.split(r"[^a-z]+", file.stem.lower())
        subset = next((found for word in words if (found := subset_of(word))), None)
        before = None
        if subset:
            before = lists.setdefault(subset, file)
        elif "labels" in words:
            before = label_file = label_file or file
        if before not in (None, file):
            raise LayoutError(f"{before} and {file} are both files of {subset or 'labels'}: keep one")
    return label_file, lists


def _classes(file: Path) -> tuple[str, ...]:
    """The classes in the order of their numbers, which begin at 0."""
    content = read_json(file)
    try:
        numbers = {int(number): str(name) for name, number in content.items()}
    except (AttributeError, TypeError, ValueError):
        raise LayoutError(f'{file}: expected labels with their numbers, {{"Pushing something": "0", …}}') from None
    if sorted(numbers) != list(range(len(content))) or not numbers:
        raise LayoutError(f"{file}: the numbers of {len(content)} labels are not 0 to {len(content) - 1}, each once")
    return tuple(numbers[number] for number in range(len(numbers)))


def _entries(file: Path, root: Path, numbers: Mapping[str, int]) -> list[Entry]:
    content = read_json(file)
    if not isinstance(content, list) or not all(isinstance(row, dict) and "id" in row for row in content):
        raise LayoutError(f'{file}: expected a list of videos, [{{"id": "78687", "template": …}}, …]')
    found: dict[str, Entry] = {}
    for row in content:
        name, template = str(row["id"]), row.get("template")
        if not template:
            raise LayoutError(
                f"{file}, video {name!r}: no template; the labels of this list are withheld, so use another"
            )
        label = numbers.get(normal_form(str(template)))
        if label is None:
            raise LayoutError(f"{file}, video {name!r}: {template!r} is not among the labels")
        found.setdefault(name, Entry(root / f"{name}.webm", label, name))
    return list(found.values())
