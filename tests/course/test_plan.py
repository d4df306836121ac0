import pytest
from toy_course import PLAN, write_course

from labkit.course.plan import choose, read_plan


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
