import json

import numpy as np
import pytest
import torch

from labkit.runs.results import read_results, record


def test_numbers_of_several_calls_are_merged_and_the_last_of_a_name_stays(tmp_path):
    record(tmp_path, a=1, b=2.5)
    record(tmp_path, b=np.float32(0.5), c=torch.tensor(3), d=np.bool_(True))
    assert read_results(tmp_path) == {"a": 1, "b": 0.5, "c": 3, "d": True}
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_the_table_shows_what_this_call_recorded(tmp_path):
    record(tmp_path, a=1)
    table = record(tmp_path, b=2)
    assert table["recorded"].to_dict() == {"b": 2}


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert record("", a=1).loc["a", "recorded"] == 1
    assert not any(tmp_path.iterdir())


def test_not_a_number_is_null_in_the_file(tmp_path):
    record(tmp_path, a=float("nan"))
    assert json.loads((tmp_path / "results.json").read_text()) == {"a": None}


@pytest.mark.parametrize("value", ["0.5", [1, 2], np.zeros(2), torch.zeros(3), None])
def test_only_single_numbers_are_recorded(tmp_path, value):
    with pytest.raises(TypeError, match="'a' is not one"):
        record(tmp_path, a=value)
    assert not any(tmp_path.iterdir())
