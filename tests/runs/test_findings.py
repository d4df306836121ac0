import json
import math
import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest
from toy_course import write_course, write_notebook

from labkit.records import Run
from labkit.runs import inequality
from labkit.runs.findings import (
    Declared,
    Finding,
    FindingsError,
    declared,
    finding,
    findings,
    measure,
    measured_with,
    recorded,
)
from labkit.runs.key import notebook_code

RECORDS = "from labkit.runs.results import record\nrecord(out, double=2 * seed, seed_=seed)"
NUMBERS = {"a": 3, "b": 1.5, "none": None, "gap_48": 0.5}


@pytest.mark.parametrize(
    ("text", "value"),
    [("a", 3), ("a - b", 1.5), ("-(a + 1) * 2 / b", -16 / 3), ("max(a, b) + min(a, 1) + abs(-a)", 7), ("gap_48", 0.5)],
)
def test_a_measure_is_arithmetic_over_recorded_numbers(text, value):
    assert inequality.evaluate(text, NUMBERS) == pytest.approx(value)


def test_the_numbers_of_all_seeds_are_a_table(tmp_path):
    project = write_course(tmp_path)
    assert recorded("00_first", project).empty
    runs = [{"seed": 0, "results": {"double": 0, "seed_": 0}}, {"seed": 3, "results": {"double": 6, "seed_": 3}}]
    text = json.dumps({"findings": {}, "notebooks": {"00_first": {"runs": runs}}})
    (project / "docs" / "findings.json").write_text(text, encoding="utf-8")
    assert recorded("00_first", project).to_dict("index") == {
        0: {"double": 0, "seed_": 0},
        3: {"double": 6, "seed_": 3},
    }
    assert recorded("01_second", project).empty


def near(values, margin, *, value=0.0, trials=None):
    """`holds`, or what the numbers leave open: `open` where equality may be, `apart` where it is refuted."""
    asked = (values, "~", value, inequality.MEAN_3SE)
    if inequality.holds(*asked, margin=margin, trials=trials):
        return "holds"
    return "open" if inequality.leans(*asked, margin=margin, trials=trials) else "apart"


def test_equality_does_not_hold_because_the_numbers_are_noisy():
    noisy = [0.9, -0.5, 0.6, -0.3, 0.4]  # mean 0.22 ± 0.27
    assert near(noisy, 0.05) == "open"
    assert near(noisy, 0.3) == "open"
    assert near(noisy, 1.1) == "holds"  # a margin so wide says as much as these numbers can


def test_equality_holds_where_mean_and_three_standard_errors_lie_within_the_margin():
    assert near([0.01, -0.01, 0.0, 0.01, -0.01], 0.05) == "holds"
    assert near([0.10, 0.11, 0.09, 0.10, 0.10], 0.05) == "apart"
    assert near([0.05, 0.06, 0.04, 0.05, 0.05], 0.05) == "open"
    assert near([0.01], 0.05) == "open"  # one seed knows nothing of others


def test_chance_is_judged_by_the_error_of_guessing_where_the_tries_are_known():
    values = [0.51, 0.51, 0.51]  # no spread at all: the seeds alone would be sure
    assert near(values, 0.05, value=0.5, trials=3 * 480) == "holds"  # 0.51 ± 0.04
    assert near(values, 0.05, value=0.5, trials=3 * 48) == "open"  # 0.51 ± 0.125
    assert near([0.6, 0.6, 0.6], 0.05, value=0.5, trials=3 * 480) == "apart"


def test_equality_in_every_seed():
    assert inequality.holds([0.01, -0.02], "~", 0.0, inequality.EVERY_SEED, margin=0.02)
    assert not inequality.holds([0.01, -0.03], "~", 0.0, inequality.EVERY_SEED, margin=0.02)


def test_what_is_not_a_number_makes_a_measure_nan():
    assert math.isnan(inequality.evaluate("a - none", NUMBERS))


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "a.real",
        "a[0]",
        "(lambda: a)()",
        "a ** 99",
        "'a' * 9",
        "a if a else b",
        "[a]",
        "abs(a, b)",
        "max()",
        "a; b",
        "open",
    ],
)
def test_a_measure_holds_nothing_but_arithmetic(text):
    with pytest.raises(inequality.MeasureError):
        inequality.evaluate(text, NUMBERS)


