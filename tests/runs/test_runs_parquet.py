"""The Parquet table of runs, read back as people read it: with pandas and with DuckDB."""

import shutil
import subprocess
import sys
import warnings

import duckdb
import pandas as pd
import pytest
from made_runs import make_run

from labkit.runs.runs_parquet import FILE, write_parquet


def test_every_run_is_a_row_with_where_it_came_from(tmp_path):
    make_run(tmp_path / "a", {"seed": 3, "device": "cpu"}, {"top1": 0.5})
    path = write_parquet(tmp_path)
    assert path == tmp_path / FILE
    (row,) = pd.read_parquet(path).to_dict("records")
    wanted = {
        "run": "a", "notebook": "07_toy.ipynb", "status": "done", "seconds": 60.0, "seed": 3, "threads": 2,
        "device": "cpu", "host": "elsewhere", "cores": 2, "memory_gb": 8.5, "gpus": "H100, H100", "commit": "c0ffee",
        "dirty": True, "version.torch": "2.11.0", "param.seed": 3, "param.device": "cpu", "result.top1": 0.5,
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    assert pd.isna(row["error"])
    assert row["ended"] - row["started"] == pd.Timedelta("60s")


def test_duckdb_finds_mean_and_spread_over_seeds_in_the_table(tmp_path):
    for depth in (18, 34):
        for seed in (0, 1):
            make_run(tmp_path / f"{depth}-{seed}", {"depth": depth, "seed": seed}, {"top1": depth / 100 + seed / 10})
    path = write_parquet(tmp_path, tmp_path / "elsewhere" / "all.parquet")
    asked = f"""select "param.depth", count(*), avg("result.top1") from '{path}' group by 1 order by 1"""
    assert duckdb.sql(asked).fetchall() == [(18, 2, pytest.approx(0.23)), (34, 2, pytest.approx(0.39))]


MIXED = [
    ([1, 2], "int64", [1, 2]),
    ([1, 0.5], "float64", [1.0, 0.5]),
    ([True, False], "bool", [True, False]),
    ([1, "auto"], "text", ["1", "auto"]),
    ([True, 1], "text", ["true", "1"]),
    ([1, None], "int64", [1, None]),
    ([None, None], "text", [None, None]),
    ([[1, 2], {"a": 1}], "text", ["[1, 2]", '{"a": 1}']),
    ([2**70, 1], "float64", [float(2**70), 1.0]),
    ([10**400, 1], "text", [str(10**400), "1"]),
    (["\ud800", "é"], "text", ["\\ud800", "é"]),
]


@pytest.mark.parametrize(("values", "kind", "read"), MIXED)
def test_a_parameter_of_several_types_has_a_column_of_one_type(tmp_path, values, kind, read):
    for number, value in enumerate(values):
        make_run(tmp_path / str(number), {"value": value}, started=f"2026-01-02T03:04:0{number}+00:00")
    path = write_parquet(tmp_path)
    names = {"int64": "BIGINT", "float64": "DOUBLE", "bool": "BOOLEAN", "text": "VARCHAR"}
    table = duckdb.sql(f"""select "param.value" from '{path}' order by run""")
    assert [str(one) for one in table.types] == [names[kind]]
    assert [row[0] for row in table.fetchall()] == read
    assert len(pd.read_parquet(path)) == 2


def test_a_recorded_number_is_a_float_whatever_it_was_recorded_as(tmp_path):
    for number, value in enumerate((1, True, 0.5, None)):
        make_run(tmp_path / str(number), results={"top1": value}, started=f"2026-01-02T03:04:0{number}+00:00")
    column = pd.read_parquet(write_parquet(tmp_path))["result.top1"]
    assert column.dtype == "float64"
    assert column.tolist()[:3] == [1.0, 1.0, 0.5]
    assert column.isna().tolist() == [False, False, False, True]


def test_a_folder_copied_from_another_machine_gives_the_same_table(tmp_path):
    make_run(tmp_path / "there" / "sub" / "a", {"seed": 0}, {"top1": 0.5})
    shutil.copytree(tmp_path / "there", tmp_path / "here")
    here, there = (pd.read_parquet(write_parquet(tmp_path / name)) for name in ("here", "there"))
    pd.testing.assert_frame_equal(here, there)
    assert here["run"].tolist() == ["sub/a"]
    assert str(tmp_path) not in here.to_csv()


def test_each_damaged_run_is_left_out_by_one_warning(tmp_path):
    make_run(tmp_path / "whole", {"seed": 0})
    for name, text in {"cut": '{"status": ', "list": "[]", "odd": '{"seconds": "12"}'}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        table = pd.read_parquet(write_parquet(tmp_path))
    assert table["run"].tolist() == ["whole"]
    assert sorted(str(one.message).partition("run.json")[0][-5:-1] for one in said) == ["/cut", "/odd", "list"]


def test_odd_values_in_a_run_are_null_and_keep_the_row(tmp_path):
    odd = {"started": "yesterday", "threads": "two", "seed": 0.5, "hardware": {"cores": [], "gpus": "one"}, "kernel": 3}
    make_run(tmp_path / "odd", **odd, code={"commit": None, "dirty": "no"})
    (row,) = duckdb.sql(
        f"select started, threads, seed, cores, gpus, kernel, dirty from '{write_parquet(tmp_path)}'"
    ).fetchall()
    assert row == (None, None, None, None, "one", "3", None)


def test_a_folder_without_runs_gives_a_table_with_the_same_first_columns(tmp_path):
    empty = pd.read_parquet(write_parquet(tmp_path))
    make_run(tmp_path / "a", {"seed": 0})
    table = pd.read_parquet(write_parquet(tmp_path))
    assert empty.empty
    assert list(table)[: len(list(empty))] == list(empty)
    assert dict(zip(empty, empty.dtypes, strict=True))["seconds"] == table.dtypes["seconds"]


def test_names_that_differ_in_case_are_two_columns(tmp_path):
    make_run(tmp_path / "a", {"lr": 1, "LR": 2})
    path = write_parquet(tmp_path)
    assert len(duckdb.sql(f"select * from '{path}'").columns) == len(list(pd.read_parquet(path)))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_table_that_is_killed_in_writing_leaves_the_last_whole_one(tmp_path):
    make_run(tmp_path / "a", {"seed": 0})
    path = write_parquet(tmp_path)
    before = path.read_bytes()
    program = f"""
import os, signal
import pyarrow.parquet as pq
from labkit.runs.runs_parquet import write_parquet
pq.write_table = lambda table, path: (path.write_text("half"), os.kill(os.getpid(), signal.SIGKILL))
write_parquet({str(tmp_path)!r})
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    assert path.read_bytes() == before


def test_an_absent_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none"):
        write_parquet(tmp_path / "none")
