"""The table of datasets: each row is whole, and the page about datasets says the same."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.clip import ClipSpec
from labkit.data.dataset_kinds import KINDS
from labkit.data.datasets import open_dataset
from labkit.data.layouts import LayoutError

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
SPEC = ClipSpec(frames=4, size=16)


def test_the_table_is_read_without_torch_or_pandas():
    code = "import sys, labkit.data.dataset_kinds; print({'torch', 'pandas', 'av', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


@pytest.mark.parametrize("name", KINDS)
def test_each_row_says_where_the_dataset_comes_from_and_the_page_agrees(name):
    kind = KINDS[name]
    assert kind.title
    assert kind.source
    (row,) = (line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
    facts = [kind.title, kind.source, kind.licence, kind.size]
    facts += [f"{kind.classes} classes"] * bool(kind.classes) + [f"{kind.videos or 0:,} videos"] * bool(kind.videos)
    assert [fact for fact in facts if fact not in row] == []


@pytest.mark.parametrize("name", [name for name in KINDS if name != "shards"])  # they name a command instead
def test_a_folder_of_something_else_is_answered_with_the_layout_expected(name, tmp_path):
    (tmp_path / "notes.txt").write_text("nothing\n")
    with pytest.raises(LayoutError, match=r"What is expected:\n +ROOT/") as error:
        open_dataset(name, tmp_path, spec=SPEC)
    assert KINDS[name].tree in str(error.value)
    with pytest.raises(LayoutError, match=rf"is not a .*For {name} the root is laid out like this:\n +ROOT/"):
        open_dataset(name, tmp_path / "absent", spec=SPEC)


@pytest.mark.parametrize(
    "name", [name for name in KINDS if name not in ("motion", "ucf101", "hmdb51", "folder", "csv")]
)
def test_a_dataset_of_one_split_refuses_another(name, tmp_path):
    with pytest.raises(LayoutError, match="has one split, so split is 1, not 2"):
        open_dataset(name, tmp_path, spec=SPEC, split=2)


@pytest.mark.parametrize("name", ["folder", "csv", "something"])
@pytest.mark.parametrize(
    "sided",
    ["turn left", "TurnRight", "spin_counter-clockwise", "Pushing [something] from left to right", "RIGHT hook"],
)
def test_a_class_that_names_a_side_is_never_mirrored(name, sided):
    flip = KINDS[name].flip
    assert flip(("wave", sided, "eat leftovers", "brightly lit")) == {
        one: one for one in ("wave", "eat leftovers", "brightly lit")
    }
    assert flip(("wave", "jump")) == "safe"


def test_the_row_that_the_page_adds_works(tmp_path, write_numbered):
    (code,) = re.findall(r"```python\n(from labkit\.data\.dataset_kinds.*?)```", PAGE, flags=re.DOTALL)
    try:
        exec(compile(code, "docs/datasets.md", "exec"), {})
        with pytest.raises(LayoutError, match=r"no train\.txt\. What is expected"):
            open_dataset("kitchen", tmp_path, spec=SPEC)
        for name in ("p01_a", "p01_b", "p02_a", "p03_a"):
            write_numbered(tmp_path / f"{name}.mp4", frames=5)
        (tmp_path / "train.txt").write_text("p01_a.mp4 pour\np01_b.avi pour\np02_a.mp4 pour\n")
        (tmp_path / "test.txt").write_text("p03_a.mp4 stir\n")
        train = open_dataset("kitchen", tmp_path, spec=SPEC, val="split", progress=False, workers=0)
        val = open_dataset("kitchen", tmp_path, "val", spec=SPEC, val="split", progress=False, workers=0)
        assert {video[:3] for video in train.table["video"]} & {video[:3] for video in val.table["video"]} == set()
        assert len(train) + len(val) == 3
        assert train.classes == ("pour", "stir")
        (tmp_path / "train.txt").write_text("../p01_a.mp4 pour\n")
        with pytest.raises(LayoutError, match="leads out of the dataset's folder"):
            open_dataset("kitchen", tmp_path, spec=SPEC)
    finally:
        KINDS.pop("kitchen", None)
