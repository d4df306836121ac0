"""labkit needs no browser and no display: it writes files and says where they are."""

import ast
from pathlib import Path

import pytest

import labkit

MODULES = sorted(Path(labkit.__file__).parent.rglob("*.py"))
OPENING = {"webbrowser", "tkinter", "turtle", "matplotlib", "PyQt5", "PyQt6", "PySide6", "pygame"}
WINDOWS = {"imshow", "namedWindow", "waitKey", "startfile"}


def opens(source: str) -> set[str]:
    """The names in a source that open a browser or a window."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names} & OPENING
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "").partition(".")[0]} & OPENING
        elif isinstance(node, ast.Attribute):
            found |= {node.attr} & WINDOWS
    return found


def test_no_module_opens_a_browser_or_a_window():
    assert len(MODULES) > 100
    assert {path.name: names for path in MODULES if (names := opens(path.read_text(encoding="utf-8")))} == {}


@pytest.mark.parametrize("source", ["import webbrowser", "from matplotlib import pyplot", "cv2.imshow('a', b)"])
def test_one_that_does_is_found(source):
    assert len(opens(source)) == 1
