"""Rows of a CSV file as people write it: a BOM, semicolons or tabs, header words in any case and order.

Every row knows its place, "file, line n", for the message about it.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from labkit.data.layouts import LayoutError


class NoColumnError(LayoutError):
    """The error for a CSV file without a needed column: it may be a table of something else."""


class Row(NamedTuple):
    """One row: its place for messages, and the cells of the wanted columns, without spaces around; "" for an absent one."""

    where: str
    cells: tuple[str, ...]


class Rows(NamedTuple):
    """The header of a file, and its rows."""

    has: frozenset[str]  # the wanted columns that are there
    unknown: tuple[str, ...]  # columns that nobody asked for
    rows: Iterator[Row]


def read_rows(file: Path, needed: Sequence[str], optional: Sequence[str] = ()) -> Rows:
    """The rows of `file`, with the cells of `needed` and `optional` in this order. Empty rows are left out.

    Raises `NoColumnError` for a file without one of the needed columns, and `LayoutError` for a file that is not text and,
    while rows are read, for a row that has more cells than the header, or lacks a needed cell.
    """
    text = _text(file)
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(",;\t", key=lambda mark: _fit(first, mark, (*needed, *optional)))
    expected = ",".join(needed) + "".join(f"[,{name}]" for name in optional)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = next((cells for cells in reader if any(map(str.strip, cells))), [])
    except csv.Error as error:
        raise LayoutError(f"{file}, line {reader.line_num}: {error}") from None
    names = [cell.strip().lower() for cell in header]
    for name in needed:
        if name not in names:
            have = ", ".join(cell.strip() for cell in header) or "no columns"
            raise NoColumnError(
                f"{file} has no column {name!r}: its first line is {have[:200]!r}. The header expected is {expected}"
            )
    for name in (*needed, *optional):
        if names.count(name) > 1:
            raise LayoutError(f"{file} has the column {name!r} twice")
    wanted = [names.index(name) if name in names else -1 for name in (*needed, *optional)]
    unknown = tuple(cell.strip() for cell, name in zip(header, names, strict=True) if name not in (*needed, *optional))
    return Rows(
        frozenset(names) & {*needed, *optional},
        tuple(filter(None, unknown)),
        _rows(file, reader, wanted, needed, len(names)),
    )


def _rows(file: Path, reader: Any, wanted: list[int], needed: Sequence[str], width: int) -> Iterator[Row]:
    try:
        for cells in reader:
            if not any(map(str.strip, cells)):
                continue
            where = f"{file}, line {reader.line_num}"
            if len(cells) > width and any(cells[width:]):
                raise LayoutError(
                    f"{where}: {len(cells)} cells, but the header has {width}; a cell with the delimiter in it needs quotes"
                )
            found = tuple(cells[i].strip() if 0 <= i < len(cells) else "" for i in wanted)
            for name, cell in zip(needed, found, strict=False):
                if not cell:
                    raise LayoutError(f"{where}: no {name}")
            yield Row(where, found)
    except csv.Error as error:
        raise LayoutError(f"{file}, line {reader.line_num}: {error}") from None


def _fit(line: str, delimiter: str, names: Sequence[str]) -> int:
    """The number of known column names in a header, cut at this delimiter."""
    return len({cell.strip().strip('"').lower() for cell in line.split(delimiter)} & set(names))


def _text(file: Path) -> str:
    raw = file.read_bytes()
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise LayoutError(f"{file}, line {line}: not UTF-8 text; save it as CSV in UTF-8") from None


def seconds(where: str, start: str, end: str) -> tuple[float, float] | None:
    """The part from `start` to `end` in seconds: None if both are empty; an empty one is the file's beginning or end.

    Raises `LayoutError` for other words than numbers, a negative time, and an end that is not after the start.
    """
    if not start and not end:
        return None
    begin, stop = _number(where, "start", start or "0"), _number(where, "end", end or "inf")
    if stop <= begin:
        raise LayoutError(f"{where}: the part ends at {stop:g} s, not after its start at {begin:g} s")
    return begin, stop


def _number(where: str, what: str, text: str) -> float:
    try:
        value = float(text.replace(",", "."))  # spreadsheets write a decimal comma where the delimiter is a semicolon
    except ValueError:
        raise LayoutError(f"{where}: {what} is a number of seconds such as 12.5, not {text!r}") from None
    if not value >= 0:
        raise LayoutError(f"{where}: {what} is {text} s; a time is at least 0")
    return value
