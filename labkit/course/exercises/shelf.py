"""Finds the file of an exercise by the id of its cell."""

import importlib
from pathlib import Path

from labkit.course.exercises.format import Exercise
from labkit.names import meant_or_all

HERE = Path(__file__).parent
PACKAGE = __name__.rpartition(".")[0]


def cells() -> dict[str, str]:
    """Each exercise's name → its module. The name is the cell's id without `-solution`."""
    files = sorted(path for path in HERE.glob("notebook_*/*.py") if path.stem != "__init__")
    return {path.stem.replace("_", "-"): f"{PACKAGE}.{path.parent.name}.{path.stem}" for path in files}


def module_of(cell: str) -> str:
    """The module of the exercise in this cell. Raises `ValueError` for an unknown cell, with the nearest."""
    name, known = str(cell).removesuffix("-solution"), cells()
    if name not in known:
        raise ValueError(f"there is no exercise {cell!r}{meant_or_all(name, known)}")
    return known[name]


def find(cell: str) -> Exercise:
    """The exercise in this cell. Raises `ValueError` for an unknown cell, with the nearest."""
    found: Exercise = importlib.import_module(module_of(cell)).EXERCISE
    return found
