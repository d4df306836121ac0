"""A release says one thing: the version, the changelog and the citation agree; what SECURITY.md promises, tests hold."""

import datetime
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

import labkit

ROOT = Path(__file__).resolve().parents[1]
RELEASE = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", flags=re.MULTILINE)
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def test_the_newest_entry_of_the_changelog_is_the_version():
    assert RELEASE.findall(CHANGELOG)[0][0] == labkit.__version__


def test_releases_stand_newest_first_with_dates():
    found = RELEASE.findall(CHANGELOG)
    titles = [line for line in CHANGELOG.splitlines() if line.startswith("## ")]
    assert len(found) == len([title for title in titles if title != "## [Unreleased]"]) >= 2
    assert found == sorted(found, key=lambda one: Version(one[0]), reverse=True)
    dates = [datetime.date.fromisoformat(date) for _, date in found]
    assert dates == sorted(dates, reverse=True)


def test_entries_of_the_changelog_are_of_the_six_kinds():
    assert set(re.findall(r"^### (.*)$", CHANGELOG, flags=re.MULTILINE)) <= KINDS


def test_the_citation_is_of_the_newest_release():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["version"], citation["date-released"]) == RELEASE.findall(CHANGELOG)[0]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["license"] == project["license"]
    assert {"cff-version", "message", "title", "authors", "type"} <= set(citation)
    assert [set(author) for author in citation["authors"]] == [{"name"}]


def test_type_checkers_find_the_marker_in_the_package():
    assert (Path(labkit.__file__).parent / "py.typed").read_bytes() == b""


def test_every_promise_names_tests_that_exist():
    promised = SECURITY.partition("## What is promised")[2].partition("## What is not promised")[0]
    promises = [part for part in promised.split("\n\n") if part.startswith("**")]
    assert len(promises) >= 6
    assert [promise for promise in promises if "`test_" not in promise] == []
    named = re.findall(r"`(test_\w+)`", promised)
    assert len(named) == len(set(named))
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    }
    assert [name for name in named if name not in defined] == []


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_for_issues_asks_questions(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(form)
    assert all({"type", "attributes"} <= set(part) and part["attributes"]["label"] for part in form["body"])
    assert {part["type"] for part in form["body"]} <= {"input", "textarea", "dropdown", "checkboxes"}


def test_the_form_for_bugs_asks_for_the_doctors_lines():
    (bug,) = [path for path in FORMS if path.stem == "bug"]
    assert "labkit doctor" in bug.read_text(encoding="utf-8")
