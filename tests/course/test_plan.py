from pathlib import Path

import pytest
from toy_course import PLAN, write_course

from labkit.course.plan import choose, quick_parameters, read_plan
from labkit.runs.notebook import check_parameters, read_parameters


def test_a_plan_lists_its_lessons_in_order(tmp_path):
    plan = read_plan(write_course(tmp_path) / "notebooks" / "course.toml")
    assert [lesson.name for lesson in plan.lessons] == ["00_first", "01_second", "02_third"]
    assert [lesson.number for lesson in plan.lessons] == ["00", "01", "02"]
    assert plan.lessons[0].minutes == {"cpu": 1, "gpu": 1}


def test_lessons_are_chosen_by_the_start_of_their_names(tmp_path):
    plan = read_plan(write_course(tmp_path) / "notebooks" / "course.toml")
    assert [lesson.number for lesson in choose(plan, ["02", "00"])] == ["00", "02"]
    assert len(choose(plan, [])) == 3
    with pytest.raises(ValueError, match="starts with '7'; there are 00_first"):
        choose(plan, ["7"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "Second"', "", "'title'"),
        ('title = "Second"', 'titel = "Second"', "titel"),
        ('title = "Second"', "title = ", "Invalid value"),
        ('file = "01_second.ipynb"', "", "'file' is missing"),
        (
            'title = "Second"',
            'title = "Second"\nneeds = "flwo"',
            "01_second.ipynb needs an unknown extra 'flwo'; did you mean 'flow'",
        ),
    ],
)
def test_a_wrong_plan_is_refused_with_what_is_wrong(tmp_path, old, new, said):
    path = tmp_path / "course.toml"
    path.write_text(PLAN.replace(old, new))
    with pytest.raises(ValueError, match=said):
        read_plan(path)


def test_an_absent_plan_is_named(tmp_path):
    with pytest.raises(ValueError, match="no course plan at"):
        read_plan(tmp_path / "course.toml")


def test_the_shares_of_the_budget_fit_into_the_whole():
    plan = read_plan()
    assert sum(lesson.budget_s for lesson in plan.lessons) <= plan.budget_s == 720


@pytest.mark.parametrize("lesson", read_plan().lessons, ids=lambda lesson: lesson.number)
def test_short_and_quick_parameters_are_the_notebooks_own(lesson):
    declared = read_parameters(lesson.path)
    for given in (lesson.short, lesson.quick):
        assert check_parameters(declared, given, lesson.path.name) == given
        assert all(value != declared[name].default for name, value in given.items())


def test_the_measured_quick_course_takes_at_most_ten_minutes_and_stands_in_the_plans_of_sessions():
    page = (Path(__file__).parents[2] / "docs" / "sessions.md").read_text(encoding="utf-8")
    lessons = read_plan().lessons
    for one in lessons:
        changed = ", ".join(f"`{name} = {value!r}`".replace("'", '"') for name, value in one.quick.items()) or "–"
        assert f"| {one.number} {one.title} | {one.minutes['cpu']} | {one.quick_s} | {changed} |" in page
    assert min(one.quick_s for one in lessons) > 0
    total = sum(one.quick_s for one in lessons)
    assert total <= 600
    assert f"The quick course took {total} processor seconds." in page


def test_a_notebook_outside_the_plan_has_no_quick_parameters(tmp_path):
    plan = read_plan(write_course(tmp_path) / "notebooks" / "course.toml")
    assert quick_parameters(plan.lessons[0].path, plan) == {}
    with pytest.raises(ValueError, match=r"mine\.ipynb is not in the course's plan"):
        quick_parameters(tmp_path / "mine.ipynb", plan)
    assert quick_parameters(read_plan().lessons[5].path)["largest_epochs"] == 6
