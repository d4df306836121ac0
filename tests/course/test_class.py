"""A whole class, graded once by the real nbgrader: every mark is right, and nobody ends the others' grading."""


import pytest
from toy_class import CLASS, write_class, write_unmarked

from labkit.course.grading.classroom import grade_class

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def classroom(tmp_path_factory):
    folder = write_class(tmp_path_factory.mktemp("a class"))
    write_unmarked(folder)
    seen = []
    marks = grade_class(folder, cell_limit=20, on_mark=seen.append)
    return folder, {one.student: one for one in marks}, seen


@pytest.mark.parametrize(("name", "points"), [(name, points) for name, _, points in CLASS])
def test_every_student_gets_the_points_of_the_answers(classroom, name, points):
    _, marks, _ = classroom
    assert (marks[name].points, marks[name].most) == (points, 7), marks[name]
