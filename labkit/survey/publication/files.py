"""Reads `summaries/`: one folder per paper, `paper.yaml` and `results.csv`. Every error names the file and the line."""

import csv
import errno
import functools
import io
import os
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labkit.names import did_you_mean, nearest
from labkit.runs.project import LIBRARY, has_library, upwards
from labkit.survey.publication.problems import SummaryError
from labkit.survey.publication.schema import RESULT_COLUMNS, Paper, Result
from labkit.survey.publication.schema_errors import explain, reason_of, suggestion_for
from labkit.survey.publication.text_files import read_text
from labkit.survey.publication.yaml_files import parse_yaml


def summaries_folder(start: str | Path | None = None) -> Path:
    """Where the papers are: `$LABKIT_SUMMARIES`, else `summaries/` of the nearest folder from `start` (default: here)
    upwards that has a library, else those of the installed package, which are only read.

    Raises `FileNotFoundError`, naming the places, where there are none.
    """
    return _library(start)[0]


def is_read_only(start: str | Path | None = None) -> bool:
    """Whether `summaries_folder` is the installed package's, because there is none in or above this folder."""
    return _library(start)[1]


def own_place(path: Path) -> Path:
    """`path`, where something of the library is about to be written.

    Raises `PermissionError` where the library is the installed package's.
    """
    inside = [folder for folder in _packaged() if path.absolute().is_relative_to(folder)]
    if inside and is_read_only():
        why = "this is the library of the installed labkit, which is only read: go to a checkout or a folder with summaries/ "
        why += "(an empty one begins a library), or set LABKIT_SUMMARIES"
        raise PermissionError(errno.EACCES, why, str(inside[0]))
    return path


def _library(start: str | Path | None) -> tuple[Path, bool]:
    """The folder of the library, and whether it is only read."""
    chosen = os.environ.get("LABKIT_SUMMARIES")
    if chosen:
        folder = Path(chosen).expanduser()
        if not folder.is_dir():
            raise FileNotFoundError(
                f"LABKIT_SUMMARIES is {chosen}, which is not a folder; it should hold <paper-id>/paper.yaml"
            )
        return folder, False
    for place in upwards(start):
        if has_library(place):
            return place / LIBRARY, False
    for folder in _packaged():
        if folder.is_dir():
            return folder, True
    listed = " or ".join(map(str, _packaged()))
    raise FileNotFoundError(
        f"no {LIBRARY}/ here or above, nor at {listed}; set LABKIT_SUMMARIES to the folder that holds them"
    )


def _packaged() -> tuple[Path, Path]:
    """Where the installed package's papers are: inside it, or beside it where it is a checkout."""
    package = Path(str(resources.files("labkit"))).absolute()
    return package / LIBRARY, package.parent / LIBRARY


def paper_ids() -> tuple[str, ...]:
    """The ids of all papers: the folders with a `paper.yaml`, sorted. Hidden folders are left out."""
    return tuple(sorted(path.parent.name for path in summaries_folder().glob("[!.]*/paper.yaml")))


def read_paper(paper_id: str) -> Paper:
    """The paper of this id. Raises `LookupError` with the nearest id if there is none, `SummaryError` if its file is bad."""
    path = paper_folder(paper_id) / "paper.yaml"
    return _read_paper(path, _stamp(path))


def read_results(paper_id: str) -> tuple[Result, ...]:
    """The published numbers of a paper, in the file's order; none where it has no `results.csv`.

    Raises as `read_paper` does.
    """
    path = paper_folder(paper_id) / "results.csv"
    if not path.is_file():
        return ()
    paper = read_paper(paper_id)
    return _read_results(path, _stamp(path), paper.id, paper.short)


