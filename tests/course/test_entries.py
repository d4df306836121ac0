"""What the pages say of a lesson's run."""

import pytest

from labkit.course.entries import lesson_entry
from labkit.course.plan import Lesson
from labkit.records import Run


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        (
            {"epochs": 2, "shares": "0.1"},
            "This was a quick run, with epochs = 2, shares = '0.1'. At this size a finding",
        ),
        ({"epochs": 2, "shares": "0.1", "seed": 3}, "This was a quick run, with epochs = 2, shares = '0.1', seed = 3."),
        (
            {"epochs": 1, "shares": "0.1"},
            "This run had other parameters than the notebook: epochs = 1, shares = '0.1'.",
        ),
    ],
)
def test_a_lesson_says_which_parameters_its_run_changed(tmp_path, changed, said):
    lesson = Lesson(tmp_path / "05_a.ipynb", "A", "B?", {"cpu": 1}, 30, quick={"epochs": 2, "shares": "0.1"})
    entry = lesson_entry(lesson, Run(tmp_path, {"status": "done", "seconds": 3, "changed": changed}), {}, None)
    assert entry["other_size"].startswith(said)
    assert ("finding may not hold" in entry["other_size"]) == bool(changed)
    assert entry["status_words"] == ("ran in 3 s, with other parameters" if changed else "ran in 3 s")


def test_a_lesson_without_a_quick_size_or_a_run_calls_no_run_quick(tmp_path):
    lesson = Lesson(tmp_path / "05_a.ipynb", "A", "B?", {"cpu": 1}, 30)
    assert lesson_entry(lesson, None, {}, None)["other_size"] == ""
    run = Run(tmp_path, {"status": "done", "changed": {"seed": 3}})
    assert "quick" not in lesson_entry(lesson, run, {}, None)["other_size"]
