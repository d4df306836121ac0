import errno
import multiprocessing
import os
import pickle
import re
import shutil
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader

from labkit.clip import ClipSpec
from labkit.data import dataset_index, dataset_kinds, frame_cache, layouts
from labkit.data.dataset_table import spans
from labkit.data.datasets import open_dataset
from labkit.data.layouts import Entry, LayoutError
from labkit.data.transforms import EvalTransform, TrainTransform
from labkit.data.video import VideoError, VideoReader
from labkit.data.video_dataset import OPEN_READERS, VideoDataset

SPEC = ClipSpec(frames=4, stride=2, size=16)


@pytest.fixture
def tiny(tiny_ucf101):
    return open_dataset("ucf101", tiny_ucf101, spec=SPEC, progress=False)


@pytest.fixture
def own_ucf101(make_ucf101, tmp_path, monkeypatch):
    """A small copy that a test may spoil, with a cache folder of its own."""
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    return make_ucf101(tmp_path / "ucf101", train=3, test=1)


def same(a, b):
    return torch.equal(a[0], b[0]) and a[1:] == b[1:]


# ---------------------------------------------------------------------- items


def test_an_item_is_a_uint8_clip_with_its_label_and_row(tiny):
    assert len(tiny) == len(tiny.table) == 12
    assert tiny.classes == ("clap", "jump", "wave")
    for row in range(12):
        clip, label, got = tiny[row]
        assert clip.shape == (4, 3, 16, 16)
        assert clip.dtype == torch.uint8
        assert got == row
        assert label == tiny.table["label"][row] == tiny.labels[row]
        assert tiny.table["path"][row].endswith(tiny.table["video"][row])
        assert tiny.table["video"][row].startswith(tiny.classes[label])
    assert (tiny.table["frames"] == 20).all()
    assert (tiny.table["width"] == 64).all()
    assert (tiny.table["height"] == 48).all()


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("sampling", ["random", "centre", "windows", "spaced"])
def test_a_clip_shows_the_frames_that_its_sampling_chose(tiny_ucf101, read_numbers, cached, sampling):
    ds = open_dataset("ucf101", tiny_ucf101, spec=SPEC, sampling=sampling, k=3, cached=cached, progress=False)
    for index in range(0, len(ds), 3):
        assert read_numbers(ds[(2, index)][0]) == ds.frame_numbers(index, epoch=2).tolist()


def test_a_clip_longer_than_its_video_loops(tiny_ucf101, read_numbers):
    ds = open_dataset("ucf101", tiny_ucf101, spec=SPEC.but(frames=30, stride=1), sampling="centre", progress=False)
    assert read_numbers(ds[0][0]) == [*range(20), *range(10)]


def test_a_video_of_one_frame_gives_clips_of_that_frame(write_numbered, tmp_path, read_numbers):
    write_numbered(tmp_path / "train" / "a" / "one.mp4", frames=1)
    write_numbered(tmp_path / "test" / "a" / "one.mp4", frames=1)
    for sampling in ("random", "centre", "windows", "spaced"):
        ds = open_dataset("folder", tmp_path, spec=SPEC, sampling=sampling, progress=False)
        assert read_numbers(ds[0][0]) == [0, 0, 0, 0]


def test_a_target_rate_is_met_from_each_files_own(tiny_ucf101, read_numbers):
    spec = SPEC.but(stride=1, fps=12.5)  # the files have 25 frames/s
    ds = open_dataset("ucf101", tiny_ucf101, spec=spec, sampling="windows", progress=False)
    assert len(ds) == 12 * 3
    assert [read_numbers(ds[i][0]) for i in range(3)] == [[0, 2, 4, 6], [8, 10, 12, 14], [16, 18, 16, 18]]


def test_windows_give_one_item_per_video_and_window(tiny):
    windows = tiny.with_sampling("windows")
    assert len(windows) == 12 * 6  # 20 frames: two blocks of 8 in 2 clips each, and 4 frames left in 2 more
    np.testing.assert_array_equal(windows.rows, np.repeat(np.arange(12), 6))
    for row in (0, 11):
        items = np.flatnonzero(windows.rows == row)
        assert all(windows[int(i)][2] == row for i in items)
        seen = {n for i in items for n in windows.frame_numbers(int(i)).tolist()}
        assert seen == set(range(20))


