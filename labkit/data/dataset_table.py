"""From the videos that a layout lists to the table of those that can be read, and a report of the others."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from labkit.counting import counted
from labkit.data.dataset_index import index_videos
from labkit.data.layouts import Entry, Listing
from labkit.data.parts import outside, seconds_of
from labkit.data.splits import shuffled
from labkit.data.video import VideoError
from labkit.data.video_file import is_text, shown

REPORT = ["path", "reason", "what"]  # what: missing, unreadable, or passed over (not a video)
TABLE = ["path", "label", "video", "start", "end", "frames", "fps", "varies", "width", "height", "damage"]


def readable(
    listing: Listing, root: Path, on_error: str, *, workers: int | None, progress: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table of readable videos and the report of the others, with the columns `TABLE` and `REPORT`.

    Raises `VideoError` where no video can be read, and where one cannot while `on_error` is "raise".
    """
    entries = [entry for entry in listing.entries if is_text(entry.path)]
    files = list(dict.fromkeys(entry.path for entry in entries))  # several parts may lie in one file
    number = {path: i for i, path in enumerate(files)}
    facts = index_videos(files, root, workers=workers, progress=progress)
    facts = facts.iloc[[number[entry.path] for entry in entries]].reset_index(drop=True)
    facts["path"] = [str(entry.path) for entry in entries]
    facts["label"] = np.array([entry.label for entry in entries], dtype=np.int64)
    facts["video"] = [entry.video for entry in entries]
    facts["start"], facts["end"] = spans(entries, facts)
    seconds = seconds_of(entries, facts["frames"].to_numpy(), facts["fps"].to_numpy())
    nowhere = outside(seconds, facts["frames"].to_numpy(), facts["fps"].to_numpy())
    facts["reason"] = facts["reason"].where(facts["reason"] != "", nowhere)
    unreadable = facts["reason"] != ""
    lines = [(str(path), f"{where} names it, but it is not there", "missing") for path, where, _ in listing.missing]
    odd = [entry.path for entry in listing.entries if not is_text(entry.path)]
    lines += [(shown(path), "its name is not UTF-8, so no table can hold it: rename it", "unreadable") for path in odd]
    reasons = facts.loc[unreadable, ["path", "reason"]].drop_duplicates()
    lines += [(*line, "unreadable") for line in reasons.itertuples(index=False)]
    passed = [(shown(path), reason, "passed over") for path, reason in listing.passed]
    report = pd.DataFrame(lines + passed, columns=REPORT, dtype=str)
    if lines:
        first = f"{shown(lines[0][0])}: {lines[0][1]}"
        named = counted(len(listing.entries) + len(listing.missing), "video")
        found = f"{len(lines)} of {named} cannot be read; the first is {first}"
        faults = [line for line in lines if not (listing.has_gaps and line[2] == "missing")]
        if faults and (on_error == "raise" or unreadable.all()):
            raise VideoError(faults[0][0], f"{faults[0][1]} ({len(lines)} of the dataset's videos cannot be read)")
        warnings.warn(f"{found}. They are left out; .report lists them all.", stacklevel=3)
    return facts.loc[~unreadable, TABLE].reset_index(drop=True), report


def spans(entries: Sequence[Entry], facts: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first frame of each entry and the first after it, int64 `(entries,)` each, at the mean rate of its file.

    A part that has less than a frame in its file gets the nearest frame; the file's length decides where a part ends.
    """
    frames, fps = facts["frames"].to_numpy(np.int64), facts["fps"].to_numpy(np.float64)
    seconds = seconds_of(entries, frames, fps)
    whole = np.isnan(seconds[:, 0])
    last = np.maximum(frames - 1, 0)
    with np.errstate(invalid="ignore"):  # a file without a rate, up to its end; and whole videos
        first = np.nan_to_num(np.floor(seconds[:, 0] * fps + 1e-6), nan=0)
        stop = np.nan_to_num(np.ceil(seconds[:, 1] * fps - 1e-6), nan=0, posinf=np.iinfo(np.int64).max // 2)
    start = np.clip(first, 0, last).astype(np.int64)
    end = np.clip(stop, start + 1, frames.clip(min=1)).astype(np.int64)
    return np.where(whole, 0, start), np.where(whole, frames, end)


def limited(table: pd.DataFrame, limit: int, seed: int) -> pd.DataFrame:
    """So many videos of each class, chosen by the seed; those of a smaller limit are among those of a larger one."""
    kept: set[str] = set()
    for _, videos in table.groupby("label")["video"]:
        kept.update(shuffled(videos, seed)[:limit])
    return table[table["video"].isin(kept)].reset_index(drop=True)
