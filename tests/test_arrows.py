"""Imports go one way, as the table in `docs/architecture.md` says, and what that page draws and answers is so."""

import ast
import csv
import graphlib
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

_spec = importlib.util.spec_from_file_location("draw_imports", ROOT / "docs" / "draw_imports.py")
draw_imports = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(draw_imports)


def rows(heading):
    """The table below a heading: the words in backticks of every cell, row by row."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[re.findall(r"`([^`]+)`", cell) for cell in line.split("|")[1:-1]] for line in lines[2:]]


ROW = {folder: allowed for (folder,), allowed, _ in rows("Who may import whom")}
ANSWERS = [(file, name) for _, (file,), (name,) in rows("Where is it?")]


def allowed_in(folder):
    """The folders that one may import: its own, the leaves, those of its row, each with the folders inside."""
    named = [folder, draw_imports.LEAVES, *ROW[folder]]
    return {other for other in ROW for name in named if other == name or other.startswith(f"{name}/")}


def not_allowed(package):
    """What the folders of a package import against the table, and the folders that it lacks."""
    for folder, imported in sorted(draw_imports.between_folders(package).items()):
        if folder not in ROW:
            yield f"{folder} has no row"
        else:
            yield from (f"{folder} imports {other}" for other in sorted(imported - allowed_in(folder)))


def ring(imports):
    """Modules that import each other in a ring; empty where none do."""
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


@pytest.fixture
def package(tmp_path):
    """Makes a package of files with the text they are given, by their path in it."""

    def make(files):
        for name, text in files.items():
            path = tmp_path / "labkit" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path / "labkit"

    return make


def test_every_folder_imports_what_its_row_allows():
    assert list(not_allowed(ROOT / "labkit")) == []


def test_the_table_itself_goes_one_way_and_names_folders_that_exist():
    assert ring({folder: allowed_in(folder) - {folder} for folder in ROW}) == []
    assert {other for allowed in ROW.values() for other in allowed} <= {*ROW}
    files = [draw_imports.LEAVES, *draw_imports.NO_LEAVES]
    assert [name for name in ROW if name not in files and not (ROOT / "labkit" / name).is_dir()] == []


def test_no_modules_import_each_other_in_a_ring():
    assert ring(draw_imports.imports(ROOT / "labkit")) == []


@pytest.mark.parametrize(
    "text",
    [
        "from labkit.training.loop import fit",
        "import labkit.training.loop",
        "from ..training import loop",
        "def later():\n    from labkit.training import loop",
        "if TYPE_CHECKING:\n    from labkit.training.loop import fit",
    ],
)
def test_an_import_upwards_is_found_wherever_it_stands(package, text):
    assert list(not_allowed(package({"training/loop.py": "", "data/video.py": text}))) == ["data imports training"]


def test_a_leaf_imports_no_folder(package):
    files = {"data/video.py": "", "clip.py": "from labkit.data import video", "records.py": "from labkit import clip"}
    assert list(not_allowed(package(files))) == ["leaves imports data"]


def test_a_new_folder_needs_a_row(package):
    files = {"sound/wave.py": "", "survey/podcasts/feed.py": "", "survey/__init__.py": ""}
    assert list(not_allowed(package(files))) == ["sound has no row", "survey/podcasts has no row"]


@pytest.mark.parametrize(
    "files",
    [
        {"data/a.py": "from labkit.data import b", "data/b.py": "def later():\n    from labkit.data.a import x"},
        {
            "survey/__init__.py": "_HOMES = {'cards': 'card.file'}",
            "survey/card/file.py": "from labkit.survey import cards",
        },
        {
            "models/zoo/hara.py": "Entry('resnet:ResNet')",
            "models/resnet.py": "from labkit.models.zoo.hara import TABLE",
        },
    ],
    ids=["in a function", "by a table of names", "by a row of the zoo"],
)
def test_a_ring_is_found_when_part_of_it_is_imported_later(package, files):
    assert len(ring(draw_imports.imports(package(files)))) == 3


def test_the_drawing_is_that_of_the_code():
    drawn = PAGE.partition(draw_imports.START)[2].partition(draw_imports.END)[0]
    made = draw_imports.drawing(draw_imports.between_folders(ROOT / "labkit"))
    assert drawn == made, "out of date: run `python docs/draw_imports.py`"


def test_the_drawing_leaves_out_leaves_and_arrows_that_a_longer_way_shows():
    arrows = {"cli": {"runs", "data"}, "runs": {"data", "leaves"}, "data": set(), "leaves": set()}
    assert re.findall(r"(\w+)\[.*?> (\w+)", draw_imports.drawing(arrows)) == [("cli", "runs"), ("runs", "data")]


def defined(path):
    """The names that a Python file defines at its top."""
    for node in ast.parse(path.read_bytes()).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def test_the_page_answers_at_least_the_twelve_questions():
    assert len(ANSWERS) >= 12


@pytest.mark.parametrize(("file", "name"), ANSWERS, ids=[name for _, name in ANSWERS])
def test_what_the_page_names_as_an_answer_is_there(file, name):
    path = ROOT / file
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as opened:
            assert name in {row["value"] for row in csv.DictReader(opened)}
    else:
        assert name in set(defined(path))
