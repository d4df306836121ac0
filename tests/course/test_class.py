"""A whole class, graded once by the real nbgrader: every mark is right, and nobody ends the others' grading."""

import pandas as pd
import pytest
from toy_class import CLASS, NOT_MARKED, SIGN, answered, as_bytes, write_class, write_unmarked

from labkit.course.grading import worker
from labkit.course.grading.classroom import grade_class

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # thirty kernels: minutes on a busy machine


@pytest.fixture(scope="module")
def classroom(tmp_path_factory):
    """The folder, the marks by student, and what was reported while they were made."""
    folder = write_class(tmp_path_factory.mktemp("a class"))
    write_unmarked(folder)
    seen = []
    marks = grade_class(folder, cell_limit=20, on_mark=seen.append)
    return folder, {one.student: one for one in marks}, seen


@pytest.mark.parametrize(("name", "points"), [(name, points) for name, _, points in CLASS])
def test_every_student_gets_the_points_of_the_answers(classroom, name, points):
    _, marks, _ = classroom
    assert (marks[name].points, marks[name].most) == (points, 5), marks[name]


def test_the_class_has_thirty_students(classroom):
    assert len(classroom[1]) >= 30


@pytest.mark.parametrize(("name", "why"), NOT_MARKED.items())
def test_what_nobody_can_grade_is_not_marked_rather_than_zero(classroom, name, why):
    _, marks, _ = classroom
    assert marks[name].points is None
    assert why in marks[name].notes[0]


@pytest.mark.parametrize("name", ["wrong name", "박 민수"])
def test_a_wrong_file_name_and_an_archive_are_graded(classroom, name):
    assert classroom[1][name].points == 5


@pytest.mark.parametrize("name", ["loop-outside", "exit-outside"])
def test_a_cell_that_ends_the_kernel_costs_its_own_exercise_only(classroom, name):
    mark = classroom[1][name]
    assert [part.points for part in mark.parts] == [0, 4]
    assert mark.notes == ("the cell gap-solution did not end, or ended the kernel, and was left out",)


def test_the_messages_of_the_checks_are_kept(classroom):
    (gap, doubled) = classroom[1]["wrong"].parts
    assert gap.said.startswith("the sign is wrong")
    assert doubled.said == "not even one list is doubled"


def test_the_tables_tell_zero_from_not_marked(classroom):
    folder, marks, _ = classroom
    table = pd.read_csv(folder / "graded" / "marks.csv").set_index("student")
    assert table.loc["empty", "points"] == 0
    assert pd.isna(table.loc["broken", "points"])
    assert table.loc["broken", "state"] == "not marked"
    assert table["points"].sum() == sum(one.points for one in marks.values() if one.points is not None)
    assert pd.read_parquet(folder / "graded" / "marks.parquet")["student"].tolist() == table.index.tolist()
    parts = pd.read_csv(folder / "graded" / "exercises.csv")
    assert parts.groupby("student")["points"].sum()["김 철수"] == 5


def test_feedback_is_escaped_and_may_run_nothing(classroom):
    folder, marks, _ = classroom
    page = (folder / "graded" / marks["o'neil & <b>"].feedback).read_text(encoding="utf-8")
    assert "o&#39;neil &amp; &lt;b&gt;" in page
    assert "<b>" not in page
    assert "default-src 'none'" in page
    assert "return [twice(n) for n in numbers]" in page
    assert "not marked" in (folder / "graded" / marks["broken"].feedback).read_text(encoding="utf-8")


def test_the_time_left_shrinks_to_nothing(classroom):
    seen = classroom[2]
    assert [one.done for one in seen] == list(range(1, len(seen) + 1))
    assert seen[-1].left_s == 0
    assert seen[len(seen) // 2].left_s > 0


def test_a_second_run_grades_nothing_again_and_a_new_hand_in_once(classroom, monkeypatch):
    folder, marks, _ = classroom
    graded = []
    monkeypatch.setattr(worker.Worker, "grade", lambda _, notebook, student, limit: graded.append(student) or stopped)
    stopped = {"state": "failed", "why": "not in this test"}
    again = {one.student: one for one in grade_class(folder)}
    assert graded == []
    assert again == marks
    (folder / "right" / "tiny.ipynb").write_bytes(as_bytes(answered(SIGN)))
    grade_class(folder)
    assert graded == ["right"]


def test_another_release_is_not_mixed_into_the_marks(classroom, tmp_path):
    folder, _, _ = classroom
    other = (folder / "release" / "tiny.ipynb").read_text(encoding="utf-8").replace("the end", "another end")
    (tmp_path / "tiny.ipynb").write_text(other, encoding="utf-8")
    with pytest.raises(ValueError, match="holds marks by another release of tiny"):
        grade_class(folder, release=tmp_path)