def test_a_number_that_was_not_recorded_is_named_with_the_nearest():
    with pytest.raises(inequality.MeasureError, match="did you mean 'gap_48'"):
        inequality.evaluate("gap48", NUMBERS)


@pytest.mark.parametrize(
    ("values", "op", "rule", "verdict"),
    [
        ([1, 2, 3], ">", inequality.EVERY_SEED, True),
        ([1, 2, 0], ">", inequality.EVERY_SEED, False),
        ([1.0, 1.1, 0.9], ">", inequality.MEAN_3SE, True),
        ([0.1, 2.0, -1.0], ">", inequality.MEAN_3SE, False),
        ([-1.0, -1.1, -0.9], "<", inequality.MEAN_3SE, True),
        ([1.0], ">", inequality.MEAN_3SE, False),
        ([1.0, math.nan], ">", inequality.EVERY_SEED, False),
        ([], ">", inequality.EVERY_SEED, False),
    ],
)
def test_an_inequality_holds_by_its_rule(values, op, rule, verdict):
    assert inequality.holds(values, op, 0.0, rule) is verdict


def test_what_nobody_measured_says_how_to(tmp_path):
    found = finding("doubles", write_course(tmp_path))
    assert found.holds is None
    assert "run `make findings`" in str(found)
    assert "<code>make findings</code>" in found._repr_html_()


def test_text_of_a_finding_is_escaped(tmp_path):
    page = finding("doubles", write_course(tmp_path))._repr_html_()
    assert "&lt;b&gt;larger" in page
    assert "<b>larger" not in page


def test_an_unknown_finding_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(FindingsError, match="did you mean 'doubles'"):
        finding("double", write_course(tmp_path))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"op": "=="}, "no comparison"),
        ({"rule": "some"}, "the rule is one of"),
        ({"measure": "a.b"}, "may not stand"),
        ({"op": "~"}, "~ needs a margin above 0"),
        ({"margin": 0.1}, "nothing else has one"),
    ],
)
def test_a_wrong_declaration_is_refused(change, said):
    entry = {"id": "x", "notebook": "00", "statement": "s", "measure": "a", "op": ">", "value": 0.0}
    with pytest.raises(FindingsError, match=said):
        Declared(**{**entry, **change})


def test_numbers_and_origin_stand_beside_a_verdict():
    one = Declared("x", "00_first", "It grows.", "a - b", ">", 0.0)
    about = {
        "date": "2026-01-02",
        "hardware": {"processor": "Z80", "gpus": []},
        "versions": {"torch": "9.9"},
        "code": {},
    }
    text = str(Finding(one, {0: 1.0, 1: 1.1, 2: 0.9}, about))
    assert "Holds over 3 seeds." in text
    assert "mean 1 ± 0.058 (standard error); seeds 0 to 2: 1, 1.1, 0.9" in text
    assert "2026-01-02, Z80, torch 9.9" in text


@pytest.mark.parametrize(
    ("values", "state", "colour"),
    [
        ([1.0, 1.1, 0.9], "Holds over 3 seeds.", "holds"),
        ([1.0, 0.1, 2.0], "Not shown over 3 seeds: the mean is as stated, by less than 3 standard errors.", "open"),
        ([1.0, -2.0, 0.5], "Does not hold over 3 seeds.", "fails"),
    ],
)
def test_what_a_few_seeds_leave_open_is_neither_shown_nor_refuted(values, state, colour):
    found = Finding(Declared("x", "00_first", "It grows.", "a - b", ">", 0.0), dict(enumerate(values)))
    assert found.verdict == state
    assert f'class="finding {colour}"' in found._repr_html_()


def test_an_equality_says_its_margin_and_what_reaches_over_it():
    one = Finding(Declared("x", "00_first", "The same.", "a - b", "~", 0.0, margin=0.05), {0: 0.04, 1: -0.03, 2: 0.0})
    assert one.state == "not shown"
    assert one.verdict == "Not shown over 3 seeds: 3 standard errors reach over the margin."
    assert "a - b ~ 0 ± 0.05 (mean and 3 standard errors within the margin)" in str(one)


