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

import yaml
from pydantic import ValidationError

from labkit.names import did_you_mean, nearest
from labkit.runs.project import LIBRARY, has_library, upwards
from labkit.survey.publication.encodings import ENCODINGS, spoken_encodings
from labkit.survey.publication.schema import RESULT_COLUMNS, Paper, Result

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where PyYAML was built with it: ten times faster
LARGEST = 4 * 1024 * 1024  # bytes of one file; a season's largest table is far below
MOST_NODES = 50_000  # of one YAML file, aliases counted each time they are used
MOST_DEEP = 50  # its levels
_BEYOND = "nested or repeated beyond what a summary can be"
_OPENING = re.compile(r"[\[{]|[-?:]\s")  # what begins a level of YAML

Place = tuple[str | int, ...]  # the way to a value: ("errata", 0, "printed")


class SummaryError(ValueError):
    """A file in `summaries/` that cannot be used: which file, which line, why."""

    def __init__(
        self,
        path: Path,
        reason: str,
        line: int | None = None,
        parts: Sequence["SummaryError"] = (),
        suggestion: str = "",
    ) -> None:
        super().__init__(f"{path}{f', line {line}' if line else ''}: {reason}")
        self.path, self.reason, self.line = path, reason, line
        self.suggestion = suggestion  # what to do about it, where one can say
        self.parts = tuple(parts) or (self,)  # everything that is wrong with the file, each with its own line


def summaries_folder(start: str | Path | None = None) -> Path:
    """Where the papers are: `$LABKIT_SUMMARIES`, else `summaries/` of the nearest folder from `start` (default: here)
    upwards that has a library, else those of the installed package, which are only read.

    Raises `FileNotFoundError`, naming the places, where there are none.
    """
    return _library(start)[0]


def is_read_only(start: str | Path | None = None) -> bool:
    """Whether `summaries_folder` is the installed package's, for want of one where you stand."""
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
                f"LABKIT_SUMMARIES is {chosen}, which is no folder; it should hold <paper-id>/paper.yaml"
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
    """The ids of all papers: the folders that hold a `paper.yaml`, sorted. What is hidden is no paper."""
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
    # Checked before it becomes part of a path, so that no id leads out of the folder.
    if not isinstance(paper_id, str) or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", paper_id):
        raise LookupError(
            f"{paper_id!r} is no paper id: ids are small ASCII letters, digits and hyphens{did_you_mean(paper_id, paper_ids())}"
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


def read_text(path: Path, encoding: str = "utf-8-sig") -> str:
    """The text of a file, without a byte-order mark. Raises `SummaryError` where it is empty, huge or in another encoding."""
    return decoded(path, path.read_bytes(), encoding)


def decoded(path: Path, data: bytes, encoding: str = "utf-8-sig") -> str:
    """The text of a file's bytes, as `read_text` gives it."""
    text = decode(path, data, encoding)
    if not text.strip():
        raise SummaryError(path, "the file is empty")
    return text


def decode(path: Path, data: bytes, encoding: str = "utf-8") -> str:
    """The text of these bytes, byte-order mark and all.

    Raises `SummaryError` where they are too many or in another encoding, with the line and what it may be; `ValueError`
    for an encoding that is not known.
    """
    if len(data) > LARGEST:
        raise SummaryError(path, f"{len(data):,} bytes is more than a file can be here ({LARGEST:,})")
    try:
        return data.decode(encoding)
    except LookupError:
        raise ValueError(f"no encoding {encoding!r}; those often met are utf-8, {', '.join(ENCODINGS)}") from None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        name = "UTF-8" if encoding in ("utf-8", "utf-8-sig") else encoding
        likely = spoken_encodings(data, but=encoding)
        maybe = f"; it may be {likely}" if likely else ""
        reason = f"not {name} (byte {data[error.start]:#04x}){maybe}; save it as UTF-8 (an import takes --encoding)"
        raise SummaryError(path, reason, line) from None


@functools.lru_cache(maxsize=1024)
def _read_paper(path: Path, stamp: tuple[int, int]) -> Paper:
    return parse_paper(path, read_text(path))


def parse_paper(path: Path, text: str) -> Paper:
    """The paper that a `paper.yaml` tells of; the path says which folder it is in. Raises `SummaryError`."""
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
                errors.append(SummaryError(path, _reason(error), rows.line_num, suggestion=_suggestion(found)))
    except csv.Error as error:
        # What follows a quote that is never closed is no row any more.
        errors.append(SummaryError(path, str(error), rows.line_num))
    return tuple(results), tuple(errors)


def _miscounted(path: Path, row: Mapping[Any, Any], columns: int, line: int) -> SummaryError:
    """A row with more or fewer fields than the header, mostly for a comma in a number or in text without quotes."""
    more = len(row.get(None) or ())
    hint = "is there a comma in a number (98,0 for 98.0), or in text without quotes?" if more else ""
    fields = columns + more - sum(value is None for value in row.values())
    return SummaryError(path, f"{fields} fields, not {columns} as the header has", line, suggestion=hint)


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


def parse_yaml(path: Path, text: str) -> tuple[Any, dict[Place, int]]:
    """The data of a YAML text, and the line of every value in it. Plain data only: no tags, no duplicate keys, bounded.

    Raises `SummaryError`.
    """
    try:
        _not_too_deep(path, text)
        loader = Loader(text)
        try:
            node = loader.get_single_node()
            lines = _lines(path, node)
            return (loader.construct_document(node) if node is not None else None), lines
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        tab = line is not None and any("\t" in one for one in text.splitlines()[line - 1 : line])
        hint = "YAML wants spaces where this line has a tab" if tab else ""
        raise SummaryError(path, f"{error.problem or error}", line, suggestion=hint) from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, SummaryError):
            raise
        raise SummaryError(path, str(error)) from None


