"""Which files decide what a module does."""

import ast
import re
import subprocess
import sys

import pytest

from labkit.closure import IMPORT, PACKAGE, closure, digest_of_code


@pytest.fixture
def package(tmp_path):
    """A package of a few modules, to be changed."""
    texts = {
        "__init__.py": "from labkit import first as first\n",
        "first.py": "",
        "top.py": "import os\nfrom labkit.room import handed\n\n\ndef later():\n    from . import lazy\n",
        "lazy.py": "from labkit.room.deep import (\n    one,\n    two,\n)\nimport labkit.plain\n",
        "plain.py": "",
        "stranger.py": "import labkit.top\n",
        "room/__init__.py": "if TYPE_CHECKING:\n    from labkit.room.home import handed\n    from labkit.room.other import more\n",
        "room/home.py": "if TYPE_CHECKING:\n    from labkit.typed import Name\n",
        "room/other.py": "",
        "room/deep.py": "from ..sibling import x\nfrom .beside import y\n",
        "room/beside.py": "",
        "sibling.py": "",
        "typed.py": "",
    }
    for name, text in texts.items():
        path = tmp_path / "labkit" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "labkit"


def names(package, *modules):
    return {path.relative_to(package).as_posix() for path in closure(*modules, package=package)}


def test_imports_are_followed_through_functions_packages_dots_and_names_handed_on(package):
    imported = {"lazy.py", "plain.py", "room/home.py", "room/deep.py", "room/beside.py", "sibling.py"}
    assert names(package, "labkit.top") == {"top.py", "__init__.py", "first.py", "room/__init__.py", *imported}


def test_a_package_stands_for_all_modules_in_it(package):
    assert {"room/home.py", "room/other.py", "room/deep.py"} <= names(package, "labkit.room")


def test_modules_that_import_each_other_are_followed_once(package):
    (package / "plain.py").write_text("import labkit.lazy\n", encoding="utf-8")
    assert names(package, "labkit.plain") == names(package, "labkit.lazy")


def test_an_unknown_module_is_refused_by_name(package):
    with pytest.raises(ModuleNotFoundError, match=r"no module named 'labkit\.tpo'"):
        closure("labkit.tpo", package=package)


def test_the_digest_changes_with_every_file_of_the_closure_and_with_no_other(package):
    first = digest_of_code("labkit.top", package=package)
    inside = names(package, "labkit.top")
    for path in sorted(package.rglob("*.py")):
        text = path.read_text("utf-8")
        path.write_text(f"{text}# another line\n", encoding="utf-8")
        changed = digest_of_code("labkit.top", package=package) != first
        assert changed == (path.relative_to(package).as_posix() in inside), path
        path.write_text(text, encoding="utf-8")
    assert digest_of_code("labkit.top", package=package) == first


def test_files_of_an_editor_beside_a_module_do_not_count(package):
    before = digest_of_code("labkit.room", package=package)
    (package / "room" / ".#deep.py").write_text("import labkit.plain", encoding="utf-8")
    (package / "room" / "deep (copy).py").write_text("import labkit.top", encoding="utf-8")
    assert digest_of_code("labkit.room", package=package) == before


def test_line_ends_of_windows_do_not_hide_an_import(package):
    before = names(package, "labkit.top")
    for path in package.rglob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert names(package, "labkit.top") == before


def test_every_import_of_the_package_is_seen():
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text("utf-8")
        seen = {ast.unparse(ast.parse(found)) for found in IMPORT.findall(text)}
        nodes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom))
        there = {said for node in nodes if re.match(r"(from|import) (labkit\b|\.)", said := ast.unparse(node))}
        assert there <= seen, path


def test_what_a_running_module_of_ours_has_loaded_is_in_its_closure():
    module = "labkit.training.shape_network"
    script = f"import sys, {module}\nfor name in sys.modules: print(name, getattr(sys.modules[name], '__file__', ''))"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    loaded = {line.partition(" ")[2] for line in said.splitlines() if line.startswith("labkit")}
    assert str(PACKAGE / "data" / "motion.py") in loaded
    assert loaded <= {str(path) for path in closure(module)}
