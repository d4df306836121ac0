"""The layout of ActivityNet: one JSON file, and untrimmed videos whose annotated segments are the clips.

No file is cut: each segment is an entry with its span in seconds. Missing videos are usual, as they come from YouTube.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from labkit.counting import counted
from labkit.data.json_lists import read_json
from labkit.data.label_lists import labels
from labkit.data.layouts import Entry, LayoutError, Listing, Missing, all_missing, class_numbers, one_split, part, wrong
from labkit.data.matching import by_stem, normal_form
from labkit.data.splits import Subset, Validation, source_of, subset_of
from labkit.data.videos_below import videos_below

ACTIVITYNET_TREE = """\
    ROOT/
      activity_net.v1-3.min.json  (in any folder)
      v_QOlSCBRmfWY.mp4           (or QOlSCBRmfWY.mkv; any suffix of a video, in any folders)"""

Videos = dict[str, Mapping[str, Any]]


def activitynet(root: Path, subset: Subset, split: int, val: Validation = "test") -> Listing:
    """ActivityNet 1.3: the annotated segments of each video, with the built-in list of 200 classes.

    `train`, `val` and `test` are the JSON's subsets training, validation and testing. Testing has no labels. Segments
    that make no sense (an end not after the start) are listed as passed over.
    """
    one_split("ActivityNet", split)
    below = videos_below(root)
    file, subsets = _database(root, [path for path in below.lists if path.suffix.lower() == ".json"])
    if not below.videos:
        raise wrong(root, "ActivityNet", "no video", ACTIVITYNET_TREE)
    source = source_of(subset, {of: f"the subset {of}" for of in subsets}, val, "subset")
    videos = subsets.get(source.subset, {})
    if not any(about.get("annotations") for about in videos.values()):
        with_labels = [of for of, found in subsets.items() if any(about.get("annotations") for about in found.values())]
        raise LayoutError(
            f"{file} has no labels for the subset {source.subset} ({counted(len(videos), 'video')}); "
            f"labels are withheld there, so use {' or '.join(with_labels) or 'another file'}"
        )
    entries, odd = _segments(file, root, videos)
    entries = part(entries, source, subset, split, group=lambda video: video.rpartition("#")[0])
    there, missing = _find(entries, below.videos, file)
    if entries and not there:
        raise all_missing(len(missing), file, missing[0].path)
    classes = labels("activitynet")
    return Listing(classes, there, missing, source.note, [*odd, *below.beside_lists], has_gaps=True)


def _database(root: Path, files: Iterable[Path]) -> tuple[Path, dict[Subset, Videos]]:
    """The annotation file, and its videos by subset."""
    found, broken = {}, []
    for file in files:
        try:
            content = read_json(file)
        except LayoutError as error:
            broken.append(error)
            continue
        if isinstance(content, dict) and isinstance(content.get("database"), dict):
            found[file] = content["database"]
    if not found:
        raise broken[0] if broken else wrong(root, "ActivityNet", 'no JSON file with a "database"', ACTIVITYNET_TREE)
    if len(found) > 1:
        raise LayoutError(f"{' and '.join(map(str, found))} are both annotation files of ActivityNet: keep one")
    ((file, database),) = found.items()
    subsets: dict[Subset, Videos] = {}
    for name, about in database.items():
        subset = subset_of(str(about.get("subset"))) if isinstance(about, dict) else None
        if subset is None:
            raise LayoutError(f"{file}, video {name!r}: its subset is not training, validation or testing")
        subsets.setdefault(subset, {})[name] = about
    return file, subsets


def _segments(file: Path, root: Path, videos: Videos) -> tuple[list[Entry], list[tuple[Path, str]]]:
    """An entry for each segment, and those that make no sense, each with the reason."""
    numbers = class_numbers(labels("activitynet"))
    entries, odd = [], []
    for name, about in videos.items():
        path = root / f"v_{name}.mp4"
        for n, segment in enumerate(about.get("annotations") or ()):
            try:
                label, (start, end) = str(segment["label"]), map(float, segment["segment"])
            except (KeyError, TypeError, ValueError):
                raise LayoutError(
                    f"{file}, video {name!r}, segment {n}: needs a label and a segment [start, end]"
                ) from None
            number = numbers.get(label, numbers.get(normal_form(label)))
            if number is None:
                raise LayoutError(
                    f"{file}, video {name!r}: {label!r} is not among the {len(labels('activitynet'))} classes of "
                    "ActivityNet 1.3; is this the file of another version?"
                )
            if not 0 <= start < end:
                odd.append((path, f"its segment {n}, from {start:g} to {end:g} s, makes no sense"))
            else:
                entries.append(Entry(path, number, f"{name}#{n}", (start, end)))
    return entries, odd


def _find(entries: Iterable[Entry], videos: Iterable[Path], file: Path) -> tuple[list[Entry], list[Missing]]:
    """The entries whose video is there, under its name or with `v_` before it; each missing video once."""
    files = by_stem(videos)
    there: list[Entry] = []
    missing: dict[str, Missing] = {}
    for entry in entries:
        name = entry.video.rpartition("#")[0]
        found = files.get(f"v_{name}") or files.get(name)
        if found:
            there.append(Entry(found[0], entry.label, entry.video, entry.span))
        else:
            missing.setdefault(name, Missing(entry.path, file.name, entry.label))
    return there, list(missing.values())
