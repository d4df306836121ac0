"""The plan of the course, `notebooks/course.toml`: the notebooks in order, each with its time."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit.course.numbers import Shown, shown_numbers
from labkit.names import meant_or_all
from labkit.runs.project import course_folder

EXTRAS = ("flow",)  # that a notebook may need; `labkit course` knows how to look for each


@dataclass(frozen=True)
class Lesson:
    """One notebook of the course."""

    path: Path
    title: str
    question: str
    minutes: dict[str, float]  # that a reader waits, by device: cpu and gpu
    budget_s: float  # seconds that a build may take for it
    card: str = ""  # the paper's folder in summaries/
    needs: str = ""  # an extra of the installation without which the notebook cannot run
    numbers: tuple[Shown, ...] = ()  # the recorded numbers on the index
    short: Mapping[str, Any] = field(default_factory=dict)  # parameters for a run of seconds: grading and tests
    quick: Mapping[str, Any] = field(default_factory=dict)  # smaller parameters, for less work
    quick_s: float = 0.0  # processor seconds that a quick run took, as measured

    @property
    def name(self) -> str:
        """The file's name without its ending; also the page's."""
        return self.path.stem

    @property
    def number(self) -> str:
        """The digits at the start of the name."""
        return self.name.split("_")[0]


@dataclass(frozen=True)
class Plan:
    """The whole course: title, a paragraph about it, lessons in order, and the seconds that a build may take."""

    title: str
    about: str
    lessons: tuple[Lesson, ...]
    budget_s: float


def read_plan(path: str | Path | None = None) -> Plan:
    """Read a plan (default: the course's `notebooks/course.toml`). Its notebooks are in the same folder.

    Raises `ValueError` for an unreadable plan, and for a missing or unknown entry.
    """
    path = Path(path) if path else course_folder() / "notebooks" / "course.toml"
    if not path.is_file():
        raise ValueError(f"there is no course plan at {path}")
    try:
        about: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        lessons = tuple(_lesson(entry, path.parent) for entry in about["notebook"])
        return Plan(about["title"], about["about"], lessons, about["budget_s"])
    except (KeyError, TypeError, ValueError) as error:  # TOML that cannot be read is a ValueError too
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path} is not a course plan: {what}") from None


def choose(plan: Plan, only: list[str]) -> tuple[Lesson, ...]:
    """The lessons with names that start with one of `only` (all, if empty). Raises `ValueError` for a start without a lesson."""
    for start in only:
        if not any(lesson.name.startswith(start) for lesson in plan.lessons):
            names = [lesson.name for lesson in plan.lessons]
            # One word of a long name is less like it than a misspelt name is.
            raise ValueError(f"no notebook of the course starts with {start!r}{meant_or_all(start, names, cutoff=0.4)}")
    return tuple(lesson for lesson in plan.lessons if not only or lesson.name.startswith(tuple(only)))


def quick_parameters(notebook: Path, plan: Plan | None = None) -> Mapping[str, Any]:
    """The quick parameters of a notebook of the course. Empty for a notebook that is short anyway.

    Raises `ValueError` for a notebook that is not in the plan (default: the course's).
    """
    lessons = {lesson.path.name: lesson for lesson in (plan or read_plan()).lessons}
    if notebook.name not in lessons:
        raise ValueError(
            f"{notebook.name} is not in the course's plan, so it has no quick parameters: set its own with -p"
        )
    return lessons[notebook.name].quick


def _lesson(entry: dict[str, Any], folder: Path) -> Lesson:
    entry = dict(entry)
    numbers = shown_numbers(entry.pop("numbers", {}))
    if (needs := entry.get("needs", "")) not in ("", *EXTRAS):
        raise ValueError(f"{entry['file']} needs an unknown extra {needs!r}{meant_or_all(needs, EXTRAS)}")
    return Lesson(path=folder / entry.pop("file"), numbers=numbers, **entry)