def test_spaced_sampling_gives_k_items_per_video(tiny):
    spaced = tiny.with_sampling("spaced", k=5)
    assert len(spaced) == 60
    assert [spaced[i][2] for i in (0, 4, 5, 59)] == [0, 0, 1, 11]


def test_start_and_end_keep_clips_inside_a_part_of_a_video(tiny):
    table = tiny.table.assign(start=5, end=13)
    for sampling in ("random", "centre", "windows", "spaced"):
        part = VideoDataset(table, tiny.classes, SPEC, sampling=sampling)
        for epoch in range(5):
            numbers = part.frame_numbers(0, epoch)
            assert 5 <= numbers.min() <= numbers.max() < 13


def test_an_index_outside_the_dataset_is_an_index_error_so_that_a_loop_ends(tiny):
    with pytest.raises(IndexError, match="no item 12"):
        tiny[12]
    assert same(tiny[-1], tiny[11])
    assert len(list(tiny)) == 12


# ---------------------------------------------------------------------- randomness


def test_an_item_is_a_pure_function_of_seed_epoch_and_index(tiny_ucf101, tiny):
    again = open_dataset("ucf101", tiny_ucf101, spec=SPEC, progress=False)
    forwards = [tiny[(3, i)] for i in range(12)]
    backwards = [again[(3, i)] for i in reversed(range(12))][::-1]
    assert all(same(a, b) for a, b in zip(forwards, backwards, strict=True))
    assert same(tiny[5], tiny[(0, 5)])


def test_another_epoch_seed_or_index_draws_another_clip(tiny_ucf101, tiny):
    other_seed = open_dataset("ucf101", tiny_ucf101, spec=SPEC, seed=1, progress=False)
    per_epoch = {tuple(tiny.frame_numbers(0, epoch)) for epoch in range(30)}
    per_index = {tuple(tiny.frame_numbers(index)) for index in range(12)}
    assert len(per_epoch) > 5
    assert len(per_index) > 3
    assert any((tiny.frame_numbers(i) != other_seed.frame_numbers(i)).any() for i in range(12))


def test_the_global_generators_are_neither_read_nor_moved(tiny):
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    before = tiny[(1, 1)], torch.rand(1), np.random.rand()  # noqa: NPY002
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    after_state = torch.rand(1), np.random.rand()  # noqa: NPY002
    assert before[1:] == after_state
    torch.manual_seed(99)
    assert same(before[0], tiny[(1, 1)])


def test_the_default_loader_collates_items(tiny):
    clips, labels, rows = next(iter(DataLoader(tiny, batch_size=5)))
    assert clips.shape == (5, 4, 3, 16, 16)
    assert clips.dtype == torch.uint8
    assert labels.tolist() == tiny.labels[:5].tolist()
    assert rows.tolist() == list(range(5))


@pytest.mark.slow
@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("start", multiprocessing.get_all_start_methods())
def test_workers_give_the_same_items_however_they_are_started(tiny_ucf101, start, cached):
    ds = open_dataset("ucf101", tiny_ucf101, spec=SPEC, cached=cached, progress=False)
    here = [ds[(1, i)] for i in range(12)]  # opens readers, which the workers must not share
    order = [(1, i) for i in range(12)]
    loader = DataLoader(ds, batch_size=4, sampler=order, num_workers=2, multiprocessing_context=start)
    there = list(loader)
    assert torch.equal(torch.cat([batch[0] for batch in there]), torch.stack([item[0] for item in here]))
    assert torch.cat([batch[2] for batch in there]).tolist() == list(range(12))


def test_a_pickled_dataset_carries_no_open_file_and_gives_the_same_items(tiny):
    first = tiny[(1, 3)]
    assert tiny._readers
    data = pickle.dumps(tiny)
    again = pickle.loads(data)
    assert not again._readers
    assert same(first, again[(1, 3)])


def test_a_process_keeps_few_files_open(tiny):
    for index in range(12):
        tiny[index]
    assert len(tiny._readers) == OPEN_READERS


# ---------------------------------------------------------------------- transforms and flips


def test_training_crops_and_flips_and_evaluation_takes_the_centre(tiny):
    assert tiny.transform == TrainTransform(SPEC)
    assert tiny.with_sampling("windows").transform == EvalTransform(SPEC)
    assert tiny.with_sampling("windows").with_sampling("random").transform == TrainTransform(SPEC)


