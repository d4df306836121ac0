"""Published numbers of many papers side by side, if they can be compared.

```
rows = numbers(metric="top-1", dataset="UCF-101", split="mean of 3 splits")   # of the whole library
pivot(rows, allow=["level"])                  # a model × dataset table; clip and video level are mixed on purpose
by_depth(rows, allow=["level"])               # layers against accuracy
best_by_year(rows, shelf.papers, allow=["level"])
```

Two metrics, clips and videos, two splits, or two copies of a dataset give other numbers for that reason alone. A table
that would mix them raises `Mixed`, which names what differs, unless `allow` says that it may.
"""

import html
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from labkit.counting import counted
from labkit.names import meant_or_all
from labkit.survey.library.shelf import Shelf, open_shelf
from labkit.survey.publication.cite import fits, folded
from labkit.survey.publication.schema import RESULT_COLUMNS, Paper, Result

# Within a dataset these are the same, or the numbers measure different things.
MUST_AGREE = ("metric", "unit", "level", "split", "dataset_copy")
TELLS_APART = ("variant", "input", "frames", "pretraining", "protocol")  # what makes two rows of one model
_DEPTH = re.compile(r"(?<![\d.])(\d{1,4})(?![\d.])")


class Mixed(ValueError):
    """Numbers that cannot be compared: `differs` maps a dataset to the columns that differ in it, with their values."""

    def __init__(self, differs: Mapping[str, Mapping[str, tuple[str, ...]]]) -> None:
        self.differs = differs
        lines = [
            f"  {dataset or 'no dataset'}: {name} is {', '.join(values)}"
            for dataset, columns in differs.items()
            for name, values in columns.items()
        ]
        names = list(dict.fromkeys(name for columns in differs.values() for name in columns))
        ways = f"choose one ({names[0]}=...), or mix them on purpose: allow={names!r}"
        super().__init__("these numbers cannot be compared:\n" + "\n".join(lines) + f"\n{ways}")


@dataclass(frozen=True)
class Pivot:
    """A model × dataset table.

    `table` has the numbers, `words` their printed form, `sources` their place, `conflicts` those printed in two ways.
    """

    table: pd.DataFrame
    words: pd.DataFrame
    sources: pd.DataFrame
    conflicts: tuple[tuple[Result, ...], ...]
    caption: str

    def _repr_html_(self) -> str:
        e = html.escape
        head = "".join(f'<th scope="col" data-kind="n">{e(str(name))}</th>' for name in self.table.columns)
        rows = []
        for place, label in enumerate(self.table.index):
            said = zip(self.words.iloc[place], self.sources.iloc[place], strict=True)
            cells = "".join(
                f'<td data-kind="n" title="{e(source)}"{" class=conflict" if " / " in words else ""}>{e(words)}</td>'
                for words, source in said
            )
            rows.append(f'<tr><th scope="row">{e(str(label))}</th>{cells}</tr>')
        return (
            f'<table class="labkit-pivot"><caption>{e(self.caption)}</caption>'
            f'<thead><tr><th scope="col">model</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
        )


def numbers(shelf: Shelf | None = None, **filters: Any) -> list[Result]:
    """The published numbers of the whole library that fit the filters (columns of `results.csv`, `paper`), in order.

    A filter may be a list: any of these. Raises `TypeError` for an unknown column.
    """
    known = (*RESULT_COLUMNS, "paper")
    for name in filters:
        if name not in known:
            raise TypeError(f"no column {name!r} in results{meant_or_all(name, known)}")
    shelf = shelf if shelf is not None else open_shelf()
    rows = (row for rows in shelf.results.values() for row in rows)
    return [row for row in rows if all(fits(getattr(row, name), wanted) for name, wanted in filters.items())]


def check_comparable(rows: Iterable[Result], allow: Collection[str] = ()) -> None:
    """Raise `Mixed` where rows of one dataset differ in what must agree, unless that is in `allow`."""
    for name in allow:
        if name not in MUST_AGREE:
            raise ValueError(f"nothing to allow: {name!r}{meant_or_all(name, MUST_AGREE)}")
    by_dataset: dict[str, list[Result]] = {}
    for row in rows:
        by_dataset.setdefault(row.dataset, []).append(row)
    differs: dict[str, dict[str, tuple[str, ...]]] = {}
    for dataset, some in by_dataset.items():
        for name in MUST_AGREE:
            values = {folded(getattr(row, name)): getattr(row, name) or "not stated" for row in some}
            if len(values) > 1 and name not in allow:
                differs.setdefault(dataset, {})[name] = tuple(sorted(values.values()))
    if differs:
        raise Mixed(differs)


def pivot(rows: Iterable[Result], *, allow: Collection[str] = ()) -> Pivot:
    """Models down, datasets across, one number a cell. Rows of one model are told apart by input, pretraining, ….

    A corrected number stands for the printed one. A number that two tables print differently is shown with both values
    and is in `.conflicts`. Raises `Mixed`, and `LookupError` where no row is about a model.
    """
    rows = _comparable(rows, allow)
    apart = _told_apart(rows, allow)
    cells: dict[tuple[str, str], list[Result]] = {}
    for row in rows:
        cells.setdefault((_label(row, apart), row.dataset), []).append(row)
    labels, datasets = (list(dict.fromkeys(key[place] for key in cells)) for place in (0, 1))
    values: dict[str, dict[str, float]] = {dataset: {} for dataset in datasets}
    words, sources = ({dataset: dict.fromkeys(labels, "") for dataset in datasets} for _ in range(2))
    conflicts = []
    for (label, dataset), some in cells.items():
        some = [row for row in some if row.status == "corrected"] or some
        values[dataset][label] = some[0].value
        words[dataset][label] = " / ".join({row.value: row.printed for row in some}.values())
        sources[dataset][label] = "; ".join(dict.fromkeys(row.origin for row in some))
        if len({row.value for row in some}) > 1:
            conflicts.append(tuple(some))
    index = pd.Index(labels, name="model")
    table, said, where = (pd.DataFrame(one, index=index, columns=datasets) for one in (values, words, sources))
    return Pivot(table, said, where, tuple(conflicts), in_words(rows, apart))


