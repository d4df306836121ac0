"""The page about a folder of runs: what it says, that nobody's text becomes HTML, and that its policy fits its scripts."""

import base64
import hashlib
import json
import re
import shutil

import pytest
from made_runs import make_run

from labkit.course.sweep_page import FILE, write_page

NASTY = "</script><b onload=alert(1)>\"&'"


def make_sweep(folder, axes, **numbers):
    """A folder of runs at all points of two axes; `numbers` maps a name to a function of depth and seed."""
    for depth in axes["depth"]:
        for seed in axes["seed"]:
            results = {name: number(depth, seed) for name, number in numbers.items()}
            make_run(folder / f"{depth}-{seed}", {"depth": depth, "seed": seed, "width": 8, "out": "."}, results)
    about = {"notebook": "07_toy.ipynb", "axes": axes, "parameters": {"width": 8}}
    (folder / "sweep.json").write_text(json.dumps(about), encoding="utf-8")
    return folder


def cells(page, caption):
    """The rows of the table of a recorded number, as texts."""
    table = page.partition(f"<summary>{caption} ")[2].partition("</table>")[0].partition("<tbody>")[2]
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in table.split("</tr>") if "<t" in row]


def test_the_page_has_axes_and_mean_and_spread_over_the_seeds(tmp_path):
    sweep = make_sweep(tmp_path, {"depth": [34, 18], "seed": [0, 1]}, top1=lambda depth, seed: depth / 100 + seed / 10)
    path = write_page(sweep)
    page = path.read_text(encoding="utf-8")
    assert path == tmp_path / FILE
    assert '<th scope="row">depth</th><td>34, 18</td>' in page
    assert '<th scope="row">seed</th><td>0, 1</td>' in page
    # Of two values 0.1 apart: the mean, and 12.706 × 0.05 to both sides.
    assert cells(page, "top1") == [
        ["34", "2", "0.39", "0.071", "-0.2453 to 1.025"],
        ["18", "2", "0.23", "0.071", "-0.4053 to 0.8653"],
    ]
    assert "top1: highest at depth 34, 0.39 (-0.2453 to 1.025, 2 runs)" in page
    assert 'href="./34-0/"' in page


def test_the_figure_says_its_numbers_in_words(tmp_path):
    sweep = make_sweep(tmp_path, {"depth": [18, 34], "seed": [0]}, top1=lambda depth, seed: depth / 100)
    page = write_page(sweep).read_text(encoding="utf-8")
    words = re.search(r'class="in-words">(.*?)</span>', page)[1]
    assert "depth 18: 0.18 (1 run); depth 34: 0.34 (1 run)" in words


def test_a_single_run_has_no_interval(tmp_path):
    page = write_page(make_sweep(tmp_path, {"depth": [18], "seed": [0]}, top1=lambda *_: 0.5)).read_text("utf-8")
    assert cells(page, "top1") == [["18", "1", "0.5", "–", "–"]]


def test_runs_whose_number_is_not_a_number_are_named(tmp_path):
    def loss(depth, seed):
        return None if depth == 34 or seed == 1 else 0.5

    sweep = make_sweep(tmp_path, {"depth": [18, 34], "seed": [0, 1]}, loss=loss, top1=lambda *_: 0.5)
    page = write_page(sweep).read_text(encoding="utf-8")
    assert cells(page, "loss") == [["18", "1", "0.5", "–", "–"]]
    assert "<li><b>loss</b>: depth 18 (1 run) and depth 34 (2 runs)</li>" in page
    assert page.count("Some runs recorded") == 1


def test_runs_that_are_not_done_are_listed_with_their_cause_and_count_in_no_mean(tmp_path):
    make_sweep(tmp_path, {"depth": [18], "seed": [0]}, top1=lambda *_: 0.5)
    error = {"message": "failed in cell [4] at `whole / 0`"}
    make_run(tmp_path / "bad", {"depth": 18, "seed": 1}, {"top1": 0.0}, status="failed", error=error)
    page = write_page(tmp_path).read_text(encoding="utf-8")
    assert cells(page, "top1") == [["18", "1", "0.5", "–", "–"]]
    assert (
        '<a href="./bad/">bad</a></th><td>failed</td><td data-kind="w">failed in cell [4] at `whole / 0`</td>' in page
    )
    assert "1 run done" in page


