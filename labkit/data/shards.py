"""A dataset in shards: tar files in WebDataset's layout, and beside them an index with a row a video.

The index is the file `index.arrow`, as a prepared dataset carries it, with the shard, the offset and the size of each
video. `index_shards` makes it from the headers of the tar files, those of other writers too.
"""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pandas as pd

from labkit.data.dataset_index import CARRIED, write_index
from labkit.data.dataset_table import REPORT
from labkit.data.pieces import Piece, file_system, forget, local_path, read_range, state_of
from labkit.data.processes import map_files
from labkit.data.shard_writer import DATASET, SIZE, Row, ShardError, rows_of, subset_in, write_tars
from labkit.data.tar_members import Member, members_of, samples
from labkit.data.video import VideoError, index_video
from labkit.data.videos_below import VIDEO_SUFFIXES

__all__ = ["Piece", "ShardError", "index_shards", "rows_of", "write_shards"]

PICKLED = frozenset((".pkl", ".pickle", ".pyd", ".pth", ".pt"))  # reading these could run a program
MOST_CLASSES = 100_000  # that are made from labels alone
FACTS = {"frames": int, "fps": float, "varies": bool, "width": int, "height": int, "damage": str}


def write_shards(
    rows: Iterable[Row],
    folder: str | Path,
    *,
    classes: Sequence[str],
    kind: str = "folder",
    size: int = SIZE,
    progress: bool = True,
) -> Path:
    """Write the videos of `rows`, (file, row), into shards of about `size` bytes, then their index; returns the index.

    `rows_of` gives the rows of datasets. `kind` is the name of the dataset, which decides on mirror images and crops.
    Raises as `write_tars` does.
    """
    folder = Path(folder)
    write_tars(rows, folder, classes=classes, kind=kind, size=size, progress=progress)
    index_shards(folder, progress=progress)
    return folder / CARRIED


class Indexed(NamedTuple):
    """An index of shards: a row a video, the report of what cannot be used, and the number of shards."""

    table: pd.DataFrame
    report: pd.DataFrame
    shards: int


def index_shards(
    home: str | Path, *, classes: Sequence[str] | None = None, workers: int | None = None, progress: bool = True
) -> Indexed:
    """Make the index of the shards in a folder or at an fsspec address, write it there, and return what it holds.

    Shards of labkit tell their rows. Of others each video is decoded once, to count its frames. The label is that of
    `.cls` or `.txt`, or `label` or `class` in `.json`: a number, or the name of a class. `classes` are the names of the
    classes in order; if None, those of `dataset.json` beside the shards, else the labels found.
    What cannot be used is noted in the index, a line each: cut shards, members without label, pickled members.

    Raises `ShardError` for a place without shards and for labels that do not fit the classes.
    """
    forget()
    address = home_of(home)
    found = [_of_shard(address, name) for name in shard_names(address)]
    rows, report = [row for one in found for row in one.rows], [line for one in found for line in one.report]
    noted = _noted(address)
    classes = _number_labels(rows, classes or noted.get("classes"), address)
    unknown = [row for row in rows if "frames" not in row]
    addresses = [f"{address}/{row['path']}" for row in unknown]
    for position, facts in map_files(
        _facts, addresses, label="looking into videos", workers=workers, progress=progress
    ):
        unknown[position].update(facts)
    report += [[row["path"], row["reason"], "unreadable"] for row in unknown if "reason" in row]
    table = pd.DataFrame([row for row in rows if "reason" not in row])
    if table.empty:
        raise ShardError(f"{address}: no video in its shards can be used; {_first(report)}")
    about = {
        "kind": noted.get("kind", "folder"),
        "classes": list(classes),
        "shards": {one.name: one.size for one in found},
        "report": report,
    }
    _put_index(address, table, about)
    return Indexed(table, report_at(address, report), len(found))


def _first(report: Sequence[Sequence[str]]) -> str:
    return f"the first reason: {report[0][0]}: {report[0][1]}" if report else "they hold none"


# ---------------------------------------------------------------------- the place of the shards


def home_of(home: str | Path) -> str:
    """The folder or the fsspec address of shards as text, without a slash at its end. Raises `ShardError` for no folder."""
    path = local_path(str(home))
    if path is None:
        return str(home).rstrip("/")
    if not path.expanduser().is_dir():
        raise ShardError(f"{path} is not a folder; shards lie in a folder, or at an fsspec address")
    return str(path.expanduser())


def report_at(home: str, lines: Sequence[Sequence[str]]) -> pd.DataFrame:
    """The report of an index, whose paths are below the place of the shards, with whole paths."""
    return pd.DataFrame([(f"{home}/{path}", reason, what) for path, reason, what in lines], columns=REPORT, dtype=str)


def shard_names(home: str) -> list[str]:
    """The names of the shards in a folder or at an fsspec address, sorted. Raises `ShardError` where there are none."""
    path = local_path(home)
    if path is not None:
        names = [each.name for each in path.glob("[!.]*.tar")]
    else:
        system, inside = file_system(home)
        system.invalidate_cache()  # of an earlier list
        names = [PurePosixPath(each).name for each in system.glob(f"{inside.rstrip('/')}/*.tar")]
    if not names:
        raise ShardError(f"{home} holds no shards (files that end in .tar)")
    return sorted(names)


