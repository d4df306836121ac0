"""A dataset on disk compared with what is expected of it: counts, durations, and whether each video can be decoded."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from labkit.data.dataset_kinds import KINDS, Kind, dataset_folder
from labkit.data.layouts import LayoutError, Listing
from labkit.data.processes import map_files
from labkit.data.report_lines import Line
from labkit.data.splits import SUBSET_NAMES, Subset
from labkit.data.video_file import VideoError, named, open_video, shown
from labkit.data.video_index import build_index
from labkit.names import choose

NAMED_SECONDS = re.compile(r".+_(\d{6})_(\d{6})")  # Kinetics: the first and the last second in the source video
LATE = 1.0  # seconds that a video may be shorter or longer than its annotation says
CLOSE = 0.25  # seconds between the last frame and the end by the header that raise no doubt
LOST = 0.95  # the share of the frames in the header that must come out


class Listed(NamedTuple):
    """The videos of all subsets: the last second that an annotation needs of each (0: none), and the missing ones."""

    videos: dict[Path, float]
    missing: dict[Path, str]  # with the list that names it
    passed: dict[Path, str]  # with the reason
    classes: int
    has_gaps: bool  # whether missing videos are usual

    def missing_lines(self, root: Path) -> list[Line]:
        """A line for each missing video."""
        what = "gone" if self.has_gaps else "missing"
        return [Line(_below(path, root), f"{where} names it", what) for path, where in sorted(self.missing.items())]


@dataclass(frozen=True)
class Verified:
    """The outcome: the numbers found, the numbers expected (None: not known), and a line for each fault."""

    videos: int
    classes: int
    expected_videos: int | None
    expected_classes: int | None
    lines: tuple[Line, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every expected video is there and none has a fault."""
        gaps = any(line.what == "gone" for line in self.lines)
        videos, classes = self.expected_videos in (None, self.videos), self.expected_classes in (None, self.classes)
        return (videos or gaps) and classes and not any(line.is_fault for line in self.lines)

    def counted(self) -> Iterator[tuple[str, int]]:
        """The kinds of faults and their numbers."""
        yield from sorted(Counter(line.what for line in self.lines).items())


def verify(
    name: str, root: str | Path, *, decode: bool = False, workers: int | None = None, progress: bool = True
) -> Verified:
    """Look at every video of the dataset `name` at `root`: its header, its first and its last frame.

    With `decode` all frames are decoded. Durations are compared with annotations where the dataset has them. Raises
    `LayoutError` for a folder that does not fit, with the layout expected.
    """
    kind = KINDS[choose(name, tuple(KINDS), "dataset")]
    given = dataset_folder(name, kind, root)
    folder = given.parent if given.is_file() else given
    listed = all_listed(name, given)
    lines = listed.missing_lines(folder)
    paths = sorted(listed.videos)
    look = decode_all if decode else look_at
    for position, found in map_files(look, paths, label="looking at videos", workers=workers, progress=progress):
        path = paths[position]
        by_name = NAMED_SECONDS.fullmatch(path.stem) if name.startswith("kinetics") else None
        wanted = float(int(by_name[2]) - int(by_name[1])) if by_name else listed.videos[path]
        lines += _faults(_below(path, folder), found, wanted, exactly=by_name is not None)
    lines += [Line(_below(path, folder), reason, "passed over") for path, reason in listed.passed.items()]
    return Verified(len(paths), listed.classes, kind.videos, kind.classes, tuple(sorted(lines, key=_order)))


def all_listed(name: str, root: Path) -> Listed:
    """The videos of all subsets and splits of the dataset. Raises `LayoutError` where it has no training subset."""
    kind = KINDS[name]
    found = Listed({}, {}, {}, 0, has_gaps=False)
    for split in range(1, kind.splits + 1):
        for subset in SUBSET_NAMES:
            listing = _listing(kind, root, subset, split)
            if listing is None:
                continue
            found.missing.update({one.path: one.listed_in for one in listing.missing})
            found.passed.update(listing.passed)
            for entry in listing.entries:
                end = entry.span[1] if entry.span and not entry.may_be_cut else 0.0
                found.videos[entry.path] = max(end, found.videos.get(entry.path, 0.0))
            classes = max(found.classes, len(listing.classes))
            found = found._replace(classes=classes, has_gaps=found.has_gaps or listing.has_gaps)
    return found


def _listing(kind: Kind, root: Path, subset: Subset, split: int) -> Listing | None:
    """One subset; None where the dataset lacks it. Raises `LayoutError` for the first one, which each dataset has."""
    try:
        return kind.layout(root, subset, split, "test")
    except LayoutError:
        if subset == "train" and split == 1:
            raise
        return None


def look_at(path: Path) -> dict[str, Any]:
    """Open a video and decode its first and last frame; where that raises a doubt, decode all. Fit for worker processes.

    Returns `seconds`, and a `reason` where it cannot be read, or `damage` where it cannot be read to its end.
    """
    try:
        seconds = _glance(path)
    except VideoError:
        seconds = None
    return {"seconds": seconds} if seconds is not None else decode_all(path)


def decode_all(path: Path) -> dict[str, Any]:
    """Decode a whole video: the same facts as `look_at`."""
    try:
        index = build_index(path)
        container, stream = open_video(path)
        with container:
            promised = stream.frames
    except VideoError as error:
        return {"reason": error.reason}
    info = index.info
    damage = info.damage or ""
    if not damage and info.frames < LOST * promised - 2:
        damage = f"its header promises {promised} frames, and {info.frames} can be read"
    return {"seconds": info.duration, "damage": damage}


def _glance(path: Path) -> float | None:
    """The duration by the header in seconds, if the first and the last frame can be decoded; None where that is unclear."""
    container, stream = open_video(path)
    with container, named(path):
        if next(container.decode(stream), None) is None or stream.duration is None or stream.time_base is None:
            return None
        begin = stream.start_time or 0
        container.seek(begin + stream.duration, stream=stream)
        last = None
        for packet in container.demux(stream):
            for frame in stream.decode(packet):
                last = frame
            if packet.is_corrupt:
                return None
        if last is None or last.pts is None or last.is_corrupt:
            return None
        seconds = float(stream.duration * stream.time_base)
        promised = float(stream.frames / (stream.average_rate or 25))
        reached = float((last.pts - begin) * stream.time_base)
        return seconds if reached > max(seconds, promised) - CLOSE else None


def _faults(path: str, found: dict[str, Any], wanted: float, *, exactly: bool) -> Iterator[Line]:
    """The faults of one video. Its annotation needs `wanted` seconds (0: it says nothing), and with `exactly` no more."""
    if "reason" in found:
        yield Line(path, found["reason"], "unreadable")
        return
    if found.get("damage"):
        yield Line(path, found["damage"], "damaged")
    lacks, exceeds = found["seconds"] < wanted - LATE, exactly and found["seconds"] > wanted + LATE
    if wanted and (lacks or exceeds):
        what = "short" if lacks else "long"
        yield Line(path, f"it has {found['seconds']:.1f} s, and its annotation says {wanted:g} s", what)


def _below(path: Path, root: Path) -> str:
    return shown(path.relative_to(root).as_posix() if path.is_relative_to(root) else path)


def _order(line: Line) -> tuple[bool, str, str]:
    return line.what == "passed over", line.what, line.path