def _not_too_deep(path: Path, text: str) -> None:
    """Refuse nesting that libyaml would follow until the stack ends, and the interpreter with it."""
    if len(_OPENING.findall(text)) < MOST_NODES // 10:  # a small file cannot be that deep
        return
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEEP:
            raise SummaryError(path, _BEYOND, event.start_mark.line + 1 if event.start_mark else None)


def _lines(path: Path, root: yaml.Node | None) -> dict[Place, int]:
    """The line of each value, by its place. Refuses duplicate keys, and aliases that would unfold without end."""
    lines: dict[Place, int] = {}
    waiting: list[tuple[Place, yaml.Node]] = [((), root)] if root is not None else []
    while waiting:
        place, node = waiting.pop()
        lines[place] = node.start_mark.line + 1
        if len(lines) + len(waiting) > MOST_NODES or len(place) > MOST_DEEP:
            raise SummaryError(path, _BEYOND, lines[place])
        if isinstance(node, yaml.SequenceNode):
            waiting += [((*place, i), child) for i, child in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, child in node.value:
                if str(key.value) in seen:
                    raise SummaryError(path, f"key {key.value!r} twice", key.start_mark.line + 1)
                seen.add(str(key.value))
                waiting.append(((*place, str(key.value)), child))
    return lines


def explain(path: Path, error: ValidationError, lines: dict[Place, int]) -> SummaryError:
    """What a schema refused, as an error that names the file and the line of the first value, with all others as parts."""
    parts = []
    for one in error.errors():
        place = (*one["loc"], *([one["ctx"]["key"]] if one["type"] == "unknown_key" else []))
        parts.append(SummaryError(path, _complaint(one), _line_of(place, lines), suggestion=_suggestion(one)))
    return SummaryError(path, _reason(error), parts[0].line, parts, parts[0].suggestion)


def _line_of(place: Place, lines: dict[Place, int]) -> int | None:
    """The line of a value, or of the nearest thing around it that the file has."""
    for length in range(len(place), -1, -1):
        if place[:length] in lines:
            return lines[place[:length]]
    return None


def _reason(error: ValidationError) -> str:
    """Pydantic's first complaint, and how many more there are."""
    complaints = error.errors()
    return _complaint(complaints[0]) + (f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else "")


def _complaint(one: Any) -> str:
    """One complaint of pydantic in one line, without its traceback-like frame."""
    place = ".".join(str(part) for part in one["loc"])
    message = "is empty" if one["type"] == "string_too_short" else one["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else str(message)


def _suggestion(one: Any) -> str:
    """What to write instead of what pydantic refused, where one can say."""
    given, name = one.get("input"), str(one["loc"][-1]) if one["loc"] else ""
    if one["type"] == "missing":
        return f"add `{name}: ...`"
    if one["type"] == "literal_error":
        near = nearest(str(given), re.findall(r"'([^']+)'", one["ctx"]["expected"]))
        return f"write {near}" if near else ""
    if one["type"] == "string_pattern_mismatch" and name in ("id", "paper", "reader"):
        return "a-z, 0-9 and single hyphens between them, as hara-2018-retrace or reader-a; the name itself goes into the text"
    if name == "year" and (years := re.findall(r"(?:19|20)\d\d", str(given))):
        return f"write {years[0]}"
    number = re.fullmatch(r"(\d{1,3}([.,]\d+)?)\s*%?", str(given).strip()) if name == "value" else None
    return f"write {number[1].replace(',', '.')}" if number else ""