def test_a_finding_of_other_threads_says_so_and_why():
    import torch

    here = torch.get_num_threads()
    one = Declared("x", "00_first", "It grows.", "a - b", ">", 0.0)
    same, other = (Finding(one, {0: 1.0, 1: 1.1}, {"threads": count}) for count in (here, here + 1))
    assert same.beside == ""
    assert f"{here} thread" in other.beside
    assert "the same seed gives other numbers here" in str(other)
    assert f"{here + 1} threads" in other.origin


def test_a_cell_that_only_shows_something_is_no_code_of_its_notebook(tmp_path):
    def code(*cells: dict) -> str:
        (tmp_path / "00_x.ipynb").write_text(json.dumps({"cells": list(cells)}))
        return notebook_code(tmp_path / "00_x.ipynb")

    number = {"cell_type": "code", "source": "record(x=1)", "metadata": {}}
    shown = {"cell_type": "code", "source": "show_card('x')", "metadata": {"tags": ["aside"]}}
    prose = {"cell_type": "markdown", "source": "A sentence.", "metadata": {}}
    assert code(number, prose, shown) == code(number) == "record(x=1)"
    assert code(number, {**shown, "metadata": {"tags": []}}) != code(number)


@pytest.mark.slow
def test_measuring_runs_every_seed_once_and_stores_numbers_with_their_origin(tmp_path):
    project = write_course(tmp_path)
    ran = []
    for _ in range(2):
        found = measure((0, 1), folder=project, jobs=2, on_run=lambda *said: ran.append(said))
    assert found[0].per_seed == {0: 0.0, 1: 1.0}
    assert found[0].holds is True
    assert found[0].about["versions"]["torch"]
    assert "changed since" not in found[0].verdict
    states = ("starts", "done", "was there")
    assert sorted(ran) == sorted(("00_first", seed, state) for seed in (0, 1) for state in states)
    folders = sorted((project / "build" / "findings").iterdir())
    assert [folder.name.rsplit("-", 2)[0] for folder in folders] == ["00_first-seed0", "00_first-seed1"]
    threads = found[0].about["threads"]  # numbers depend on them: measured with others, they are other runs
    assert all(folder.name.endswith(f"-{threads}") for folder in folders)
    started = [json.loads((folder / "run.json").read_text())["started"] for folder in folders]
    stored = json.loads((project / "docs" / "findings.json").read_text())
    assert stored["findings"]["doubles"]["per_seed"] == {"0": 0.0, "1": 1.0}
    # The second call measured nothing anew.
    assert started == [json.loads((folder / "run.json").read_text())["started"] for folder in folders]
    assert findings(project)[0].per_seed == {0: 0.0, 1: 1.0}
    notebook = project / "notebooks" / "00_first.ipynb"
    notebook.write_text(notebook.read_text().replace("double=", "double=0 + "))
    assert "changed since" in findings(project)[0].verdict


@pytest.mark.slow
def test_numbers_that_another_process_stores_while_a_notebook_is_measured_stay(tmp_path):
    project = write_course(tmp_path)
    path = project / "docs" / "findings.toml"
    path.write_text(path.read_text() + path.read_text().replace("doubles", "again").replace("00_first", "01_second"))
    other = {"01_second": {"runs": [{"seed": 7, "results": {"double": 14, "seed_": 7}}]}}

    def store(notebook: str, seed: int, state: str) -> None:
        (project / "docs" / "findings.json").write_text(json.dumps({"findings": {}, "notebooks": other}))

    measure((0,), only=["00"], folder=project, on_run=store)
    assert {one.declared.id: dict(one.per_seed) for one in findings(project)} == {
        "doubles": {0: 0.0},
        "again": {7: 7.0},
    }


@pytest.mark.slow
def test_a_notebook_is_measured_with_the_parameters_declared_for_it(tmp_path):
    project, ran = write_course(tmp_path), []
    path = project / "docs" / "findings.toml"
    without = path.read_text()
    for loud in (True, False):
        path.write_text(f"{without}\n[parameters.00_first]\nloud = {str(loud).lower()}\nname = 'a b'\n")
        measure((1,), folder=project, on_run=lambda notebook, seed, state: ran.append(state))
        stored = json.loads((project / "docs" / "findings.json").read_text())["notebooks"]["00_first"]
        assert (stored["parameters"]["loud"], stored["parameters"]["name"]) == (loud, "a b")
    assert ran == ["starts", "done"] * 2  # numbers of other parameters are other numbers


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "[parameters.00_frist]\nloud = true",
            "parameters for '00_frist', which has no finding; did you mean '00_first'?",
        ),
        ("[parameters]\n00_first = 1", "the parameters of 00_first are lines `name = value`"),
    ],
)
def test_parameters_of_a_notebook_without_a_finding_are_refused(tmp_path, lines, said):
    project = write_course(tmp_path)
    path = project / "docs" / "findings.toml"
    path.write_text(f"{path.read_text()}\n{lines}\n")
    with pytest.raises(FindingsError, match=re.escape(said)):
        measured_with(project)


