"""What a schema refused, as errors with the file, the line, and what to write instead."""

import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labkit.names import nearest
from labkit.survey.publication.problems import SummaryError
from labkit.survey.publication.yaml_files import Place


def explain(path: Path, error: ValidationError, lines: dict[Place, int]) -> SummaryError:
    """What a schema refused, as an error that names the file and the line of the first value, with all others as parts."""
    parts = []
    for one in error.errors():
        place = (*one["loc"], *([one["ctx"]["key"]] if one["type"] == "unknown_key" else []))
        parts.append(SummaryError(path, _complaint(one), line_of(place, lines), suggestion=suggestion_for(one)))
    return SummaryError(path, reason_of(error), parts[0].line, parts, parts[0].suggestion)


def line_of(place: Place, lines: dict[Place, int]) -> int | None:
    """The line of a value, or of the nearest thing around it that the file has."""
    for length in range(len(place), -1, -1):
        if place[:length] in lines:
            return lines[place[:length]]
    return None


def reason_of(error: ValidationError) -> str:
    """Pydantic's first complaint, and how many more there are."""
    complaints = error.errors()
    return _complaint(complaints[0]) + (f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else "")


def _complaint(one: Any) -> str:
    """One complaint of pydantic in one line, without its traceback-like frame."""
    place = ".".join(str(part) for part in one["loc"])
    message = "is empty" if one["type"] == "string_too_short" else one["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else str(message)


def suggestion_for(one: Any) -> str:
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