def _noted(home: str) -> dict[str, Any]:
    """The content of `dataset.json` beside the shards; empty where there is none. Raises `ShardError` for a broken one."""
    try:
        text = read_whole(f"{home}/{DATASET}")
    except FileNotFoundError:
        return {}
    try:
        noted = json.loads(text)
        return {"kind": str(noted["kind"]), "classes": [str(name) for name in noted["classes"]]}
    except (ValueError, KeyError, TypeError) as error:
        raise ShardError(f"{home}/{DATASET} is broken ({error}): remove it, or write it anew") from None


def read_whole(address: str) -> bytes:
    """The content of a small file at a path or an fsspec address. Raises `OSError`."""
    return read_range(address, 0, state_of(address).size)


def _put_index(home: str, table: pd.DataFrame, about: Mapping[str, Any]) -> None:
    path = local_path(home)
    if path is not None:
        write_index(path, table, about)
        return
    system, inside = file_system(home)
    with tempfile.TemporaryDirectory() as folder:
        made = write_index(Path(folder), table, about)
        system.pipe_file(f"{inside.rstrip('/')}/{CARRIED}", made.read_bytes())  # a store shows an object whole


# ---------------------------------------------------------------------- one shard


class _Shard(NamedTuple):
    """One shard: its size in bytes, the rows of its videos, and the report of the rest."""

    name: str
    size: int
    rows: list[dict[str, Any]]
    report: list[list[str]]  # path, reason, what: as in a dataset's report


def _of_shard(home: str, name: str) -> _Shard:
    address = f"{home}/{name}"
    rows: list[dict[str, Any]] = []
    members, fault = members_of(address)
    report = [[name, fault, "unreadable"]] if fault else []
    for key, group in samples(members):
        pickled = [member for member in group if member.suffix in PICKLED]
        report += [
            [f"{name}/{each.name}", "it is pickled: reading it could run a program", "passed over"] for each in pickled
        ]
        row = _row(name, key, group)
        if isinstance(row, str):
            report.append([f"{name}/{group[0].name}", row, "passed over"])
        else:
            rows.append(row)
    return _Shard(name, state_of(address).size, rows, report)


def _row(shard: str, key: str, group: Sequence[Member]) -> dict[str, Any] | str:
    """The row of a sample; or the reason why it has none."""
    videos = [member for member in group if member.suffix in VIDEO_SUFFIXES]
    if len(videos) != 1:
        return f"it has {len(videos)} videos, and a sample has one"
    video, texts = videos[0], {member.suffix: member.text for member in group if member.text is not None}
    told = _told(texts.get(".json"))
    label = _label(texts, told)
    if label is None:
        return "it has no label: no .cls, no .txt, and no label or class in .json"
    name = PurePosixPath(video.name.replace("\\", "/")).name  # a name only: nothing is written there
    row = {
        "path": f"{shard}@{video.offset}+{video.size}/{name}",
        "bytes": video.size,
        "label": label,
        "video": str(told.get("video", key)),
        "subset": subset_in(shard),
        "shard": shard,
        "offset": video.offset,
        "size": video.size,
    }
    known = all(isinstance(told.get(fact), kind) for fact, kind in FACTS.items())
    whole = {"start": 0, "end": told.get("frames")}
    return (
        row | {"exact": True} | {fact: told.get(fact, whole.get(fact)) for fact in (*FACTS, *whole)} if known else row
    )


def _told(text: bytes | None) -> dict[str, Any]:
    try:
        told = json.loads(text or b"{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _label(texts: Mapping[str, bytes | None], told: Mapping[str, Any]) -> int | str | None:
    """The label of a sample, a number or the name of a class; None where it has none."""
    for suffix in (".cls", ".txt"):
        text = (texts.get(suffix) or b"").decode("utf-8", "replace").strip()
        if text:
            return int(text) if text.isascii() and text.isdigit() else text
    for field in ("label", "class"):
        if isinstance(told.get(field), int | str):
            return told[field]
    return None


def _number_labels(rows: Sequence[dict[str, Any]], classes: Sequence[str] | None, home: str) -> Sequence[str]:
    """Turn names of classes into numbers, in place, and return the classes. Raises `ShardError` for labels without class."""
    labels = {row["label"] for row in rows}
    if classes is None:
        numbers = all(isinstance(label, int) for label in labels)
        if numbers and max(labels, default=0) > MOST_CLASSES:
            raise ShardError(
                f"{home}: a label is {max(labels)}; give the classes where there are over {MOST_CLASSES:,}"
            )
        classes = [str(n) for n in range(max(labels, default=-1) + 1)] if numbers else sorted(map(str, labels))
    by_name = {name: number for number, name in enumerate(classes)}
    for row in rows:
        label = row["label"]
        number = by_name.get(str(label), label if isinstance(label, int) else -1)
        if number not in range(len(classes)):
            raise ShardError(f"{home}/{row['path']}: its label {label!r} is not among the {len(classes)} classes")
        row["label"] = number
    return classes


def _facts(address: str) -> dict[str, Any]:
    """The facts about a video, decoded once; or `reason`, why it cannot be read."""
    try:
        info = index_video(address)
    except VideoError as error:
        return {"reason": error.reason}
    facts = {name: getattr(info, name) for name in FACTS}
    return facts | {"damage": info.damage or "", "exact": True, "start": 0, "end": info.frames}
