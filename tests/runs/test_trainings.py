"""The trainings in a folder: of runs, of one notebook with several, and of `fit` alone."""

import pytest
from made_runs import make_run

from labkit.records import History
from labkit.runs.trainings import read_trainings

ERROR = {"cell": 1, "line": "fit()", "exception": "DivergedError: the loss is NaN", "message": "failed"}


def rows(run="run", clips=40, epochs=2):
    return [
        {"run": run, "epoch": epoch, "split": split, "level": "clip", "loss": 1.0, "top1": 0.5, "clips": size}
        for epoch in range(1, epochs + 1)
        for split, size in (("train", clips), ("val", 500))
    ]


def test_a_run_with_one_training_gives_its_parameters_and_history(tmp_path):
    History.append(make_run(tmp_path / "a", {"width": 8, "seed": 3, "out": "x"}) / "history.jsonl", rows())
    (one,), left_out = read_trainings(tmp_path)
    assert (one.name, one.parameters, one.diverged, left_out) == ("a", {"width": 8, "seed": 3}, False, {})
    assert one.history.table["epoch"].max() == 2


def test_the_trainings_of_one_history_are_told_apart_by_seed_and_name(tmp_path):
    file = make_run(tmp_path / "a", {"seed": 0, "width": 8}) / "history.jsonl"
    for name, clips in (("40 clips, seed 7", 40), ("1,200 clips, seed 7", 1200), ("40 clips, 900 updates, seed 8", 40)):
        History.append(file, rows(name, clips))
    found, _ = read_trainings(tmp_path)
    assert [(one.parameters["training"], one.parameters["seed"]) for one in found] == [
        ("main", 7),
        ("main", 7),
        ("900 updates", 8),
    ]
    assert found[0].name == "a: 40 clips, seed 7"


def test_runs_without_a_history_are_named_and_left_out(tmp_path):
    make_run(tmp_path / "failed", status="failed", error=ERROR)
    make_run(tmp_path / "none")
    (make_run(tmp_path / "empty") / "history.jsonl").write_text("")
    for number, text in enumerate(("[1]", "{", '{"epoch": 1}\n3', "null")):
        (make_run(tmp_path / f"damaged {number}") / "history.jsonl").write_text(text + "\n")
    History.append(make_run(tmp_path / "good") / "history.jsonl", rows())
    found, left_out = read_trainings(tmp_path)
    assert [one.name for one in found] == ["good"]
    assert left_out["failed"] == "it has no history (failed: DivergedError: the loss is NaN)"
    assert left_out["none"] == "it has no history (done)"
    assert left_out["empty"] == "its history has no epoch (done)"
    damaged = [reason for name, reason in left_out.items() if name.startswith("damaged")]
    assert len(damaged) == 4
    assert all(reason.startswith("its history cannot be read: ") for reason in damaged)


def test_a_run_that_ended_because_it_diverged_says_so_of_its_last_training(tmp_path):
    file = make_run(tmp_path / "a", status="failed", error=ERROR) / "history.jsonl"
    History.append(file, rows("first") + rows("second"))
    found, _ = read_trainings(tmp_path)
    assert [one.diverged for one in found] == [False, True]


def test_folders_of_fit_alone_are_read_and_damaged_runs_are_not(tmp_path):
    History.append(tmp_path / "mine" / "history.jsonl", rows())
    History.append(tmp_path / ".aside" / "old" / "history.jsonl", rows())
    History.append(make_run(tmp_path / "run") / "out" / "history.jsonl", rows())
    damaged = tmp_path / "damaged"
    History.append(damaged / "history.jsonl", rows())
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "history.jsonl").touch()
    (damaged / "run.json").write_text("{")
    with pytest.warns(UserWarning, match="a run is left out"):
        found, left_out = read_trainings(tmp_path)
    assert [(one.name, one.parameters) for one in found] == [("run/out", {}), ("mine", {})]
    assert left_out == {"damaged": "its run.json cannot be read", "begun": "its history has no epoch"}


def test_a_run_within_a_run_is_read_once_with_its_own_parameters(tmp_path):
    outer = make_run(tmp_path / "outer", {"width": 8})
    History.append(outer / "history.jsonl", rows())
    History.append(make_run(outer / "inner", {"width": 16}) / "history.jsonl", rows())
    found, left_out = read_trainings(tmp_path)
    assert sorted((one.name, one.parameters["width"]) for one in found) == [("outer", 8), ("outer/inner", 16)]
    assert left_out == {}


def test_a_single_training_folder_is_read_by_its_own_name(tmp_path):
    History.append(tmp_path / "mine" / "history.jsonl", rows())
    (one,), _ = read_trainings(tmp_path / "mine")
    assert one.name == "mine"


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        read_trainings(tmp_path / "none")
