"""docs/answers.md: a key that names every exercise, whose values the checks accept, and whose numbers are right."""

import re
from pathlib import Path

import nbformat
import pytest

from labkit.course.exercises.format import BEGIN, Wrong
from labkit.course.exercises.shelf import cells, find
from labkit.course.plan import read_plan
from labkit.data.motion import CLIP

KEY = (Path(__file__).resolve().parents[2] / "docs" / "answers.md").read_text(encoding="utf-8")
PARTS = {part[:2]: part for part in KEY.split("\n## ")[1:]}
LESSONS = read_plan().lessons
EXERCISES = [find(cell) for cell in cells()]
VALUES = [one for one in EXERCISES if not one.is_function()]
every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.number)


def numbered(text: str) -> list[str]:
    """The items of a numbered list."""
    return re.findall(r"^\d+\. (.*)$", text, re.MULTILINE)


def in_the_text(number: str) -> str:
    """The line of the key on the exercises in the text of a notebook."""
    return re.search(r"^In the text: .*$", PARTS[number], re.MULTILINE).group()


@every_lesson
def test_every_exercise_has_an_answer(lesson):
    notebook = nbformat.read(lesson.path, as_version=4)
    (asked,) = [numbered(cell.source) for cell in notebook.cells if cell.source.startswith("## Exercises")]
    answered = numbered(PARTS[lesson.number])
    assert len(answered) == len(asked)
    ours = [cell.id for cell in notebook.cells if cell.cell_type == "code" and BEGIN in cell.source]
    for question, answer in zip(asked, answered, strict=True):
        named = re.match(r"(`[\w-]+`(, )?)+\.", answer)
        assert bool(named) == ("(above)" in question), question
        assert not named or set(re.findall(r"`([\w-]+)`", named.group())) <= set(ours), answer
    values = {one.cell for one in VALUES}
    assert set(re.findall(r"`([a-z-]+)`", in_the_text(lesson.number))) == {cell for cell in ours if cell not in values}


@pytest.mark.parametrize("exercise", VALUES, ids=lambda exercise: exercise.cell)
def test_the_check_accepts_the_value_of_the_key_and_no_other_of_its_examples(exercise):
    (value,) = re.findall(rf"`{exercise.defines} = ([^`]+)`", in_the_text(exercise.number))
    names: dict[str, object] = {}
    exec(f"key = {value}", names)
    exercise.check(names["key"])
    exec(exercise.wrong[0].answer, names)
    with pytest.raises(Wrong):
        exercise.check(names[exercise.defines])


def test_the_stride_of_the_key_brings_the_clip_nearest():
    nearest = min(range(1, 9), key=lambda stride: abs(15 * stride / 25 - 14 / 25))
    assert f"16 frames with stride {nearest} last" in PARTS["00"]
    assert f"`CLIP.span` ({CLIP.span})" in PARTS["00"]


def test_shortcut_b_adds_the_parameters_of_the_key():
    import torch

    from labkit.models import create_model

    def parameters(name: str, shortcut: str) -> int:
        with torch.device("meta"):
            return sum(one.numel() for one in create_model(name, num_classes=2, shortcut=shortcut).parameters())

    for name, added in (("resnet18", "173,824"), ("resnet34", "173,824"), ("resnet50", "2,776,576")):
        assert f"{parameters(name, 'B') - parameters(name, 'A'):,}" == added
        assert added in PARTS["02"]


def test_from_the_groups_of_the_key_on_a_3x3x3_convolution_is_cheaper():
    fewest = [next(g for g in range(1, 65) if 27 * 64 * 64 / g < 64 * before) for before in (64, 2 * 64)]
    assert fewest == [28, 14]
    assert "with 27 groups both cost the same" in PARTS["02"]
    assert "so 14 groups are enough" in PARTS["02"]


def test_the_network_of_the_key_is_the_most_accurate_below_50_million_parameters():
    import torch

    from labkit.models import create_model, entry, list_models
    from labkit.survey import cite

    found = {}
    for name in list_models():
        published = entry(name).published
        if published.get("source") == "Table 2" and entry(name).paper == "hara-2018-retrace":
            with torch.device("meta"):
                size = sum(one.numel() for one in create_model(name, num_classes=400).parameters())
            number = cite(**{key.replace("paper", "paper_id"): value for key, value in published.items()})
            found[name] = (size, float(number))
    assert max(found, key=lambda name: found[name][1]) == "resnext101"
    assert found["resnext101"][0] < 50e6
    assert "With at most 50 million parameters ResNeXt-101, which is the most accurate of all" in PARTS["02"]


def test_the_rows_of_the_key_are_those_that_table_1_corrects():
    from labkit.survey import results

    rows = results("hara-2018-retrace", source="Table 1", status="corrected")
    told = [
        f"{model}: {value:.0f} {metric}"
        for model, metric, value in zip(rows.model, rows.metric, rows.value, strict=True)
    ]
    assert told == ["ResNeXt-101: 4 blocks conv3", "ResNeXt-101: 23 blocks conv4"]
    assert "ResNeXt-101. The published code has 4 blocks in conv3 and 23 in conv4." in PARTS["02"]


def test_the_strides_of_the_key_are_those_of_the_two_rules():
    import torchvision

    from labkit.models.inflate import inflate

    network = torchvision.models.resnet18(weights=None)
    both = [dict(inflate(network, rule).network.named_modules()) for rule in ("i3d", "hara")]
    strided = [name for name, one in both[0].items() if isinstance(getattr(one, "stride", None), tuple)]
    strides = {name: tuple(network[name].stride[0] for network in both) for name in strided}
    other = {name: pair for name, pair in strides.items() if pair[0] != pair[1]}
    assert other == {"conv1": (2, 1), "maxpool": (1, 2), "layer2.0.conv1": (1, 2), "layer2.0.downsample.0": (1, 2)}
    assert 'stride 2 in time with "i3d", 1 with "hara"' in PARTS["03"]
