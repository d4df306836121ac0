"""`cite` looks up one published number, `results` a table of them, so that no notebook types a number from a paper."""

import re
from collections.abc import Iterable
from typing import Any

import pandas as pd

from labkit.counting import counted
from labkit.names import did_you_mean, meant_or_all
from labkit.survey.publication.files import paper_ids, read_paper, read_results
from labkit.survey.publication.schema import RESULT_COLUMNS, Paper, Result

SHOWN = 8  # candidates listed in an error


class CiteError(LookupError):
    """No published number fits, or more than one does."""


def paper(paper_id: str) -> Paper:
    """The paper of this id; in a notebook it shows as a card. Raises `LookupError`, naming the nearest id."""
    return read_paper(paper_id)


def papers() -> pd.DataFrame:
    """One row per paper: id, title, authors, year, venue, how many published numbers and errata it has."""
    rows = [
        {
            "id": item.id,
            "title": item.title,
            "authors": item.byline,
            "year": item.year,
            "venue": item.venue,
            "results": len(read_results(item.id)),
            "errata": len(item.errata),
        }
        for item in map(read_paper, paper_ids())
    ]
    table = pd.DataFrame(rows, columns=["id", "title", "authors", "year", "venue", "results", "errata"])
    return table.astype({"year": "Int64"})


def cite(paper_id: str, **filters: Any) -> Result:
    """The one published number that fits, e.g. `cite("hara-2018-retrace", model="ResNet-18", dataset="UCF-101", ...)`.

    Filters are columns of `results.csv`: model, variant, dataset, dataset_copy, split, level, metric, frames, input,
    pretraining, protocol, source, status. Writing does not matter ("resnet18" is "ResNet-18"); "" means not stated;
    a list means any of these.

    Raises `CiteError` where none fits (naming the nearest value) or several do (listing them and what tells them
    apart); `LookupError` for an unknown paper; `TypeError` for an unknown column.
    """
    found = _matching(paper_id, filters)
    if len(found) == 1:
        return found[0]
    shown = "\n".join(f"  {_describe(result)}" for result in found[:SHOWN])
    more = f"\n  and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    apart = [name for name in RESULT_COLUMNS if name != "value" and len({getattr(r, name) for r in found}) > 1]
    raise CiteError(
        f"{len(found)} published numbers of {paper_id} fit {_written(filters)}; add {' or '.join(apart)}:\n{shown}{more}"
    )


def results(paper_id: str, **filters: Any) -> pd.DataFrame:
    """All published numbers that fit the filters (as for `cite`), one row each, in the order of the tables.

    Columns are those of `results.csv`; `value` is float64, `frames` Int64 with gaps, the rest text, "" where not
    stated. Raises as `cite` does, except that several may fit.
    """
    found = _matching(paper_id, filters)
    table = pd.DataFrame([[getattr(r, name) for name in RESULT_COLUMNS] for r in found], columns=list(RESULT_COLUMNS))
    return table.astype({"value": "float64", "frames": "Int64"})


def _matching(paper_id: str, filters: dict[str, Any]) -> list[Result]:
    """The results that fit every filter. Raises `CiteError` where none does, saying which filter emptied it."""
    for name in filters:
        if name not in RESULT_COLUMNS:
            raise TypeError(f"no column {name!r} in results{meant_or_all(name, RESULT_COLUMNS)}")
    found = list(read_results(paper_id))
    if not found:
        raise CiteError(f"{paper_id} has no published numbers: there is no results.csv, or no row in it")
    for name, wanted in filters.items():
        kept = [result for result in found if fits(getattr(result, name), wanted)]
        if not kept:
            raise CiteError(_nothing(paper_id, name, wanted, filters, found))
        found = kept
    return found


def fits(value: Any, wanted: Any) -> bool:
    """Whether a value is what a filter asks for, or one of those; how names are written does not matter."""
    if isinstance(wanted, Iterable) and not isinstance(wanted, str):
        return any(fits(value, one) for one in wanted)
    if isinstance(value, float):
        return isinstance(wanted, int | float) and value == float(wanted)
    return folded(value) == folded(wanted)


def folded(value: Any) -> str:
    """How a name is compared: small letters and digits only, so that "top1" is "top-1"; `+` stays, it joins two things."""
    return re.sub(r"[^\w+]|_", "", "" if value is None else str(value)).casefold()


def _nothing(paper_id: str, name: str, wanted: Any, filters: dict[str, Any], found: list[Result]) -> str:
    values = list(dict.fromkeys(str(getattr(r, name) if getattr(r, name) is not None else "") for r in found))
    others = {key: value for key, value in filters.items() if key != name}
    among = f" among those that fit {_written(others)}" if others else ""
    hint = did_you_mean(str(wanted), values)
    listed = ", ".join(repr(value) for value in values[:20]) + (", …" if len(values) > 20 else "")
    return f"no published number of {paper_id} has {name}={wanted!r}{among}{hint}\n  {name} can be {listed}"


def _written(filters: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in filters.items()) or "no filter at all"


def _describe(result: Result) -> str:
    names = ("model", "variant", "dataset", "metric", "input", "pretraining", "protocol")
    frames = counted(result.frames, "frame") if result.frames else ""
    about = [getattr(result, name) for name in names] + [frames]
    return f"{' · '.join(part for part in about if part)}: {result}"
