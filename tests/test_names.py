"""One way to say which name was meant."""

from pathlib import Path

import pytest

import labkit
from labkit.names import did_you_mean, meant_or_all, nearest

NETWORKS = ("resnet18", "c3d", "I3D")


@pytest.mark.parametrize(
    ("name", "near"),
    [("resent18", "resnet18"), ("RESNET18", "resnet18"), ("i3d", "I3D"), ("transformer", None), ("", None)],
)
def test_the_nearest_name_is_found_whatever_its_capitals(name, near):
    assert nearest(name, NETWORKS) == near
    assert nearest(name, iter(NETWORKS)) == near


def test_one_word_of_a_long_name_is_near_where_the_cutoff_is_lower():
    assert nearest("group", ["10_reading_group"]) is None
    assert nearest("group", ["10_reading_group"], cutoff=0.4) == "10_reading_group"


def test_a_message_asks_for_the_name_that_was_meant_or_ends():
    assert did_you_mean("c3", NETWORKS) == "; did you mean 'c3d'?"
    assert did_you_mean("transformer", NETWORKS) == "."


def test_a_message_about_few_names_lists_them_where_none_is_near():
    assert meant_or_all("c3", NETWORKS) == "; did you mean 'c3d'?"
    assert meant_or_all("transformer", NETWORKS) == "; there are resnet18, c3d, I3D"
    assert meant_or_all("transformer", iter(NETWORKS)) == "; there are resnet18, c3d, I3D"
    assert meant_or_all("x", []) == "; there are none"


def test_a_list_of_names_ends_after_twenty():
    said = meant_or_all("x", [f"name-{number}" for number in range(30)])
    assert said.endswith("name-18, name-19, …")
    assert meant_or_all("x", map(str, range(100, 120))).endswith("118, 119")


def test_a_known_value_may_be_a_number():
    assert nearest("2107", [2017, 2018]) == "2017"


def test_no_other_module_looks_for_near_names_by_itself():
    package = Path(labkit.__file__).parent
    by_hand = [path for path in package.rglob("*.py") if "get_close_matches" in path.read_text(encoding="utf-8")]
    assert by_hand == [package / "names.py"]