def test_a_transform_of_ones_own_gets_whole_frames_and_a_generator(tiny):
    def corner(clip, rng):
        assert clip.shape == (4, 3, 48, 64)
        return clip[..., :7, : int(rng.integers(9, 10))]

    own = tiny.with_transform(corner)
    assert own[0][0].shape == (4, 3, 7, 9)
    assert own.with_transform(None).transform == tiny.transform


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("safe", [0, 1, 2]),
        ("forbidden", [0, 1, 2]),
        ({"clap": "jump", "jump": "clap", "wave": "wave"}, [1, 0, 2]),
        ({0: 1, 1: 0}, [1, 0, 2]),
    ],
)
def test_a_flip_changes_labels_as_the_dataset_declares(tiny_ucf101, rule, expected):
    always = TrainTransform(SPEC, crop="centre", flip=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = open_dataset("ucf101", tiny_ucf101, spec=SPEC, transform=always, flip=rule, progress=False)
    assert [ds[row][1] for row in (0, 4, 8)] == expected


def test_clips_are_mirrored_only_where_the_rule_allows(tmp_path, monkeypatch):
    from labkit.data.encode import write_video

    ramp = np.broadcast_to(np.linspace(0, 250, 64).astype(np.uint8)[None, None, :, None], (8, 64, 64, 3)).copy()
    for name in ("left", "other", "right"):
        for top in ("train", "test"):
            (tmp_path / top / name).mkdir(parents=True)
            write_video(tmp_path / top / name / "v.mp4", ramp)
    always = TrainTransform(SPEC, crop="centre", flip=1.0)
    rule = {"left": "right", "right": "left"}
    ds = open_dataset("folder", tmp_path, spec=SPEC, transform=always, flip=rule, progress=False)
    rising = [bool(ds[i][0][0, 0, 8, 0] < ds[i][0][0, 0, 8, -1]) for i in range(3)]
    assert rising == [False, True, False]
    assert [ds[i][1] for i in range(3)] == [2, 1, 0]
    with pytest.warns(UserWarning, match="clips are not flipped"):
        never = open_dataset("folder", tmp_path, spec=SPEC, transform=always, flip="forbidden", progress=False)
    assert all(never[i][0][0, 0, 8, 0] < never[i][0][0, 0, 8, -1] for i in range(3))


def test_a_class_whose_mirror_image_is_left_out_is_never_flipped(tiny_ucf101, monkeypatch):
    rule = {"clap": "jump", "jump": "clap", "wave": "wave"}
    monkeypatch.setitem(
        dataset_kinds.KINDS, "ucf101", dataset_kinds.Kind(layouts.ucf101, "", flip=lambda classes: rule)
    )
    ds = open_dataset("ucf101", tiny_ucf101, spec=SPEC, classes=["wave", "clap"], progress=False)
    assert ds.flip == {0: 0}
    always = ds.with_transform(TrainTransform(SPEC, flip=1.0))
    assert sorted({always[i][1] for i in range(len(always))}) == [0, 1]


@pytest.mark.parametrize("rule", [{"clap": "jmup"}, {0: 3}, "forbiden"])
def test_a_flip_rule_that_names_no_class_is_refused(tiny_ucf101, rule):
    with pytest.raises(ValueError, match=r"no class 'jmup'; did you mean 'jump'|label 3 is outside|'forbidden'"):
        open_dataset("ucf101", tiny_ucf101, spec=SPEC, flip=rule, progress=False)


# ---------------------------------------------------------------------- choosing


def test_chosen_classes_are_numbered_in_the_order_given(tiny_ucf101):
    ds = open_dataset("ucf101", tiny_ucf101, spec=SPEC, classes=["wave", "clap"], progress=False)
    assert ds.classes == ("wave", "clap")
    assert sorted(ds.table["video"].str.split("/").str[0].unique()) == ["clap", "wave"]
    assert all(video.startswith(ds.classes[label]) for video, label in zip(ds.table["video"], ds.labels, strict=True))


def test_a_smaller_limit_is_a_subset_of_a_larger_and_another_seed_another_choice(tiny_ucf101):
    def chosen(limit, seed=0):
        ds = open_dataset("ucf101", tiny_ucf101, spec=SPEC, limit=limit, seed=seed, progress=False)
        assert (np.bincount(ds.labels) == min(limit, 4)).all()
        return set(ds.table["video"])

    one, two, three, many = (chosen(limit) for limit in (1, 2, 3, 100))
    assert one < two < three < many
    assert chosen(2) == two
    assert any(chosen(2, seed) != two for seed in range(1, 5))


def test_a_subset_counts_its_rows_anew(tiny):
    part = tiny.subset([7, 2])
    assert part.table["video"].tolist() == tiny.table["video"].iloc[[7, 2]].tolist()
    assert part[0][1:] == (int(tiny.labels[7]), 0)
    assert len(tiny.subset(tiny.labels == 1)) == 4
    assert len(part.with_sampling("windows")) == 12


def test_train_and_test_share_no_video_and_val_is_said_to_be_the_test_list(tiny_ucf101):
    train, val, test = (
        open_dataset("ucf101", tiny_ucf101, subset, spec=SPEC, progress=False) for subset in ("train", "val", "test")
    )
    assert not set(train.table["video"]) & set(test.table["video"])
    assert val.table.equals(test.table)
    assert "val is the test list" in val.describe()
    assert "val is" not in test.describe()


def test_describe_tells_videos_classes_clips_and_the_spec(tiny):
    text = tiny.with_sampling("windows").describe()
    for fact in ("ucf101 train", "12 videos", "3 classes", "72 clips", "4 frames", "every 2", "16×16"):
        assert fact in text
    assert text in repr(tiny.with_sampling("windows"))


@pytest.mark.parametrize("root", [None, ""])
def test_motion_is_generated_where_no_root_is_given(tiny_ucf101, monkeypatch, root):
    from labkit.data import motion

    monkeypatch.setattr(motion, "generate", lambda: tiny_ucf101)
    ds = open_dataset("motion", root, spec=SPEC, progress=False)
    assert len(ds) == 12
    assert ds.transform == TrainTransform(SPEC, crop="centre", flip=0.0)


def test_hmdb51_opens_with_its_own_lists(write_numbered, tmp_path, read_numbers):
    (tmp_path / "testTrainMulti_7030_splits").mkdir()
    for name in ("brush_hair", "wave"):
        lines = []
        for i, use in enumerate((0, 1, 1, 2)):
            write_numbered(tmp_path / "hmdb51_org" / name / f"{name}_#{i}.mp4")
            lines.append(f"{name}_#{i}.mp4 {use} ")
        (tmp_path / "testTrainMulti_7030_splits" / f"{name}_test_split2.txt").write_text("\n".join(lines))
    train = open_dataset("hmdb51", tmp_path, split=2, spec=SPEC, progress=False)
    test = open_dataset("hmdb51", tmp_path, "test", split=2, spec=SPEC, sampling="centre", progress=False)
    assert train.labels.tolist() == [0, 0, 1, 1]
    assert test.table["video"].tolist() == ["brush_hair/brush_hair_#3.mp4", "wave/wave_#3.mp4"]
    assert read_numbers(test[1][0]) == [6, 8, 10, 12]


# ---------------------------------------------------------------------- what a user gets wrong


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "ucf10"}, "no dataset 'ucf10'; did you mean 'ucf101'"),
        ({"name": "zzz"}, "no dataset 'zzz'; there are motion, ucf101"),
        ({"subset": "tain"}, "did you mean 'train'"),
        ({"sampling": "window"}, "did you mean 'windows'"),
        ({"on_error": "stop"}, "there are skip, raise"),
        ({"classes": ["wavee"]}, "no class 'wavee'; did you mean 'wave'"),
        ({"classes": ["wave", "wave"]}, "each once"),
        ({"classes": []}, "at least one class"),
        ({"limit": 0}, "at least 1"),
        ({"k": 0}, "at least 1"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_is_not_there_names_the_nearest_that_is(tiny_ucf101, arguments, message):
    with pytest.raises(ValueError, match=message):
        open_dataset(**({"name": "ucf101", "root": tiny_ucf101, "spec": SPEC, "progress": False} | arguments))


@pytest.mark.parametrize("name", ["ucf101", "hmdb51", "folder"])
def test_no_root_a_missing_one_and_an_empty_one_say_which_layout_is_wanted(tmp_path, name):
    for root in (None, "", tmp_path / "nowhere", tmp_path):
        with pytest.raises(LayoutError, match="ROOT/"):
            open_dataset(name, root, spec=SPEC)


def test_a_subset_without_videos_is_an_error(write_numbered, tmp_path):
    write_numbered(tmp_path / "a" / "only.mp4")
    assert len(open_dataset("folder", tmp_path, spec=SPEC, progress=False)) == 1
    with pytest.raises(LayoutError, match="no video for the subset 'test'"):
        open_dataset("folder", tmp_path, "test", spec=SPEC, progress=False)


def test_a_label_outside_the_list_of_classes_is_refused(tiny):
    with pytest.raises(ValueError, match=r"clap.*label 0 is outside the list of 0 classes"):
        VideoDataset(tiny.table, [], SPEC)


def spoil(root):
    """Make five of nine training videos unreadable, each in another way."""
    zero, cut, text, sound, gone = sorted(root.glob("videos/*/*_g0[01]_*"))[:5]
    zero.write_bytes(b"")
    cut.write_bytes(cut.read_bytes()[:300])
    text.write_text("This is not a video.\n" * 50)
    write_sound(sound)
    gone.unlink()
    return [str(path) for path in (zero, cut, text, sound, gone)]


def write_sound(path):
    import av

    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        for _ in range(8):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 16000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_unreadable_videos_are_named_counted_and_left_out(own_ucf101):
    spoiled = spoil(own_ucf101)
    with pytest.warns(UserWarning, match=r"5 of 9 videos cannot be read.*\.report lists them all"):
        ds = open_dataset("ucf101", own_ucf101, spec=SPEC, progress=False)
    assert len(ds) == 4
    assert sorted(ds.report["path"]) == sorted(spoiled)
    assert (ds.report["reason"].str.len() > 5).all()
    assert not set(ds.table["path"]) & set(spoiled)
    assert "left out: 5 videos" in ds.describe()
    assert [len(item[0]) for item in ds] == [4] * 4


def test_the_report_is_complete_when_the_index_comes_from_the_cache(own_ucf101):
    spoil(own_ucf101)
    with pytest.warns(UserWarning, match="5 of 9"):
        first = open_dataset("ucf101", own_ucf101, spec=SPEC, progress=False)
    with pytest.warns(UserWarning, match="5 of 9"):
        second = open_dataset("ucf101", own_ucf101, spec=SPEC, progress=False)
    assert second.report.equals(first.report)


def test_unreadable_videos_can_be_an_error(own_ucf101):
    spoil(own_ucf101)
    with pytest.raises(VideoError, match=r"\.mp4.*5 of the dataset's videos cannot be read"):
        open_dataset("ucf101", own_ucf101, spec=SPEC, on_error="raise", progress=False)


def test_a_dataset_of_unreadable_videos_is_an_error(own_ucf101):
    for path in own_ucf101.glob("videos/*/*"):
        path.write_bytes(b"")
    with pytest.raises(VideoError, match="9 of the dataset's videos cannot be read"):
        open_dataset("ucf101", own_ucf101, spec=SPEC, progress=False)


@pytest.mark.parametrize("how", ["deleted", "emptied", "shorter"])
def test_a_video_that_goes_bad_after_the_index_is_named(own_ucf101, write_numbered, how):
    ds = open_dataset("ucf101", own_ucf101, spec=SPEC, progress=False).with_sampling("windows")
    path = own_ucf101 / "videos" / ds.table["video"][0]
    if how == "deleted":
        path.unlink()
    elif how == "emptied":
        path.write_bytes(b"")
    else:
        write_numbered(path, frames=3)
    last = int(np.flatnonzero(ds.rows == 0)[-1])
    with pytest.raises(VideoError, match=path.name):
        ds[last]


def write_avi(path):
    """48 frames of noise as MPEG-4 in AVI, a container that can be read as far as it goes."""
    import av

    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(48):
            picture = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def test_a_video_cut_short_is_used_as_far_as_it_can_be_read_and_that_is_said(tmp_path):
    for top in ("train", "test"):
        (tmp_path / top / "a").mkdir(parents=True)
        write_avi(tmp_path / top / "a" / "noise.avi")
    cut = tmp_path / "train" / "a" / "noise.avi"
    data = cut.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    ds = open_dataset("folder", tmp_path, spec=SPEC, sampling="windows", progress=False)
    assert 10 < ds.table["frames"][0] < 48
    assert ds.table["damage"][0]
    assert "used up to the damage: 1 video," in ds.describe()
    shown = {n for i in range(len(ds)) for n in ds.frame_numbers(i).tolist()}
    assert shown == set(range(ds.table["frames"][0]))
    assert all(item[0].shape == (4, 3, 16, 16) for item in ds)


# ---------------------------------------------------------------------- index and cache


@pytest.fixture
def probed(monkeypatch):
    """The paths that the index looks into, in order."""
    seen, real = [], dataset_index.probe

    def count(path):
        seen.append(path.name)
        return real(path)

    monkeypatch.setattr(dataset_index, "probe", count)
    return seen


def test_a_second_open_looks_into_no_file_and_a_changed_file_is_looked_into_again(own_ucf101, probed, write_numbered):
    first = open_dataset("ucf101", own_ucf101, spec=SPEC, progress=False)
    assert len(probed) == 9
    assert open_dataset("ucf101", own_ucf101, spec=SPEC, progress=False).table.equals(first.table)
    assert len(probed) == 9
    write_numbered(own_ucf101 / "videos" / first.table["video"][4], frames=7)
    changed = open_dataset("ucf101", own_ucf101, spec=SPEC, progress=False)
    assert len(probed) == 10
    assert changed.table["frames"].tolist() == [20] * 4 + [7] + [20] * 4


def test_an_interrupted_index_goes_on_where_it_stopped(own_ucf101, monkeypatch):
    real, seen = dataset_index.probe, []

    def interrupted(path):
        if len(seen) == 5:
            raise KeyboardInterrupt
        seen.append(path.name)
        return real(path)

    monkeypatch.setattr(dataset_index, "probe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_dataset("ucf101", own_ucf101, spec=SPEC, progress=False)
    rest = []
    monkeypatch.setattr(dataset_index, "probe", lambda path: rest.append(path.name) or real(path))
    ds = open_dataset("ucf101", own_ucf101, spec=SPEC, progress=False)
    assert len(seen) == 5
    assert len(rest) == 4
    assert not set(rest) & set(seen)
    assert len(ds) == 9


def test_an_index_that_cannot_be_kept_is_only_a_warning(own_ucf101, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("where the cache folder would be")
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "file"))
    with pytest.warns(
        UserWarning, match=f"the index of {re.escape(str(own_ucf101))} cannot be kept.* set LABKIT_CACHE"
    ):
        dataset = open_dataset("ucf101", own_ucf101, "train", spec=SPEC)
    assert len(dataset.table) > 0
    assert dataset[0][0].shape[0] == SPEC.frames


def test_an_index_file_that_was_cut_short_is_made_again(own_ucf101):
    first = open_dataset("ucf101", own_ucf101, spec=SPEC, progress=False)
    file = dataset_index.index_file(own_ucf101)
    file.write_bytes(file.read_bytes()[:100])
    assert open_dataset("ucf101", own_ucf101, spec=SPEC, progress=False).table.equals(first.table)


def test_an_index_made_by_processes_is_the_same(own_ucf101, monkeypatch, tmp_path):
    from labkit.data import processes

    here = open_dataset("ucf101", own_ucf101, spec=SPEC, progress=False)
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "other"))
    monkeypatch.setattr(processes, "TRIAL_SECONDS", -1.0)
    monkeypatch.setattr(processes, "WORTH_SECONDS", -1.0)
    there = open_dataset("ucf101", own_ucf101, spec=SPEC, workers=2, progress=False)
    assert there.table.equals(here.table)


