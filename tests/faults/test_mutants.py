"""Broken videos of many kinds: each is read, or named with its reason, and none harms the process that reads it."""

import pytest
from broken_videos import FORMATS, WAYS, break_video, write_sources
from mutants_trial import kinds_of_reasons, outcome, try_mutants

from labkit.data.video import VideoReader

MANY = 100
GROWTH = 64  # MiB that reading three quarters of the files may add


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    return try_mutants(range(MANY), tmp_path_factory.mktemp("mutants"), limit=500)


@pytest.mark.slow
def test_each_of_a_hundred_broken_videos_is_read_or_named_with_its_reason(tried):
    rows = tried["rows"]
    assert {outcome(row) for row in rows} == {"cannot be read", "read up to the damage", "read to its end"}
    assert all(bool(row["reason"]) == (row["frames"] == 0) for row in rows)
    assert {row["source"] for row in rows} == set(FORMATS)
    assert {row["way"] for row in rows} == set(WAYS)
    assert len(kinds_of_reasons(rows)) >= 5


@pytest.mark.slow
def test_a_dataset_of_broken_videos_is_opened_without_them_and_trained_on(tried):
    unreadable = sum(bool(row["reason"]) for row in tried["rows"])
    assert tried["dataset"] == {"videos": MANY + tried["sound"] - unreadable, "unreadable": unreadable}
    assert tried["epoch"]["clips"] == tried["dataset"]["videos"]
    assert tried["late"] == []


@pytest.mark.slow
def test_reading_broken_videos_leaves_no_memory_behind(tried):
    assert tried["memory"]["grown_mib"] < GROWTH


def test_a_seed_names_a_broken_video(tmp_path):
    sources = write_sources(tmp_path / "sources")
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        for seed in range(20):
            break_video(seed, sources, tmp_path / name)
    made = [sorted((tmp_path / name).iterdir()) for name in ("one", "other")]
    assert [path.read_bytes() for path in made[0]] == [path.read_bytes() for path in made[1]]
    assert len({path.read_bytes() for path in made[0]}) == 20


@pytest.mark.parametrize("seed", [5273])
def test_frames_that_come_out_only_with_damaged_data_behind_them_are_not_promised(tmp_path, monkeypatch, seed):
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    broken = break_video(seed, write_sources(tmp_path / "sources"), tmp_path)
    with VideoReader(broken.path) as reader:
        assert reader.info.damage
        assert len(reader.frames(size=16)) == reader.info.frames