def by_depth(rows: Iterable[Result], *, allow: Collection[str] = ()) -> pd.DataFrame:
    """Layers against accuracy: `series`, `depth`, `value`, `model`, `dataset`, `source`.

    Models without a number in their name are left out. A series is the name without the number, with what else tells its
    rows apart. Raises `Mixed`, and `LookupError` where no model has its depth in its name.
    """
    rows = _comparable((row for row in rows if depth_of(row.model) is not None), allow)
    apart = _told_apart(rows, allow)
    made = []
    for row in rows:
        depth = depth_of(row.model)
        series = _label(row, apart).replace(f"-{depth}", "", 1)
        made.append((series, depth, row.value, row.model, row.dataset, row.origin))
    table = pd.DataFrame(made, columns=["series", "depth", "value", "model", "dataset", "source"])
    order = ["dataset", "series", "depth"]
    return table.drop_duplicates(order).sort_values(order, ignore_index=True)


def depth_of(model: str) -> int | None:
    """The number of layers in a network's name: 18 in `ResNet-18`; None if the name has no number, or two."""
    found = [int(digits) for digits in _DEPTH.findall(re.sub(r"\([^)]*\)", "", model)) if int(digits) > 7]
    return found[0] if len(found) == 1 else None


def best_by_year(rows: Iterable[Result], papers: Mapping[str, Paper], *, allow: Collection[str] = ()) -> pd.DataFrame:
    """The best number of every dataset and year: `dataset`, `year`, `value`, `model`, `paper`, `record`, `source`.

    The year is that of the paper whose table it is; `record` says whether nothing before was better. Raises `Mixed`, and
    `LookupError` where no row belongs to one of the papers with a year.
    """
    years = {key: paper.year for key, paper in papers.items() if paper.year}
    best: dict[tuple[str, int], Result] = {}
    for row in _comparable((row for row in rows if row.paper in years), allow):
        place = (row.dataset, years[row.paper])
        if place not in best or row.value > best[place].value:
            best[place] = row
    made, highest = [], dict[str, float]()
    for (dataset, year), row in sorted(best.items(), key=lambda one: one[0]):
        record = row.value > highest.get(dataset, float("-inf"))
        highest[dataset] = max(row.value, highest.get(dataset, float("-inf")))
        made.append((dataset, year, row.value, _label(row, TELLS_APART), row.paper, record, row.origin))
    return pd.DataFrame(made, columns=["dataset", "year", "value", "model", "paper", "record", "source"])


def comparable_groups(rows: Iterable[Result]) -> dict[tuple[str, ...], list[Result]]:
    """The rows in groups that may stand in one table: the values of `MUST_AGREE` → rows, the largest first."""
    groups: dict[tuple[str, ...], list[Result]] = {}
    for row in rows:
        groups.setdefault(tuple(getattr(row, name) for name in MUST_AGREE), []).append(row)
    return dict(sorted(groups.items(), key=lambda one: -len(one[1])))


def _comparable(rows: Iterable[Result], allow: Collection[str]) -> list[Result]:
    """Those rows that are about a model. Raises `Mixed`, or `LookupError` where there are none."""
    found = [row for row in rows if row.model]
    if not found:
        raise LookupError("no published number of a model among these rows")
    check_comparable(found, allow)
    return found


def _told_apart(rows: Iterable[Result], allow: Collection[str]) -> tuple[str, ...]:
    """The columns that a row's name needs: those in which rows differ, of the network or mixed on purpose."""
    rows = list(rows)
    names = (*TELLS_APART, *(name for name in MUST_AGREE if name in allow))
    return tuple(name for name in names if len({getattr(row, name) for row in rows}) > 1)


def _label(row: Result, apart: Iterable[str]) -> str:
    """A row's name: the model, with the columns that tell it from other rows of the model."""
    parts = [_value(row, name) for name in apart]
    inside = ", ".join(part for part in dict.fromkeys(parts) if part and part != row.model)
    return f"{row.model} ({inside})" if inside else row.model


def _value(row: Result, name: str) -> str:
    if name == "frames":
        return counted(row.frames, "frame") if row.frames else ""
    return f"{row.level} level" if name == "level" and row.level else str(getattr(row, name) or "")


def in_words(rows: Sequence[Result], apart: Collection[str] = TELLS_APART) -> str:
    """What these numbers are: metric, split and level, and what else all of them share but for the columns `apart`."""
    metric = "/".join(sorted({f"{row.metric} ({row.unit})" if row.unit else row.metric for row in rows}))
    splits = "/".join(sorted({row.split or "split not stated" for row in rows}))
    levels = "/".join(sorted({f"{row.level} level" if row.level else "level not stated" for row in rows}))
    shared = [_value(rows[0], name) for name in TELLS_APART if name not in apart]
    return ", ".join(part for part in (metric, splits, levels, *shared) if part)