def test_cached_frames_are_the_decoders(own_ucf101):
    spec = SPEC.but(size=24)
    plain = open_dataset("ucf101", own_ucf101, spec=spec, sampling="windows", progress=False)
    cached = open_dataset("ucf101", own_ucf101, spec=spec, sampling="windows", cached=True, progress=False)
    assert all(same(plain[i], cached[i]) for i in range(len(plain)))


def test_cached_frames_are_decoded_once_and_found_again(own_ucf101, monkeypatch):
    first = open_dataset("ucf101", own_ucf101, spec=SPEC, cached=True, progress=False)
    item = first[(1, 2)]

    def refuse(task):
        raise AssertionError("decoded again")

    monkeypatch.setattr(frame_cache, "_decode", refuse)
    again = open_dataset("ucf101", own_ucf101, spec=SPEC, cached=True, progress=False)
    assert same(again[(1, 2)], item)
    assert same(pickle.loads(pickle.dumps(again))[(1, 2)], item)
    assert same(again.subset([2]).with_sampling("centre")[0], (again.with_sampling("centre")[2][0], item[1], 0))


def test_decoding_into_the_cache_that_is_interrupted_leaves_nothing_half(own_ucf101, monkeypatch, tmp_path):
    real, done = frame_cache._decode, []

    def interrupted(task):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(real(task))

    monkeypatch.setattr(frame_cache, "_decode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_dataset("ucf101", own_ucf101, spec=SPEC, cached=True, progress=False)
    assert list((tmp_path / "cache" / "frames").iterdir()) == []


def test_a_disk_without_room_is_said_before_anything_is_decoded(own_ucf101, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(total=10, used=9, free=1))
    with pytest.raises(OSError, match=r"9 videos decoded to short side 18 take .* MB free.*cached=False"):
        open_dataset("ucf101", own_ucf101, spec=SPEC, cached=True, progress=False)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot take a file's blocks beforehand")
def test_a_disk_that_fills_up_under_the_frames_is_an_error_and_leaves_no_file(own_ucf101, monkeypatch, tmp_path):
    def full(descriptor, offset, size):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match=f"{os.strerror(errno.ENOSPC)}: .*frames"):
        open_dataset("ucf101", own_ucf101, spec=SPEC, cached=True, progress=False)
    assert list((tmp_path / "cache" / "frames").iterdir()) == []


