"""`open_dataset`: a folder of videos becomes a `VideoDataset`.

It finds the videos and their labels, looks into every file once, and leaves out files that cannot be read; `.report`
names them. The finished table is kept (`labkit.data.kept_listing`): opening it again touches no video.
"""

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from labkit.clip import ClipSpec
from labkit.counting import counted
from labkit.data import layouts, two_streams
from labkit.data.clips import Leftover
from labkit.data.dataset_kinds import KINDS, Flip, dataset_folder
from labkit.data.dataset_rows import TableRows
from labkit.data.dataset_table import limited, looked_into, say_unreadable
from labkit.data.flow import FlowSettings, Method
from labkit.data.kept_listing import Asked, Facts, Kept, find, keep, stamps_of
from labkit.data.layouts import Listing
from labkit.data.shard_set import shard_set
from labkit.data.splits import Subset, Validation
from labkit.data.video_dataset import (
    OnError,
    Sampling,
    Transform,
    VideoDataset,
    check_settings,
    warn_of_forbidden_flip,
)
from labkit.data.video_file import is_text, shown
from labkit.names import choose, choose_some

Count = Literal["exact", "headers"]
COUNTS: Mapping[str, Count] = {"decoded": "exact", "headers": "headers"}  # by a kind's way of counting


def open_dataset(
    name: str,
    root: str | Path | None = None,
    subset: Subset = "train",
    *,
    spec: ClipSpec,
    split: int = 1,
    val: Validation = "test",
    sampling: Sampling = "random",
    k: int = 10,
    leftover: Leftover = "loop",
    transform: Transform | None = None,
    flip: Flip | Mapping[str, str] | None = None,
    seed: int = 0,
    classes: Sequence[str] | None = None,
    limit: int | None = None,
    count: Count | None = None,
    cached: bool = False,
    flow: FlowSettings | Method | None = None,
    flow_spec: ClipSpec | None = None,
    on_error: OnError = "skip",
    workers: int | None = None,
    progress: bool = True,
) -> VideoDataset:
    """Open a dataset of a kind of `labkit.data.dataset_kinds.KINDS` at `root`: `ucf101`, `kinetics400`, `folder`, `csv`, …

    `motion` without a root is generated; the root of `csv` may be the file itself, and that of
    `shards` an fsspec address. `split` is one of the dataset's own
    (UCF-101 and HMDB-51: 1, 2, 3); a folder or list without subsets is split by that number. Where a dataset has no validation list, the subset `val` is the test list, and
    `describe()` says so; with `val="split"` it is a part of the training list, whole groups of each class, and `train`
    the rest. A folder's own subsets are `train`, `test` and `val`, `valid`, `validate`, `validation` or `dev`, in any case.
    `classes` keeps only these, numbered in this order. `limit` keeps so many readable videos per class, chosen by
    `seed`; a smaller limit's videos are among a larger one's. `flip` replaces the dataset's rule. `sampling`, `k` and
    `leftover` say how videos are cut into clips (see `VideoDataset`).
    `count` says where the number of frames comes from: "exact", from decoding each file once; "headers", from the files'
    headers, which is quick and an estimate, corrected whenever a video is read; None, as the kind of dataset says. Where
    the number of clips depends on lengths (`windows`, `cached`, `flow`), they are always exact.
    `cached` decodes all frames once into a file that later calls and all workers read (see `VideoDataset.cached`).
    With `flow`, "dis" or "tvl1", items are pairs `(rgb, flow)`; the flow is computed once and kept, and `flow_spec` says
    which fields an item has (see `VideoDataset.with_flow`).
    `on_error` says what to do with videos that cannot be read: leave them out with a warning and a line in `.report`, or
    raise `VideoError`. The same holds in training and evaluation for files that go bad later. Files that are not videos
    are listed in `.report` too, as passed over. Missing videos of Kinetics and ActivityNet are usual, and never raise.

    Raises `ValueError` for an unknown name (with the nearest valid one), `layouts.LayoutError` for a folder or split
    file that is not as expected, `VideoError` if no video can be read.
    """
    kind = KINDS[choose(name, tuple(KINDS), "dataset")]
    choose(subset, get_args(Subset), "subset")
    choose(val, get_args(Validation), "way to validate")
    choose(on_error, get_args(OnError), "on_error")
    check_settings(sampling, k, seed, limit)
    flow = _flow_settings(flow, spec, flow_spec)
    choose(count or "exact", get_args(Count), "way to count frames")
    if name == "shards":
        layouts.one_split("a dataset in shards", split)
        shards = shard_set(root, subset, val=val, classes=classes, on_error=on_error)
        kind = KINDS[choose(shards.kind, tuple(KINDS), "dataset")]
        facts = Facts(shards.classes, shards.note, (), len(shards.table), False)
        found = Kept(TableRows(shards.table), TableRows(shards.report), facts)
    else:
        given = dataset_folder(name, kind, root)
        exact = (count or COUNTS[kind.counting]) == "exact" or sampling == "windows" or cached or flow is not None
        of = None if classes is None else tuple(classes)
        asked = Asked(name, kind.layout, given, subset, split, val, of, exact)
        found = _found(asked, workers=workers, progress=progress)
        facts = found.facts
        _say_lost(facts, given)
        say_unreadable(len(found.table), facts.named, found.report, on_error, gaps=facts.has_gaps)
    rule = _by_label(kind.flip(facts.classes) if flip is None else flip, facts.classes, given=flip is not None)
    warn_of_forbidden_flip(transform, rule)
    dataset = VideoDataset(
        found.table,
        [name if is_text(name) else shown(name) for name in facts.classes],
        spec,
        sampling=sampling,
        k=k,
        leftover=leftover,
        transform=transform,
        augment=kind.augment(spec),
        flip=rule,
        seed=seed,
        report=found.report,
        on_error=on_error,
        name=f"{name} {subset}",
        note=facts.note,
    )
    dataset = dataset if limit is None else dataset.subset(limited(dataset.table, limit, seed))
    dataset = dataset.cached(workers=workers, progress=progress) if cached else dataset
    return dataset if flow is None else dataset.with_flow(flow, spec=flow_spec, workers=workers, progress=progress)


