"""Choosers that count what their table lacks: numbers, impossible numbers, and both versions."""

import pytest

from labkit.viz.live_chooser import LiveChooser

STATES = {
    ("a", "–", "8"): {"words": "a of 8"},
    ("a", "–", "16"): {"words": "a of 16"},
    ("b", "2", "8"): {"words": "b of 2 and 8"},
    ("b", "4", "8"): {"words": "b of 4 and 8"},
}


@pytest.fixture
def asked():
    return []


@pytest.fixture
def chooser(asked):
    def count(choice):
        asked.append(choice)
        letter, groups, size = choice
        if letter == "b" and int(size) % int(groups):
            raise ValueError(f"{groups} does not divide {size}.\nmore")
        return {"words": f"{letter} of {groups} and {size}, counted"}

    return LiveChooser(
        STATES,
        ["letter", "groups", "size"],
        "<p>{words}</p>",
        name="letters",
        sliders=["size"],
        live=True,
        count=count,
        numbers={"groups": 16, "size": 64},
    )


def test_a_number_that_the_table_lacks_is_counted_once_and_the_others_never(chooser, asked):
    assert chooser.set(size="16")["words"] == "a of 16"
    assert chooser.set(size="20")["words"] == "a of – and 20, counted"
    chooser.set(size="16")
    chooser.set(size=" 020 ")
    assert (chooser.choice, asked) == (("a", "–", "20"), [("a", "–", "20")])


def test_a_new_value_of_the_first_control_starts_from_the_table(chooser):
    chooser.set(size="20")
    assert chooser.set(letter="b")["words"] == "b of 2 and 8"


def test_an_impossible_choice_becomes_the_nearest_possible_one_with_the_reason_in_one_line(chooser):
    chooser.set(letter="b")
    assert chooser.set(groups="3")["words"] == "b of 4 and 8"
    assert chooser.trouble == "3 does not divide 8. Shown: the nearest that can be built, with groups 4."
    assert '<p role="alert"><b>3 does not divide 8.' in chooser.picture()
    assert chooser.set(size="12")["words"] == "b of 4 and 12, counted"
    assert (chooser.trouble, "alert" in chooser.picture()) == ("", False)
    assert chooser.set(groups="5")["words"] == "b of 4 and 12, counted"


@pytest.mark.parametrize("typed", ["0", "-3", "65", "9" * 5000, "1.5", "", "<b>x</b>"])
def test_what_is_typed_into_a_box_and_no_number_from_1_to_its_largest_is_said_in_one_line(chooser, typed):
    chooser.set(letter="b")
    groups = chooser.widget.children[0].children[1]
    groups.value = typed
    shown = chooser.widget.children[1].value
    assert chooser.trouble.startswith("groups must be a whole number from 1 to 16, not ")
    assert "<b>x</b>" not in shown
    assert groups.value == chooser.choice[1]
    with pytest.raises(ValueError, match="groups must be a whole number from 1 to 16"):
        chooser.set(groups=typed)


def test_the_controls_of_the_live_version_take_any_number_and_a_sign_shows_that_it_counts(chooser):
    letter, groups, size = chooser.widget.children[0].children
    shown = []
    chooser.widget.children[1].observe(lambda change: shown.append(change["new"]), names="value")
    assert (groups.value, groups.disabled, size.value, size.max) == ("–", True, 8, 64)
    size.value = 33
    assert ['role="status"' in each for each in shown] == [True, False]
    assert "a of – and 33, counted" in shown[-1]
    letter.value = "b"
    assert (groups.value, groups.disabled, groups.options, size.value) == ("2", False, ("2", "4"), 8)


def test_the_static_version_has_the_table_alone_and_says_so(chooser):
    chooser.set(size="15")
    bundle = chooser._repr_mimebundle_()
    assert "any whole number can be chosen as groups or size" in bundle["text/html"]
    assert "counted</p>" not in bundle["text/html"]
    assert bundle["text/plain"] == "a of 8"