@pytest.mark.slow
def test_a_failed_run_is_named_and_the_numbers_of_other_notebooks_stay(tmp_path):
    project = write_course(tmp_path)
    path = project / "docs" / "findings.toml"
    second = path.read_text().replace("doubles", "breaks").replace("00_first", "01_second")
    path.write_text(path.read_text() + second)
    with pytest.raises(RuntimeError, match=r"2 runs failed, the first: 01_second failed in cell \[4\]"):
        measure((0, 1), folder=project)
    assert [one.holds for one in findings(project)] == [True, None]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a child")
def test_after_ctrl_c_no_run_is_left_and_the_next_call_goes_on(tmp_path):
    project = write_course(tmp_path)
    slow = ["# 00 First", RECORDS, "import time\ntime.sleep(2 if seed == 0 else 600)"]
    path = write_notebook(project / "notebooks" / "00_first.ipynb", slow, 'seed: int = 0\nout: str = ""')
    command = [sys.executable, "-m", "labkit", "findings", "--seeds", "2", "--jobs", "1"]
    process = subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    for line in process.stderr:
        if "seed=1 starts" in line:
            break
    waiting = project / "build" / "findings"
    while not [*waiting.glob("*seed1*/results.json")]:
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1].startswith("labkit: stopped")
    states = {folder.name.split("-")[1]: Run.open(folder).status for folder in waiting.iterdir()}
    assert states == {"seed0": "done", "seed1": "interrupted"}
    ran = []
    measure((0,), folder=project, jobs=1, on_run=lambda *told: ran.append(told))
    assert ran == [(path.stem, 0, "was there")]


@pytest.mark.slow
def test_a_number_that_the_notebook_does_not_record_is_an_error(tmp_path):
    project = write_course(tmp_path)
    path = project / "docs" / "findings.toml"
    path.write_text(path.read_text().replace("double - seed_", "duoble - seed_"))
    with pytest.raises(FindingsError, match=r"'duoble' was not recorded; did you mean 'double'\? by 00_first"):
        measure((0,), folder=project)


def measuring(project):
    """`labkit findings` in a process of its own, and the run of its first seed, which sleeps."""
    path = project / "notebooks" / "00_first.ipynb"
    path.write_text(path.read_text().replace("answer = 42", "import time; time.sleep(300)"))
    command = [sys.executable, "-m", "labkit", "findings", "--seeds", "1", "--jobs", "1"]
    process = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    kept = project / "build" / "findings"
    while not [*kept.glob("*/results.json")]:
        assert process.poll() is None
        time.sleep(0.1)
    return process, Run.open(next(kept.iterdir()))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_runs_end_when_who_measures_is_killed_and_what_they_had_is_kept(tmp_path):
    process, run = measuring(write_course(tmp_path))
    child = psutil.Process(run.about["process"]["pid"])
    started = [child, *child.children(recursive=True)]
    assert len(started) > 1  # the run and its kernel
    process.kill()
    _, alive = psutil.wait_procs(started, timeout=60)
    assert alive == []
    assert Run.open(run.folder).status == "interrupted"


@pytest.mark.slow
def test_what_another_process_measures_is_not_taken_from_it(tmp_path):
    project = write_course(tmp_path)
    process, run = measuring(project)
    try:
        with pytest.raises(RuntimeError, match=rf"is being measured by process {run.about['process']['pid']} on"):
            measure((0,), folder=project, jobs=1)
        assert run.folder.is_dir()
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def test_the_declared_findings_of_the_course_are_well_formed():
    for one in declared():
        assert one.statement.endswith(".")
        assert inequality.names(one.measure)