def test_the_policy_allows_the_scripts_of_the_page_and_no_other(tmp_path):
    page = write_page(make_sweep(tmp_path, {"depth": [18], "seed": [0]}, top1=lambda *_: 0.5)).read_text("utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert len(scripts) == 3
    assert re.findall(r"sha256-([^']*)'", policy) == digests
    assert policy.startswith("default-src 'none'; script-src 'sha256-")


def test_no_text_of_a_run_becomes_html(tmp_path):
    for seed in (0, 1):
        given = {"name": NASTY, NASTY: seed, "depth": f"{seed}{NASTY}", "seed": seed}
        make_run(tmp_path / f"{seed}&'", given, {NASTY: seed, "top1": 0.5}, notebook=NASTY)
    make_run(tmp_path / "bad", {}, status=NASTY, error={"message": NASTY})
    page = write_page(tmp_path).read_text(encoding="utf-8")
    outside = re.sub(r"<(script|style)\b[^>]*>.*?</\1>", "", page, flags=re.DOTALL)
    assert "onload=alert" in outside  # as text
    assert "<b onload" not in outside
    assert page.count("</script>") == 4


def test_without_a_sweep_file_the_parameters_that_differ_are_the_axes(tmp_path):
    make_sweep(tmp_path, {"depth": [34, 18], "seed": [0, 1]}, top1=lambda depth, seed: depth)
    (tmp_path / "sweep.json").unlink()
    page = write_page(tmp_path).read_text(encoding="utf-8")
    assert '<th scope="row">depth</th><td>18, 34</td>' in page
    assert '<th scope="row">width</th><td>8</td>' in page
    assert [row[0] for row in cells(page, "top1")] == ["18", "34"]


def test_a_page_of_a_folder_that_was_moved_is_the_same(tmp_path):
    make_sweep(tmp_path / "there", {"depth": [18], "seed": [0]}, top1=lambda *_: 0.5)
    shutil.copytree(tmp_path / "there", tmp_path / "here")
    here, there = (write_page(tmp_path / name).read_text("utf-8") for name in ("here", "there"))
    assert here == there
    assert str(tmp_path) not in here


def test_lines_that_the_figure_leaves_out_are_counted(tmp_path):
    for width in range(30):
        for depth in range(31):
            if depth < 2 or not width:
                make_run(tmp_path / f"{width}-{depth}", {"width": width, "depth": depth}, {"top1": 0.5})
    page = write_page(tmp_path).read_text(encoding="utf-8")
    assert "The figure shows 24 of 30 lines; the tables have all." in page
    assert len(cells(page, "top1")) == 89


@pytest.mark.parametrize("axes", ['["depth"]', '{"depth": 18}', "null"])
def test_a_malformed_sweep_file_is_named(tmp_path, axes):
    (tmp_path / "sweep.json").write_text(f'{{"axes": {axes}}}')
    with pytest.raises(ValueError, match=r"sweep\.json is not of a sweep: 'axes' should map"):
        write_page(tmp_path)


def test_a_number_that_is_nan_has_no_point_and_the_highest_is_a_number(tmp_path):
    nan = float("nan")
    sweep = make_sweep(
        tmp_path,
        {"depth": [18, 34], "seed": [0]},
        top1=lambda depth, _: nan if depth == 18 else 0.5,
        lost=lambda *_: nan,
    )
    page = write_page(sweep).read_text("utf-8")
    assert "top1: highest at depth 34, 0.5 (1 run)" in page
    assert "lost: highest" not in page


def test_a_folder_without_numbers_has_a_page_without_scripts(tmp_path):
    page = write_page(tmp_path).read_text(encoding="utf-8")
    assert "No run that is done has recorded a number." in page
    assert "<script" not in page
    assert "script-src 'none'" in page