def _flow_settings(
    flow: FlowSettings | Method | None, spec: ClipSpec, flow_spec: ClipSpec | None
) -> FlowSettings | None:
    """The flow that is asked for, checked. Raises `ValueError` where it does not fit the clips."""
    if flow is None:
        if flow_spec is not None:
            raise ValueError('flow_spec says which flow an item has, so it needs flow="dis" or flow="tvl1"')
        return None
    two_streams.check_flow(flow_spec or two_streams.flow_of(spec), spec)
    return flow if isinstance(flow, FlowSettings) else FlowSettings(flow)


def _found(asked: Asked, *, workers: int | None, progress: bool) -> Kept:
    """The table and the report that were kept; or made now, and kept."""
    kept = find(asked)
    if kept is not None:
        return kept
    began = time.time_ns()
    listing = _only(asked.layout(asked.folder, asked.subset, asked.split, asked.val), asked.classes)
    if not listing.entries:
        what = f"the subset {asked.subset!r}, split {asked.split}"
        raise layouts.LayoutError(f"{asked.folder} has no video for {what}. {listing.note}")
    stamps = stamps_of(asked, listing, began)
    table, report, lasts = looked_into(listing, asked.root, exact=asked.exact, workers=workers, progress=progress)
    made = Kept(TableRows(table), TableRows(report), Facts.of(listing))
    return (keep(asked, listing, stamps, table, report) if lasts else None) or made


def _say_lost(facts: Facts, folder: Path) -> None:
    """Warn of folders without videos, which are left out as classes."""
    if facts.lost:
        names = ", ".join(map(shown, facts.lost))
        warnings.warn(
            f"{folder}: there is no video in {names}, so these are left out as classes; .report says why", stacklevel=3
        )


def _only(listing: Listing, classes: Sequence[str] | None) -> Listing:
    """The listing with these classes alone, numbered in this order."""
    if classes is None:
        return listing
    chosen = choose_some(classes, listing.classes, "class")
    number = {listing.classes.index(name): label for label, name in enumerate(chosen)}
    entries = [replace(entry, label=number[entry.label]) for entry in listing.entries if entry.label in number]
    missing = [one._replace(label=number[one.label]) for one in listing.missing if one.label in number]
    return replace(listing, classes=chosen, entries=entries, missing=missing)


def _by_label(rule: Flip | Mapping[str, str] | Mapping[int, int], classes: tuple[str, ...], *, given: bool) -> Flip:
    """The rule with labels for class names. A class whose mirror image is not among the classes is never flipped."""
    if not isinstance(rule, Mapping):
        choose(rule, ("safe", "forbidden"), "flip rule")
        return "safe" if rule == "safe" else "forbidden"
    if given:
        for name in (*rule.keys(), *rule.values()):
            if isinstance(name, str):
                choose(name, classes, "class")
            elif name not in range(len(classes)):
                raise ValueError(
                    f"flip: label {name} is outside the list of {counted(len(classes), 'class', 'classes')}"
                )
    number: dict[Any, int] = {name: label for label, name in enumerate(classes)}
    number |= {label: label for label in range(len(classes))}
    return {number[a]: number[b] for a, b in rule.items() if a in number and b in number}