# ---------------------------------------------------------------------- real files


@pytest.mark.real_data
def test_real_clips_laid_out_as_ucf101_open_and_show_the_decoders_frames(real_data, tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    files = {
        "ApplyEyeMakeup": ["v_ApplyEyeMakeup_g01_c01.avi"],
        "BaseballPitch": ["v_BaseballPitch_g01_c01.avi"],
        "CleaningPool": ["cleaning_pool.mp4", "cleaning_pool_32_frames.mp4"],
    }
    root, lines = tmp_path / "ucf", []
    for number, (name, videos) in enumerate(files.items(), start=1):
        (root / "videos" / name).mkdir(parents=True)
        for video in videos:
            shutil.copy(real_data / "videos" / video, root / "videos" / name / video)
            lines.append(f"{name}/{video} {number}")
    (root / "splits").mkdir()
    (root / "splits" / "classInd.txt").write_text("".join(f"{i} {name}\n" for i, name in enumerate(files, start=1)))
    (root / "splits" / "trainlist01.txt").write_text("\n".join(lines))
    spec = ClipSpec(frames=16, size=112)
    ds = open_dataset("ucf101", root, spec=spec, sampling="windows", progress=False)
    assert ds.table["frames"].tolist() == [164, 107, 300, 32]
    assert ds.report.empty
    for index in np.linspace(0, len(ds) - 1, 8).round().astype(int).tolist():
        clip, label, row = ds[index]
        assert label == ds.labels[row]
        with VideoReader(ds.table["path"][row]) as reader:
            numbers = ds.frame_numbers(index)
            order, back = np.unique(numbers, return_inverse=True)
            expected = reader.at(order, size=112)[back]
        left = round((expected.shape[2] - 112) / 2)
        np.testing.assert_array_equal(clip.permute(0, 2, 3, 1), expected[:, :, left : left + 112])
    training = ds.with_sampling("random")
    clips, _, _ = next(iter(DataLoader(training, batch_size=4)))
    assert clips.shape == (4, 16, 3, 112, 112)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (None, (0, 100)),
        ((1.0, 2.5), (10, 25)),
        ((1.04, 2.46), (10, 25)),  # each frame that the part touches
        ((9.99, 30.0), (99, 100)),
        ((20.0, 30.0), (99, 100)),
    ],
)
def test_a_part_of_a_video_is_given_in_seconds_and_holds_at_least_a_frame(span, expected):
    facts = pd.DataFrame({"frames": [100], "fps": [10.0]})
    (start,), (end,) = spans([Entry(Path("a.mp4"), 0, "a", span)], facts)
    assert (start, end) == expected