def paper_folder(paper_id: str) -> Path:
    """The folder of this paper. Raises `LookupError` with the nearest id if there is none."""
    # Checked before it becomes part of a path, so that an id cannot lead out of the folder.
    if not isinstance(paper_id, str) or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", paper_id):
        raise LookupError(
            f"{paper_id!r} is not a paper id: ids are small ASCII letters, digits and hyphens{did_you_mean(paper_id, paper_ids())}"
        )
    folder = summaries_folder() / paper_id
    if not (folder / "paper.yaml").is_file():
        known = paper_ids()
        listed = f"It has: {', '.join(known)}" if len(known) <= 10 else "`labkit group list --all` shows them all"
        raise LookupError(f"no paper {paper_id!r} in {folder.parent}{did_you_mean(paper_id, known)} {listed}")
    return folder


def _stamp(path: Path) -> tuple[int, int]:
    """Changes when the file does, so that what is read once is not read again."""
    about = path.stat()
    return about.st_mtime_ns, about.st_size


@functools.lru_cache(maxsize=1024)
def _read_paper(path: Path, stamp: tuple[int, int]) -> Paper:
    return parse_paper(path, read_text(path))


def parse_paper(path: Path, text: str) -> Paper:
    """The paper in the text of a `paper.yaml`; the path says which folder it is in. Raises `SummaryError`."""
    data, lines = parse_yaml(path, text)
    if not isinstance(data, dict):
        raise SummaryError(path, "expected keys and values, such as `id: hara-2018-retrace`", 1)
    if data.get("id") != path.parent.name:
        raise SummaryError(
            path, f"id is {data.get('id')!r}, but the folder is {path.parent.name!r}", lines.get(("id",))
        )
    try:
        return Paper.model_validate(data)
    except ValidationError as error:
        raise explain(path, error, lines) from None


@functools.lru_cache(maxsize=1024)
def _read_results(path: Path, stamp: tuple[int, int], paper_id: str, cited_as: str) -> tuple[Result, ...]:
    results, errors = parse_results(path, read_text(path), paper=paper_id, cited_as=cited_as)
    if errors:
        raise errors[0]
    return results


def parse_results(path: Path, text: str, **about: str) -> tuple[tuple[Result, ...], tuple[SummaryError, ...]]:
    """The rows of a `results.csv` that can be used, and what is wrong with the others. `about` goes into every row."""
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    results: list[Result] = []
    errors: list[SummaryError] = []
    try:
        columns = rows.fieldnames or []
        if refused := _refused_columns(columns):
            return (), (SummaryError(path, refused, 1),)
        for row in rows:
            if None in row or None in row.values():
                errors.append(_miscounted(path, row, len(columns), rows.line_num))
                continue
            try:
                results.append(Result.model_validate({**row, **about, "line": rows.line_num}))
            except ValidationError as error:
                found = error.errors()[0]
                errors.append(SummaryError(path, reason_of(error), rows.line_num, suggestion=suggestion_for(found)))
    except csv.Error as error:
        # After a quote that does not end there are no more rows.
        errors.append(SummaryError(path, str(error), rows.line_num))
    return tuple(results), tuple(errors)


def _miscounted(path: Path, row: Mapping[Any, Any], columns: int, line: int) -> SummaryError:
    """A row with more or fewer fields than the header, mostly for a comma in a number or in text without quotes."""
    more = len(row.get(None) or ())
    hint = "is there a comma in a number (98,0 for 98.0), or in text without quotes?" if more else ""
    fields = columns + more - sum(value is None for value in row.values())
    return SummaryError(path, f"{fields} fields, but the header has {columns}", line, suggestion=hint)


def _refused_columns(columns: Sequence[str]) -> str:
    """What is wrong with the header of a `results.csv`; empty where nothing is."""
    free = [name for name in RESULT_COLUMNS if name not in columns]
    for column in columns:
        if column not in RESULT_COLUMNS and nearest(column, free):
            return f"unknown column {column!r}{did_you_mean(column, free)}"
    twice = [column for column in RESULT_COLUMNS if list(columns).count(column) > 1]
    if twice:
        return f"column {twice[0]!r} twice"
    missing = {"metric", "value", "source"} - set(columns)
    listed = f"no column {', '.join(sorted(missing))}; the columns are {', '.join(RESULT_COLUMNS)}"
    return listed if missing else ""
