"""The index that a prepared dataset carries: written whole, read back equal, and refused where it is broken."""

import pandas as pd
import pytest

from labkit.data.arrow_file import ArrowFileError
from labkit.data.dataset_index import CARRIED, read_index, write_index


def facts(*paths: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "path": list(paths),
            "bytes": 1000,
            "frames": range(20, 20 + len(paths)),
            "fps": 25.0,
            "varies": False,
            "width": 64,
            "height": 48,
            "damage": "",
            "exact": True,
        }
    )


def test_an_index_is_read_back_as_it_was_written_with_further_columns_and_notes(tmp_path):
    table = facts("videos/a/one.mp4", "videos/動/two #2;.mp4").assign(label=[0, 1], subset=["train", "test"])
    write_index(tmp_path, table, {"classes": ["a", "動"]})
    found = read_index(tmp_path)
    assert found.table.equals(table.astype(found.table.dtypes))
    assert found.about["classes"] == ["a", "動"]


def test_a_folder_without_an_index_carries_none(tmp_path):
    assert read_index(tmp_path) is None


@pytest.mark.parametrize("path", ["/etc/a.mp4", "../a.mp4", "a/../../b.mp4", "a\\b.mp4"])
def test_a_path_that_leads_out_of_the_folder_is_not_written(tmp_path, path):
    with pytest.raises(ValueError, match="does not stay in the dataset's folder"):
        write_index(tmp_path, facts(path))
    assert list(tmp_path.iterdir()) == []


def test_a_table_without_a_column_of_an_index_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no column 'fps'"):
        write_index(tmp_path, facts("a.mp4").drop(columns="fps"))


def zeros(data: bytes) -> bytes:
    return data[:4096] + bytes(512) + data[4608:]


@pytest.mark.parametrize(
    "spoil", [zeros, lambda data: data[:3000], lambda data: b"", lambda data: b"path,frames\n", lambda data: data[8:]]
)
def test_a_broken_index_is_named(tmp_path, spoil):
    file = write_index(tmp_path, facts(*(f"a/{i}.mp4" for i in range(500))))
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(ArrowFileError, match=f"{CARRIED} is broken"):
        read_index(tmp_path)


def test_an_index_of_another_format_is_refused(tmp_path):
    write_index(tmp_path, facts("a.mp4"), {"format": 99})
    with pytest.raises(ArrowFileError, match="another format"):
        read_index(tmp_path)
