"""The layout of a CSV file that you wrote: `path,label[,start,end][,split]`, one row a video or a part of one.

Paths are below the folder of the CSV file, with slashes of either kind. Times are seconds. Without a column `split` the
videos are split as `folder` splits its own, and all parts of one video go to the same subset.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from labkit.data.csv_rows import Row, read_rows, seconds
from labkit.data.layouts import Entry, LayoutError, Listing, inside, part, present, wrong
from labkit.data.matching import match
from labkit.data.splits import SUBSET_NAMES, Subset, Validation, source_of, subset_of, three_parts

CSV_TREE = """\
    ROOT/                         (or ROOT is the CSV file itself)
      any_name.csv                path,label               or path,label,start,end,split
                                  day1/a.mp4,wave             day1/a.mp4,wave,12.5,20,train
      day1/
        a.mp4"""

NEEDED, OPTIONAL = ("path", "label"), ("start", "end", "split")


class Line(NamedTuple):
    """One row of the file."""

    where: str  # file and line
    path: str  # below the folder, with forward slashes
    label: str
    span: tuple[float, float] | None  # seconds
    split: str


def csv_list(root: Path, subset: Subset, split: int, val: Validation = "test") -> Listing:
    """The videos of a CSV file with the columns `path` and `label`, and maybe `start`, `end` (seconds) and `split`.

    Header words may stand in any case and order; the delimiter may be a comma, semicolon or tab. Other columns are named
    in the note. Classes are sorted: as numbers if all are whole numbers, else as text.
    """
    file = root if root.is_file() else _only_list(root)
    rows = read_rows(file, NEEDED, OPTIONAL)
    lines = [_line(row, file.parent) for row in rows.rows]
    if not lines:
        raise LayoutError(f"{file} has no row below its header")
    _refuse_twice(lines)
    classes = _sorted({line.label for line in lines})
    entries = _entries(lines, file.parent, classes)
    if "split" in rows.has:
        chosen, note = _by_column(lines, entries, subset, split, val, file)
    else:
        chosen, note = _by_name(entries, classes, subset, split), ""
    unused = f"columns of {file.name} that are not used: {', '.join(rows.unknown)}" if rows.unknown else ""
    found = match(file.parent, (line.path for line in lines))
    named = {entry.video: found[path] for entry in chosen if (path := _file(entry)) in found}
    return present(classes, chosen, named, file, "\n".join(filter(None, (note, unused))))


def _only_list(folder: Path) -> Path:
    """The one CSV file of a folder that has the columns. Raises `LayoutError` for none, or for several."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".csv", ".tsv"))
    good, reasons = [], []
    for file in files:
        try:
            read_rows(file, NEEDED, OPTIONAL)
            good.append(file)
        except LayoutError as error:
            reasons.append(error)
    if len(good) > 1:
        names = ", ".join(file.name for file in good)
        raise LayoutError(f"{folder} has several lists ({names}): give one of these files as root")
    if not good and reasons:
        raise reasons[0]
    if not good:
        raise wrong(folder, "csv", "no CSV file", CSV_TREE)
    return good[0]


def _line(row: Row, folder: Path) -> Line:
    path, label, start, end, split = row.cells
    if "://" in path:
        raise LayoutError(f"{row.where}: {path!r} is a URL; labkit downloads no video, so name a file")
    for home in (folder.absolute(), folder.resolve()):
        if Path(path).is_absolute() and Path(path).is_relative_to(home):
            path = Path(path).relative_to(home).as_posix()
    path = PurePosixPath(inside(row.where, path)).as_posix()
    return Line(row.where, path, label, seconds(row.where, start, end), split)


def _refuse_twice(lines: Sequence[Line]) -> None:
    seen: dict[tuple[str, object], str] = {}
    for line in lines:
        before = seen.setdefault((line.path, line.span), line.where)
        if before != line.where:
            raise LayoutError(f"{line.where}: the same video and times as in{before.rpartition(',')[2]}")


def _sorted(labels: set[str]) -> tuple[str, ...]:
    numbers = all(label.isdecimal() for label in labels)
    return tuple(sorted(labels, key=lambda label: (int(label), label) if numbers else (0, label)))


def _entries(lines: Sequence[Line], folder: Path, classes: Sequence[str]) -> list[Entry]:
    number = {name: label for label, name in enumerate(classes)}
    parts: dict[str, int] = {}
    entries = []
    for line in lines:
        video = line.path
        if line.span is not None:
            parts[line.path] = parts.get(line.path, -1) + 1
            video = f"{line.path}#{parts[line.path]}"
        entries.append(Entry(folder / line.path, number[line.label], video, line.span))
    return entries


def _file(entry: Entry) -> str:
    """The name of the entry's file, the same for all of its parts."""
    return entry.video if entry.span is None else entry.video.rpartition("#")[0]


def _by_column(
    lines: Sequence[Line], entries: list[Entry], subset: Subset, split: int, val: Validation, file: Path
) -> tuple[list[Entry], str]:
    """The entries of a subset by the column `split`, and a note on the validation videos."""
    by_subset: dict[Subset, list[Entry]] = {}
    for line, entry in zip(lines, entries, strict=True):
        own = subset_of(line.split)
        if own is None:
            known = ", ".join(name for names in SUBSET_NAMES.values() for name in names)
            raise LayoutError(f"{line.where}: the split {line.split!r} is none of {known}")
        by_subset.setdefault(own, []).append(entry)
    source = source_of(subset, {of: f"the rows of {of}" for of in by_subset}, val, "split")
    if source.subset not in by_subset:
        raise LayoutError(f"{file} has no row of the split {source.subset} (there are {', '.join(by_subset)})")
    of_file = {entry.video: _file(entry) for entry in entries}
    return part(by_subset[source.subset], source, subset, split, group=of_file.__getitem__), source.note


def _by_name(entries: list[Entry], classes: Sequence[str], subset: Subset, split: int) -> list[Entry]:
    """The entries of a subset by the names of their files; a file counts in the class of its first row."""
    files: dict[str, dict[str, None]] = {name: {} for name in classes}
    of_file: dict[str, str] = {}
    for entry in entries:
        home = of_file.setdefault(_file(entry), classes[entry.label])
        files[home][_file(entry)] = None
    mine = {name: three_parts(names, split, name)[subset] for name, names in files.items()}
    return [entry for entry in entries if _file(entry) in mine[of_file[_file(entry)]]]
