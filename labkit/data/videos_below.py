"""The videos below a folder, and the files that were passed over, with the reasons.

The suffix decides where it can. Otherwise the decoder decides: it opens the file, and reads no further.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_SUFFIXES = """
.264 .265 .3g2 .3gp .asf .avi .divx .dv .f4v .flv .gif .h264 .h265 .hevc .ivf .m1v .m2p .m2t .m2ts .m2v .m4v .mjpeg .mjpg
.mk3d .mkv .mod .mov .mp4 .mpe .mpeg .mpg .mpv .mts .mxf .nut .ogm .ogv .qt .rm .rmvb .tod .ts .vob .webm .wmv .wtv .y4m
"""
VIDEO_SUFFIXES = frozenset(_SUFFIXES.split())
OTHER_SUFFIXES = {
    suffix: what
    for what, suffixes in {
        "a picture": ".bmp .heic .jpeg .jpg .pgm .png .ppm .svg .tif .tiff .webp",
        "sound": ".aac .aif .aiff .flac .m4a .mp3 .opus .wav .wma",
        "text": ".ass .csv .htm .html .ini .ipynb .json .jsonl .log .md .pdf .py .srt .toml .tsv .txt .vtt .xml .yaml .yml",
        "a list of other files": ".asx .avs .ffconcat .m3u .m3u8 .mpd .pls .sdp .vpy",  # never opened: they lead anywhere
        "an archive": ".7z .bz2 .gz .rar .tar .tgz .xz .zip",
        "data": ".db .h5 .hdf5 .mat .npy .npz .parquet .pickle .pkl .pt .pth .safetensors",
        "a download that did not end": ".crdownload .part .tmp",
    }.items()
    for suffix in suffixes.split()
}


NO_VIDEO = "there is no video in this folder"


class Below(NamedTuple):
    """The videos and other files below a folder."""

    videos: list[Path]  # sorted
    passed: list[tuple[Path, str]]  # other files, and why they are not videos; folders without any video too

    @property
    def lists(self) -> list[Path]:
        """The text files among the others: a dataset's lists may lie in any folder."""
        return [path for path, why in self.passed if why == "text"]

    @property
    def beside_lists(self) -> list[tuple[Path, str]]:
        """The others without text files and without folders, as a report on a dataset with lists shows them."""
        return [(path, why) for path, why in self.passed if why not in ("text", NO_VIDEO)]


def videos_below(folder: Path) -> Below:
    """All videos below `folder`, however deep. Links are followed, each folder once."""
    real = Path(os.path.realpath(folder))
    return _below(folder, {real, *real.parents})


def visible_folders(folder: Path) -> Iterator[Path]:
    """The folders right below, by name, without hidden ones."""
    return (folder / child.name for child in _children(folder) if child.is_dir() and not child.name.startswith("."))


def _children(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as children:  # scandir knows folders without a look at each file
        return sorted(children, key=lambda child: child.name)


def _below(folder: Path, seen: set[Path]) -> Below:
    found = Below([], [])
    try:
        children = _children(folder)
    except OSError as error:
        return Below([], [(folder, f"it cannot be looked into ({error.strerror})")])
    for child in children:
        path = folder / child.name
        if child.is_dir() and not child.name.startswith("."):
            deeper = _once(path, seen)
            found.videos.extend(deeper.videos)
            found.passed.extend(deeper.passed)
        elif reason := _why_no_video(path):
            found.passed.append((path, reason))
        else:
            found.videos.append(path)
    return found if found.videos else Below([], [(folder, NO_VIDEO), *found.passed])


def _once(folder: Path, seen: set[Path]) -> Below:
    real = Path(os.path.realpath(folder))
    if real in seen:
        return Below([], [(folder, f"it is another name of {real}, which was looked into")])
    seen.add(real)
    return _below(folder, seen)


def _why_no_video(file: Path) -> str:
    """The reason why `file` is not a video; empty if it is one."""
    suffix = file.suffix.lower()
    if file.name.startswith("."):
        return "hidden, as systems leave such files"
    if suffix in VIDEO_SUFFIXES:
        return ""
    return OTHER_SUFFIXES.get(suffix) or _decoders_word(file)


def _decoders_word(file: Path) -> str:
    from labkit.data.video_file import VideoError, open_video

    if not file.is_file():
        return "not a file: a link that leads nowhere, perhaps"
    try:
        container, _ = open_video(file)
    except (VideoError, OSError, ValueError) as error:
        return f"the decoder was tried: {getattr(error, 'reason', error)}"
    with container:
        return "a picture" if "image2" in container.format.name or container.format.name.endswith("_pipe") else ""
