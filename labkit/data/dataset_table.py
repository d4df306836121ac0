"""From the videos that a layout lists to the table of those that can be read, and a report of the others.

Where lengths come from headers, the table marks them as estimates. `counted_exactly` makes them exact.
"""

import warnings
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from labkit.counting import counted
from labkit.data.dataset_index import index_videos, probe
from labkit.data.dataset_rows import Rows
from labkit.data.layouts import Listing
from labkit.data.parts import outside, seconds_of
from labkit.data.processes import map_files
from labkit.data.splits import shuffled
from labkit.data.video import VideoError
from labkit.data.video_file import is_text, shown

REPORT = ["path", "reason", "what"]  # what: missing, unreadable, or passed over (not a video)
TABLE = ["path", "label", "video", "start", "end", "frames", "fps", "varies", "width", "height", "damage", "exact"]
COUNTED = ("frames", "fps", "varies", "width", "height", "exact")  # columns that change when a file is decoded
TABLE += ["from_second", "to_second"]  # of a part of a video; NaN for a whole one


AnyRows = TypeVar("AnyRows", bound=Rows)
Spans = tuple[NDArray[np.int64], NDArray[np.int64]]  # start and end


def looked_into(
    listing: Listing, root: Path, *, exact: bool, workers: int | None, progress: bool
) -> tuple[pd.DataFrame, pd.DataFrame, bool]:
    """The table of readable videos and the report of the others, with the columns `TABLE` and `REPORT`.

    The flag says whether both may be kept: not where a video's reason may be gone next time.
    """
    entries = [entry for entry in listing.entries if is_text(entry.path)]
    files = list(dict.fromkeys(entry.path for entry in entries))  # several parts may lie in one file
    number = {path: i for i, path in enumerate(files)}
    facts = index_videos(files, root, exact=exact, workers=workers, progress=progress)
    facts = facts.iloc[[number[entry.path] for entry in entries]].reset_index(drop=True)
    facts["path"] = [str(entry.path) for entry in entries]
    facts["label"] = np.array([entry.label for entry in entries], dtype=np.int64)
    facts["video"] = [entry.video for entry in entries]
    frames, fps = facts["frames"].to_numpy(), facts["fps"].to_numpy()
    seconds = seconds_of(entries, frames, fps)
    facts["from_second"], facts["to_second"] = seconds.T
    facts["start"], facts["end"] = spans(seconds, frames, fps)
    nowhere = outside(seconds, frames, fps, facts["exact"].to_numpy(bool))
    facts["reason"] = facts["reason"].where(facts["reason"] != "", nowhere)
    unreadable = facts["reason"] != ""
    lines = [(str(path), f"{where} names it, but it is not there", "missing") for path, where, *_ in listing.missing]
    odd = [entry.path for entry in listing.entries if not is_text(entry.path)]
    lines += [(shown(path), "its name is not UTF-8, so no table can hold it: rename it", "unreadable") for path in odd]
    reasons = facts.loc[unreadable, ["path", "reason"]].drop_duplicates()  # several parts may lie in one file
    lines += [(*line, "unreadable") for line in reasons.itertuples(index=False)]
    lines += [(shown(path), reason, "passed over") for path, reason in listing.passed]
    report = pd.DataFrame(lines, columns=REPORT, dtype=str)
    return facts.loc[~unreadable, TABLE].reset_index(drop=True), report, not facts["passing"].any()


def say_unreadable(videos: int, named: int, report: Rows, on_error: str, *, gaps: bool = False) -> None:
    """Warn of the videos that cannot be read; of `named` ones, `videos` can. With `gaps`, missing ones are usual.

    Raises `VideoError` where no video can be read, and where one cannot while `on_error` is "raise".
    """
    lost = report.frame[report.frame["what"] != "passed over"] if len(report) else report.frame
    if not len(lost):
        return
    faults = lost[lost["what"] != "missing"] if gaps else lost
    if len(faults) and (on_error == "raise" or not videos):
        path, reason = faults.iloc[0][["path", "reason"]]
        raise VideoError(path, f"{reason} ({len(lost)} of the dataset's videos cannot be read)")
    path, reason = lost.iloc[0][["path", "reason"]]
    found = f"{len(lost)} of {counted(named, 'video')} cannot be read; the first is {shown(path)}: {reason}"
    warnings.warn(f"{found}. They are left out; .report lists them all.", stacklevel=3)


