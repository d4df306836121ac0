"""pyproject.toml is the truth; environment.yml (conda), constraints.txt (CI) and what the documents say agree with it."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(PYPROJECT)["project"]
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8")

# Packages that conda-forge calls otherwise.
CONDA_NAMES = {"duckdb": "python-duckdb", "torch": "pytorch", "playwright": "playwright-python"}
# Packages that conda-forge does not have under one name; pip installs them there too.
PIP_IN_CONDA = {"axe-playwright-python", "opencv-contrib-python-headless", "sphinx-revealjs"}
EXTRAS = ("test", "bench", "flow")  # conda's environment and CI have these as well
IMPORT_NAME = "labkit"  # on the package index a distribution of this name is another project
INSTALL = re.compile(r"\b(?:pip|pipx|uv|conda|mamba|poetry|pdm)3? +(?:install|add|download|tool install) +([^`\n]+)")


def required() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"]
    return [
        Requirement(line) for line in (*PROJECT["dependencies"], *(one for extra in EXTRAS for one in extras[extra]))
    ]


def ranges(lines: list[str]) -> dict[str, SpecifierSet]:
    """Name to version range of lines such as `numpy>=2.1`, which conda and pip write alike."""
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): one.specifier for one in parsed}


def conda() -> tuple[dict[str, SpecifierSet], list[str]]:
    """What conda installs, and the lines it hands to pip."""
    lines = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    return ranges([line for line in lines if isinstance(line, str)]), next(
        line["pip"] for line in lines if isinstance(line, dict)
    )


def pins() -> dict[str, Version]:
    lines = [line for line in CONSTRAINTS.splitlines() if line and not line.startswith("#")]
    parts = [line.split("==") for line in lines]
    assert all(len(part) == 2 for part in parts), [line for line in lines if line.count("==") != 1]
    return {canonicalize_name(name): Version(version) for name, version in parts}


def test_conda_installs_what_pyproject_asks_for_and_nothing_else():
    by_conda, by_pip = conda()
    python, _ = by_conda.pop("python"), by_conda.pop("pip")
    wanted = {canonicalize_name(one.name): one.specifier for one in required()}
    expected = {CONDA_NAMES.get(name, name): range_ for name, range_ in wanted.items() if name not in PIP_IN_CONDA}
    assert by_conda == expected
    assert by_pip[-1] == "-e ."
    assert ranges(by_pip[:-1]) == {name: wanted[name] for name in PIP_IN_CONDA}
    assert python == SpecifierSet(PROJECT["requires-python"]) & SpecifierSet("<3.15")


def test_conda_allows_the_pythons_that_the_package_names():
    python = conda()[0]["python"]
    named = [line.rsplit(" ", 1)[1] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)]
    assert len(named) == 4
    assert all(version in python for version in named)


@pytest.mark.parametrize("requirement", required(), ids=lambda one: one.name)
def test_a_dependency_is_pinned_within_its_range(requirement):
    assert pins()[canonicalize_name(requirement.name)] in requirement.specifier


def test_constraints_are_plain_pins():
    lines = [line for line in CONSTRAINTS.splitlines() if not line.startswith("#")]
    names = [canonicalize_name(line.split("==")[0]) for line in lines]
    assert names == sorted(set(names))
    assert not [line for line in lines if re.search(r"[@/+; ]", line)], "no URLs, paths, local builds or markers"


def test_constraints_pin_what_the_dependencies_bring_along():
    """Followed through the installed packages, as far as they are the pinned versions."""
    pinned, seen, unpinned = pins(), set(), set()
    waiting = [one.name for one in required()]
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if name not in pinned:
            unpinned.add(name)
        elif Version(found.version) == pinned[name]:
            brought = [Requirement(line) for line in found.requires or ()]
            waiting += [one.name for one in brought if one.marker is None or one.marker.evaluate({"extra": ""})]
    assert not unpinned
    if len(seen) == len(required()):
        pytest.skip("none of the installed packages is the pinned version")


def test_every_dependency_says_why():
    reasons = dict(re.findall(r'^  "([A-Za-z][\w.-]*)[^"]*",(.*)$', PYPROJECT, flags=re.MULTILINE))
    assert [one.name for one in required() if not re.match(r" # \w", reasons.get(one.name, ""))] == []


def project_files() -> list[Path]:
    """Every file that may tell a reader what to install."""
    folders = ("labkit", "docs", "notebooks", "benchmarks", ".ci", ".github")
    inside = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    kinds = {".md", ".py", ".ipynb", ".toml", ".yml", ".yaml", ".txt", ".cff"}
    return [
        path
        for path in (*ROOT.iterdir(), *inside)
        if path.is_file() and (path.suffix in kinds or path.name in ("Makefile", "run"))
    ]


def test_make_and_the_readme_install_the_extras_that_the_course_needs():
    plan = tomllib.loads((ROOT / "notebooks" / "course.toml").read_text(encoding="utf-8"))
    needed = {entry["needs"] for entry in plan["notebook"] if "needs" in entry}
    assert needed == {"flow"}
    assert {*needed, "site"} <= PROJECT["optional-dependencies"].keys()
    for name in ("Makefile", "README.md", "docs/setup.md"):
        assert 'install -e ".[flow,site]"' in (ROOT / name).read_text(encoding="utf-8")


def installs_of_the_import_name(text: str) -> list[str]:
    """Install lines that name `labkit`, with extras or a version or without."""
    named = re.compile(rf"(?<![\w./-]){IMPORT_NAME}(?![\w./-])")
    return [line for line in INSTALL.findall(text) if named.search(line)]


@pytest.mark.parametrize(
    "line",
    ["pip install labkit", "python -m pip install -U 'labkit[bench]'", "uv add labkit>=0.1", "conda install -y labkit"],
)
def test_an_install_line_with_another_projects_name_is_found(line):
    assert installs_of_the_import_name(f"Type `{line}` first.\n")


@pytest.mark.parametrize(
    "line", ["pip install labkit-video", "pip install -e .", "pip uninstall labkit", "import labkit"]
)
def test_other_lines_are_no_install_of_another_project(line):
    assert not installs_of_the_import_name(f"Type `{line}`.\n")


def test_no_install_line_names_another_project():
    found = {path: installs_of_the_import_name(path.read_text(encoding="utf-8")) for path in project_files()}
    assert len(found) > 200
    assert {str(path): lines for path, lines in found.items() if lines} == {}


def test_extras_are_asked_of_the_distribution():
    """`labkit[bench]` would be an extra of another project."""
    bare = re.compile(rf"(?<![\w.-]){IMPORT_NAME}\[(?:{'|'.join(EXTRAS)})")
    assert [path for path in project_files() if bare.search(path.read_text(encoding="utf-8"))] == []


def test_the_distribution_has_a_name_of_its_own_and_the_command_keeps_its_own():
    assert PROJECT["name"] == "labkit-video"
    assert list(PROJECT["scripts"]) == [IMPORT_NAME]
    assert yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["name"] == IMPORT_NAME
