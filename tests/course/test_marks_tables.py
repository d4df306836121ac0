"""Marks: kept whole, read again only for the same hand-in, and safe in a spreadsheet."""

import csv

import pytest

from labkit.course.grading.records import MARKED, NOT_MARKED, Mark, Part, read_mark, write_mark, write_tables

PARTS = (Part("gap", 1.0, 1.0), Part("essay", None, 3.0, "", "answer"))
MARK = Mark("김 철수", "tiny", MARKED, ("a note",), PARTS, "key", "feedback/x/tiny.html")


def test_a_mark_is_read_as_it_was_written(tmp_path):
    write_mark(MARK, tmp_path / "a.json")
    assert read_mark(tmp_path / "a.json", "key") == MARK


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"format": 2, "key": "key"}', '{"format": 1, "key": "key", "parts": 3}']
)
def test_a_mark_that_cannot_be_read_counts_as_none(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    assert read_mark(tmp_path / "a.json", "key") is None
    assert read_mark(tmp_path / "missing.json", "key") is None


def test_a_mark_of_another_hand_in_counts_as_none(tmp_path):
    write_mark(MARK, tmp_path / "a.json")
    assert read_mark(tmp_path / "a.json", "other") is None


def test_points_by_hand_are_neither_given_nor_refused():
    assert (MARK.points, MARK.most, MARK.by_hand) == (1, 4, 3)


def test_a_notebook_that_is_not_marked_has_no_points():
    assert Mark("kim", "tiny", NOT_MARKED).points is None


def test_a_table_has_no_formulas(tmp_path):
    said = Part("gap", 0.0, 1.0, "@SUM(A1)")
    write_tables([Mark("=HYPERLINK(1)", "tiny", MARKED, ("-1+1",), (said,))], tmp_path)
    for name in ("marks.csv", "exercises.csv"):
        with (tmp_path / name).open(encoding="utf-8-sig", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "@", "-"))]
