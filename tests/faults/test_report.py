"""The page of faults names tests that exist, and its numbers are those of the JSON files."""

import json
import re

import pytest
import report
from run_elsewhere import HERE, ROOT

PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")


def test_the_page_names_tests_that_exist():
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 20
    assert sorted(named - set(re.findall(r"^def (test_\w+)", text, flags=re.MULTILINE))) == []


@pytest.mark.parametrize("name", ["mutants", "kills"])
def test_the_tables_of_the_page_are_those_of_the_files(name):
    found = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    assert getattr(report, f"{name}_table")(found) in PAGE