def spans(seconds: NDArray[np.float64], frames: NDArray[np.int64], fps: NDArray[np.float64]) -> Spans:
    """The first frame of each part and the first after it, int64 `(parts,)` each, at the mean rate of its file.

    `seconds` is `(parts, 2)`, NaN for a whole video; `frames` and `fps` are the file's, `(parts,)`. A part that has less
    than a frame in its file gets the nearest frame; the file's length decides where a part ends.
    """
    whole = np.isnan(seconds[:, 0])
    last = np.maximum(frames - 1, 0)
    with np.errstate(invalid="ignore"):  # a file without a rate, up to its end; and whole videos
        first = np.nan_to_num(np.floor(seconds[:, 0] * fps + 1e-6), nan=0)
        stop = np.nan_to_num(np.ceil(seconds[:, 1] * fps - 1e-6), nan=0, posinf=np.iinfo(np.int64).max // 2)
    start = np.clip(first, 0, last).astype(np.int64)
    end = np.clip(stop, start + 1, frames.clip(min=1)).astype(np.int64)
    return np.where(whole, 0, start), np.where(whole, frames, end)


def corrected(rows: Rows, chosen: NDArray[np.int64], frames: NDArray[np.int64], fps: NDArray[np.float64]) -> Spans:
    """`start` and `end` of the chosen rows, int64 `(chosen,)` each, where their files have these frames and rates.

    Spans that the estimate gave are found anew from their seconds. Spans that a caller put in are cut to the file.
    """
    was, nowhere = rows.take(chosen), np.full(len(chosen), np.nan)
    seconds = [was.column(name) if name in was else nowhere for name in ("from_second", "to_second")]
    of_estimate = spans(np.stack(seconds, axis=1), was.column("frames"), was.column("fps"))
    ours = (of_estimate[0] == was.column("start")) & (of_estimate[1] == was.column("end"))
    start, end = spans(np.stack(seconds, axis=1), frames, fps)
    given = np.clip(was.column("start"), 0, frames - 1)
    return np.where(ours, start, given), np.where(ours, end, np.clip(was.column("end"), given + 1, frames))


def counted_exactly(rows: AnyRows, *, workers: int | None = None, progress: bool = True) -> AnyRows:
    """The rows with exact lengths: files whose length is an estimate are decoded once. Those that cannot be read stay."""
    if "exact" not in rows or rows.column("exact").all():
        return rows
    estimated = np.flatnonzero(~rows.column("exact"))
    paths = [rows.cell("path", row) for row in estimated.tolist()]
    files = list(dict.fromkeys(paths))
    found: dict[str, dict[str, Any]] = {}
    for position, facts in map_files(
        probe, [Path(file) for file in files], label="counting frames", workers=workers, progress=progress
    ):
        found[files[position]] = facts
    read = np.array([not found[path]["reason"] for path in paths])
    chosen, true = estimated[read], pd.DataFrame([found[path] for path in paths])[read]
    changed = {name: rows.column(name).copy() for name in (*COUNTED, "start", "end")}
    for name in COUNTED:
        changed[name][chosen] = true[name].to_numpy()
    changed["start"][chosen], changed["end"][chosen] = corrected(
        rows, chosen, true["frames"].to_numpy(), true["fps"].to_numpy()
    )
    return rows.but(**changed)


def limited(table: pd.DataFrame, limit: int, seed: int) -> NDArray[np.bool_]:
    """Which rows stay, `(rows,)`, with so many videos of each class, chosen by the seed.

    Those of a smaller limit are among those of a larger one.
    """
    kept: set[str] = set()
    for _, videos in table.groupby("label")["video"]:
        kept.update(shuffled(videos, seed)[:limit])
    return table["video"].isin(kept).to_numpy()
