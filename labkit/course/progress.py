"""A learner's progress: one local JSON file. Nothing is sent anywhere.

    note("exercise", "05", "gap-solution", done=False)

The file is `$LABKIT_PROGRESS`, or `progress.json` in the system's folder for labkit's data. It holds, for each notebook and
each kind (`exercise`, `quiz`, `guess`), one entry a name: whether it is done, the number of tries, the minutes, the time of
the first and the last try, and for a guess the guessed number. Several kernels may write at once.
"""

import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from labkit.atomic import write_atomically
from labkit.locks import one_at_a_time

Kind = Literal["exercise", "quiz", "guess"]
Progress = dict[str, dict[str, dict[str, "Entry"]]]  # by notebook ("05"), kind and name
VERSION = 1
PAUSE = 20.0  # minutes; a longer time between two tries is a pause, and counts for neither


@dataclass(frozen=True)
class Entry:
    """What a learner did with one exercise, question or guess. Times are in UTC, as ISO 8601 text."""

    done: bool
    tries: int = 0
    minutes: float = 0.0  # from the try before (of anything) to each try of this
    first: str = ""
    last: str = ""
    value: float | None = None  # the guessed number


def progress_file() -> Path:
    """The learner's file: `$LABKIT_PROGRESS`, or the system's place. It need not exist."""
    chosen = os.environ.get("LABKIT_PROGRESS")
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("labkit", appauthor=False) / "progress.json"


def note(kind: Kind, notebook: str, name: str, done: bool, *, value: float | None = None) -> None:
    """Count one try in the learner's file. What was done once stays done.

    Without a learner at a front end (papermill, nbgrader, a script) nothing is written. Where the file cannot be written,
    a warning says so, and nothing is raised.
    """
    from labkit.front_end import has_front_end

    if not has_front_end():
        return
    path = progress_file()
    try:
        with one_at_a_time(path):
            noted = add_try(_own(path), kind, notebook, name, done, value=value, now=datetime.now(UTC))
            text = json.dumps(_as_json(noted), indent=1, ensure_ascii=False) + "\n"
            write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    except OSError as error:
        warnings.warn(f"your progress is not kept: {error}; set LABKIT_PROGRESS to a file", stacklevel=2)


def noted(kind: Kind, notebook: str, name: str) -> Entry | None:
    """The learner's entry, or None. An unreadable file counts as empty here; `note` keeps it aside."""
    with suppress(ValueError, OSError):
        return read_progress(progress_file()).get(notebook, {}).get(kind, {}).get(name)
    return None


def add_try(
    progress: Progress, kind: Kind, notebook: str, name: str, done: bool, *, value: float | None, now: datetime
) -> Progress:
    """The progress with one more try, made at the time `now`."""
    before = max((one.last for one in entries(progress)), default="")
    gap = (now - datetime.fromisoformat(before)).total_seconds() / 60 if before else 0.0
    spent = gap if 0 < gap <= PAUSE else 0.0
    said = now.isoformat(timespec="seconds")
    there = progress.get(notebook, {}).get(kind, {}).get(name) or Entry(done=False, first=said)
    entry = replace(
        there,
        done=there.done or done,
        tries=there.tries + 1,
        minutes=round(there.minutes + spent, 2),
        last=said,
        value=value,
    )
    kinds = progress.get(notebook, {})
    return {**progress, notebook: {**kinds, kind: {**kinds.get(kind, {}), name: entry}}}


def entries(progress: Progress) -> Iterator[Entry]:
    """All entries."""
    for kinds in progress.values():
        for named in kinds.values():
            yield from named.values()


def read_progress(path: Path) -> Progress:
    """The progress in a file; empty if the file is missing. Raises `ValueError` for another file, and for a newer version."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({error})") from None
    version = content.get("labkit_progress") if isinstance(content, Mapping) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ValueError(f"{path} is not a file of labkit's progress")
    if version > VERSION:
        raise ValueError(f"{path} is from a newer labkit (version {version}, this one reads {VERSION})")
    try:
        return {
            notebook: {kind: {name: _entry(one) for name, one in named.items()} for kind, named in kinds.items()}
            for notebook, kinds in content["notebooks"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path} is not whole ({type(error).__name__}: {error})") from None


def _entry(content: Mapping[str, Any]) -> Entry:
    known = {field.name: content[field.name] for field in fields(Entry) if field.name in content}
    entry = Entry(**known)
    numbers = (entry.tries, entry.minutes, 0 if entry.value is None else entry.value)
    if not all(isinstance(one, int | float) for one in numbers) or not isinstance(entry.done, bool):
        raise ValueError(f"an entry holds {content}")
    if entry.last and datetime.fromisoformat(entry.last).tzinfo is None:
        raise ValueError(f"the time {entry.last} has no zone")
    return entry


def _as_json(progress: Progress) -> dict[str, Any]:
    plain = {
        notebook: {kind: {name: asdict(one) for name, one in named.items()} for kind, named in kinds.items()}
        for notebook, kinds in progress.items()
    }
    return {"labkit_progress": VERSION, "notebooks": plain}


def _own(path: Path) -> Progress:
    """The learner's progress. A file that cannot be read is kept under another name, and a warning names it."""
    try:
        return read_progress(path)
    except ValueError as error:
        kept = next(
            one for number in range(1, 10**6) if not (one := path.with_name(f"{path.stem}-kept-{number}.json")).exists()
        )
        path.rename(kept)
        warnings.warn(f"{error}; it is kept as {kept.name}, and a new file begins", stacklevel=3)
        return {}
