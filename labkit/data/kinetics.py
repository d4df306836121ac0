"""The layout of Kinetics-400, -600 and -700: CSV lists of parts of YouTube videos, and the files that could be had.

A file is found by its name alone, `youtubeid_start_end` or `youtubeid` with any suffix of a video, in whatever folder it
lies: by class, by subset, or all in one. Missing files are usual, since videos are taken off YouTube.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from labkit.counting import counted
from labkit.data.csv_rows import NoColumnError, read_rows, seconds
from labkit.data.label_lists import kinetics_version, labels
from labkit.data.layouts import Entry, LayoutError, Listing, Missing, all_missing, class_numbers, one_split, part, wrong
from labkit.data.matching import by_stem, normal_form
from labkit.data.splits import Subset, Validation, source_of, subset_of
from labkit.data.videos_below import videos_below

KINETICS_TREE = """\
    ROOT/
      annotations/                (or any folder)
        train.csv                 label,youtube_id,time_start,time_end,split
        val.csv                   (or validate.csv; names such as kinetics400_val.csv will do)
        test.csv
      train/                      (and val/, test/; or any other folders, or none)
        air drumming/             (or air_drumming/, or no folders of classes)
          --cSmvCXwXY_000095_000105.mp4    (or --cSmvCXwXY.mp4; any suffix of a video)"""

VERSIONS = (400, 600, 700)


class Line(NamedTuple):
    """One line of a list."""

    where: str  # file and line
    label: str  # empty in a list without labels
    youtube: str
    span: tuple[float, float] | None  # seconds


def kinetics(version: int) -> Callable[[Path, Subset, int, Validation], Listing]:
    """The layout function of Kinetics-400, -600 or -700.

    The classes of Kinetics-400 are the built-in list, those of the others all labels in the lists, sorted. A list of
    another version is refused, with the version that it looks like.
    """
    title = f"Kinetics-{version}"

    def layout(root: Path, subset: Subset, split: int, val: Validation = "test") -> Listing:
        one_split(title, split)
        below = videos_below(root)
        lists = _lists(path for path in below.lists if path.suffix.lower() == ".csv")
        if not lists or not below.videos:
            raise wrong(root, title, "no video" if lists else "no CSV file with a column youtube_id", KINETICS_TREE)
        source = source_of(subset, {of: f"the {of} list" for of in lists}, val, "list")
        lines = lists.get(source.subset, [])
        if not lines:
            raise LayoutError(f"{root} has no list of the subset {source.subset} (there are {', '.join(lists)})")
        if not lines[0].label:
            raise LayoutError(f"{lines[0].where}: no label; this list of {title} tells the videos alone")
        classes, about = _classes(version, lists)
        listed, twice = _entries(root, lines, class_numbers(classes))
        listed = part(listed, source, subset, split, group=str)
        entries, missing, several = _find(
            listed, below.videos, source.subset, Path(lines[0].where.rpartition(", line ")[0])
        )
        notes = "\n".join(filter(None, (source.note, about, twice, several)))
        return Listing(classes, entries, missing, notes, below.beside_lists, has_gaps=True)

    return layout


def _lists(files: Iterable[Path]) -> dict[Subset, list[Line]]:
    """The lines of each subset: a line's own column `split` tells it, or else the name of its file."""
    found: dict[Subset, list[Line]] = {}
    named: dict[Subset, Path] = {}
    for file in files:
        words = {subset for word in re.split(r"[^a-z]+", file.stem.lower()) if (subset := subset_of(word))}
        own = words.pop() if len(words) == 1 else None
        try:
            rows = read_rows(file, ("youtube_id",), ("label", "time_start", "time_end", "split"))
        except LayoutError as error:
            if own is None or isinstance(error, NoColumnError):
                continue  # a table of something else
            raise
        if own:
            if own in named:
                raise LayoutError(f"{named[own]} and {file} are both lists of {own}: keep one")
            named[own] = file
        for row in rows.rows:
            youtube, label, start, end, split = row.cells
            subset = subset_of(split) or own
            if subset is None:
                raise LayoutError(f"{row.where}: {split!r} is not a subset: train, val (or validate) or test")
            found.setdefault(subset, []).append(Line(row.where, label, youtube, seconds(row.where, start, end)))
    return found


def _classes(version: int, lists: Mapping[Subset, list[Line]]) -> tuple[tuple[str, ...], str]:
    """The classes, and a note where the lists name fewer. Raises `LayoutError` for lists of another version."""
    found: dict[str, str] = {}  # by normal form: lists differ in spelling
    for lines in lists.values():
        for label in dict.fromkeys(line.label for line in lines):
            if label:
                found.setdefault(normal_form(label), label)
    own = labels("kinetics400")
    likely = kinetics_version(found.values())
    if len(found) == version and version != 400:
        return tuple(sorted(found.values())), ""
    if version == 400:
        numbers = class_numbers(own)
        strange = next((label for form, label in found.items() if form not in numbers), None)
        if strange is not None:
            raise LayoutError(f"{strange!r} is not a class of Kinetics-400. The lists have {likely}")
    elif len(found) > version or (len(found) in VERSIONS and likely.endswith(f"looks like Kinetics-{len(found)}")):
        raise LayoutError(f"the lists are not those of Kinetics-{version}: they have {likely}")
    few = f"the lists name {len(found)} of {version} classes" if len(found) < version else ""
    return own if version == 400 else tuple(sorted(found.values())), few


def _entries(root: Path, lines: Sequence[Line], numbers: Mapping[str, int]) -> tuple[list[Entry], str]:
    """An entry for each line, with the root for its path; and a note on lines that stand there twice."""
    found: dict[str, Entry] = {}
    for line in lines:
        label = numbers.get(line.label, -1)
        if label < 0:
            label = numbers[normal_form(line.label)]
        name = line.youtube
        if line.span:
            name = f"{name}_{line.span[0]:06.0f}_{line.span[1]:06.0f}"
        if name not in found:
            found[name] = Entry(root, label, name, line.span)
    twice = len(lines) - len(found)
    return list(found.values()), f"listed twice, used once: {counted(twice, 'video')}" if twice else ""


def _find(
    listed: list[Entry], videos: list[Path], subset: Subset, file: Path
) -> tuple[list[Entry], list[Missing], str]:
    """The entries whose file is there, the missing ones, and a note on videos that lie there more than once."""
    files = by_stem(videos)
    for name in list(files):
        if times := re.fullmatch(r"(.+)_(\d+)_(\d+)", name):  # some copies write 95 for 000095
            files.setdefault(f"{times[1]}_{int(times[2]):06d}_{int(times[3]):06d}", files[name])
    entries, missing, several = [], [], 0
    for entry in listed:
        cut = files.get(entry.video)
        there = cut or files.get(entry.video.rsplit("_", 2)[0] if entry.span else entry.video)
        if not there:
            missing.append(Missing(entry.path / f"{entry.video}.mp4", file.name, entry.label))
            continue
        several += len(there) > 1
        path = there[0] if len(there) == 1 else min(there, key=lambda path: _likely(path, subset))
        span = None if cut else entry.span
        entries.append(Entry(path, entry.label, entry.video, span, may_be_cut=span is not None))
    if listed and not entries:
        raise all_missing(len(listed), file, missing[0].path)
    return entries, missing, f"there more than once, one of them used: {counted(several, 'video')}" if several else ""


def _likely(path: Path, subset: Subset) -> tuple[bool, str]:
    """Where a video lies more than once: first the one in a folder of the subset, then the first by name."""
    return all(subset_of(part) != subset for part in path.parts), path.as_posix()
