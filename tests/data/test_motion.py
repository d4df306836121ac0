"""The motion dataset: twins are exact reversals, appearance is independent of motion, and files appear whole or not."""

import csv
import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from labkit.data import motion
from labkit.data.datasets import open_dataset
from labkit.data.glyphs import COLOURS, SHAPES, TEXTURES
from labkit.data.motion import CLIP, FLIPS, MOTIONS, PAIRS, TWINS, draw_scene, generate, render
from labkit.data.motion_labels import relabel
from labkit.data.order import Reordered
from labkit.data.transforms import EvalTransform
from labkit.data.video import VideoReader


def scenes(count: int = 6) -> list[motion.Scene]:
    return [draw_scene(np.random.default_rng([7, i])) for i in range(count)]


def labels(root: Path) -> list[dict[str, str]]:
    with (root / "labels.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    return generate(tmp_path_factory.mktemp("motion") / "small", videos=120, progress=False)


# ---------------------------------------------------------------- pixels


@pytest.mark.parametrize("name", MOTIONS)
def test_a_clip_is_its_twins_reversed_in_time_to_the_last_bit(name):
    for scene in scenes():
        for frames in (16, 9):
            clip = render(name, scene, frames=frames)
            np.testing.assert_array_equal(clip[::-1], render(TWINS[name], scene, frames=frames))


@pytest.mark.parametrize("name", MOTIONS)
def test_a_mirrored_clip_is_the_clip_of_the_class_that_flips_names(name):
    for scene in scenes():
        clip = render(name, scene)
        np.testing.assert_array_equal(clip[:, :, ::-1], render(FLIPS[name], scene.in_mirror()))


@pytest.mark.parametrize("name", MOTIONS)
def test_a_clip_moves_and_is_not_its_own_reversal(name):
    for scene in scenes():
        clip = render(name, scene)
        assert np.abs(clip[0] - clip[-1]).max() > 50
        assert not np.array_equal(clip, render(TWINS[name], scene))


def test_the_middle_of_a_clip_is_the_same_whatever_the_motion_but_for_orbits():
    for scene in scenes(3):
        middles = [render(name, scene, frames=9)[4] for name in MOTIONS if not name.startswith("Orbit")]
        for middle in middles[1:]:
            np.testing.assert_array_equal(middle, middles[0])


def test_no_shape_looks_the_same_after_a_smaller_turn():
    for shape in SHAPES:
        scene = motion.Scene(shape, "plain", "white", False, 20.0, 0.0, 0.0, 0.0, 9.0, (1.0, 0.0), 1.0)
        still = render("MoveLeft", scene, frames=3)[1]
        for part in range(1, 12):
            turned = motion.replace(scene, angle=part * np.pi / 6)
            assert np.abs(render("MoveLeft", turned, frames=3)[1] - still).mean() > 2, (shape, part)


def test_a_more_difficult_clip_moves_less():
    for scene in scenes():
        moved = [np.abs(np.diff(render("MoveUp", scene, difficulty=d), axis=0)).mean() for d in (0.5, 1.0, 3.0)]
        assert moved[0] > moved[1] > moved[2]


def test_coding_treats_every_frame_alike_so_the_files_of_twins_are_reversed_too(tmp_path):
    rng = np.random.default_rng(0)
    for i, scene in enumerate(scenes(4)):
        clean = render("Grow", scene)
        noisy = np.clip(np.rint(clean + rng.normal(0, 5, clean.shape)), 0, 255).astype(np.uint8)
        forward = motion.write_video(tmp_path / f"{i}.mp4", noisy, motion.FPS, qp=motion.QP, gop=1)
        backward = motion.write_video(tmp_path / f"{i}r.mp4", noisy[::-1], motion.FPS, qp=motion.QP, gop=1)
        with VideoReader(forward) as one, VideoReader(backward) as other:
            np.testing.assert_array_equal(one.frames(0, 16), other.frames(0, 16)[::-1])


# ---------------------------------------------------------------- tables


def test_there_are_twelve_motions_in_pairs_and_twins_and_flips_undo_themselves():
    assert len(MOTIONS) == 12
    assert {name for pair in PAIRS for name in pair} == set(MOTIONS) == set(TWINS) == set(FLIPS)
    for table in (TWINS, FLIPS):
        assert all(table[table[name]] == name for name in MOTIONS)
    assert all(TWINS[name] != name for name in MOTIONS)
    assert len(COLOURS) >= len(MOTIONS)  # `bias` gives each motion a colour of its own


def test_reversal_maps_the_courses_two_clips_of_a_video_onto_each_other():
    assert motion.FRAMES - CLIP.span == 1
    even, odd = np.arange(0, 16, 2), np.arange(1, 16, 2)
    np.testing.assert_array_equal(motion.FRAMES - 1 - even[::-1], odd)


# ---------------------------------------------------------------- files


def test_the_folder_is_laid_out_as_ucf101(small):
    names = [line.split()[1] for line in (small / "splits/classInd.txt").read_text().splitlines()]
    assert names == list(MOTIONS)
    train = [line.split() for line in (small / "splits/trainlist01.txt").read_text().splitlines()]
    test = (small / "splits/testlist01.txt").read_text().split()
    assert all(names[int(number) - 1] == path.split("/")[0] for path, number in train)
    on_disk = {path.relative_to(small / "videos").as_posix() for path in (small / "videos").rglob("*.mp4")}
    assert {path for path, _ in train} | set(test) == on_disk
    assert len(train) + len(test) == len(on_disk) == 120
    assert Counter(path.split("/")[0] for path in on_disk) == dict.fromkeys(MOTIONS, 10)


def test_no_group_is_in_both_training_and_test(small):
    groups = {
        subset: {row["group"] for row in labels(small) if row["subset"] == subset} for subset in ("train", "test")
    }
    assert groups["train"]
    assert groups["test"]
    assert not groups["train"] & groups["test"]


def test_a_file_is_h264_of_the_asked_size_and_length(tmp_path):
    root = generate(tmp_path / "m", videos=24, frames=9, size=48, progress=False)
    with VideoReader(next(root.rglob("*.mp4"))) as video:
        assert (video.info.codec, video.info.frames, video.info.width, video.info.height) == ("h264", 9, 48, 48)


def test_a_decoded_file_shows_its_scene(small):
    settings = motion.Settings(videos=120)
    for video in motion._plan(120)[::17]:
        scene, _ = motion.scene_of(video, settings)
        with VideoReader(small / "videos" / video.path) as file:
            shown = file.frames(0, 16).astype(np.float32)
        # Halved colour resolution and coding change edges; on the whole it is the same picture.
        assert np.abs(shown - render(video.motion, scene)).mean() < 8


def test_the_same_seed_gives_the_same_bytes_whatever_the_workers(small, tmp_path):
    again = generate(tmp_path / "again", videos=120, workers=3, progress=False)
    assert contents(again) == contents(small)
    other = generate(tmp_path / "other", videos=120, seed=1, progress=False)
    assert contents(other)["labels.csv"] != contents(small)["labels.csv"]


def test_a_small_set_is_the_beginning_of_a_large_one(small, tmp_path):
    smaller = contents(generate(tmp_path / "smaller", videos=24, progress=False))
    larger = contents(small)
    assert all(larger[name] == file for name, file in smaller.items() if name.endswith(".mp4"))


def test_the_smallest_set_has_a_training_and_a_test_video_of_each_class(tmp_path):
    rows = labels(generate(tmp_path / "m", videos=24, progress=False))
    assert Counter((row["motion"], row["subset"]) for row in rows) == {
        (name, subset): 1 for name in MOTIONS for subset in ("train", "test")
    }


def test_appearance_does_not_depend_on_motion():
    plan = motion._plan(12 * 400)
    drawn = [(video.motion, motion.scene_of(video, motion.Settings(seed=5))[0]) for video in plan]
    for what, table in (("shape", SHAPES), ("texture", TEXTURES), ("colour", COLOURS)):
        counts = Counter((name, getattr(scene, what)) for name, scene in drawn)
        expected = 400 / len(table)
        chi2 = sum((counts[name, value] - expected) ** 2 / expected for name in MOTIONS for value in table)
        freedom = 12 * (len(table) - 1)
        assert chi2 < freedom + 4 * (2 * freedom) ** 0.5, what


@pytest.mark.parametrize("bias", [0.0, 0.5, 1.0])
def test_bias_ties_a_colour_to_a_motion_in_training_only(bias):
    plan = motion._plan(12 * 200)
    own = dict(zip(MOTIONS, COLOURS, strict=True))
    for subset, tied in (("train", bias), ("test", 0.0)):
        videos = [video for video in plan if video.subset == subset]
        hits = [motion.scene_of(v, motion.Settings(bias=bias))[0].colour == own[v.motion] for v in videos]
        expected = tied + (1 - tied) / len(COLOURS)
        assert abs(np.mean(hits) - expected) <= 4 * (expected * (1 - expected) / len(hits)) ** 0.5


def test_bias_changes_nothing_but_the_colour():
    for video in motion._plan(60):
        plain, _ = motion.scene_of(video, motion.Settings())
        tied, _ = motion.scene_of(video, motion.Settings(bias=1.0))
        assert motion.replace(tied, colour=plain.colour) == plain


def test_asking_again_returns_the_folder_without_making_it_again(small):
    before = {path: path.stat().st_mtime_ns for path in small.rglob("*")}
    assert generate(small, videos=120, progress=False) == small
    assert {path: path.stat().st_mtime_ns for path in small.rglob("*")} == before


def test_in_a_copied_cache_no_video_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "stick"))
    made = generate(videos=24, progress=False)
    copied = tmp_path / "教室 1"
    (tmp_path / "stick").rename(copied)
    monkeypatch.setenv("LABKIT_CACHE", str(copied))
    monkeypatch.delattr("labkit.data.motion.create_folder")
    assert generate(videos=24, progress=False) == copied / made.relative_to(tmp_path / "stick")


def test_the_default_folder_is_named_after_all_settings():
    keys = {motion.Settings(**changed).key for changed in ({}, {"seed": 1}, {"noise": 0.1}, {"bias": 1}, {"size": 32})}
    assert len(keys) == 5
    assert motion.Settings(difficulty=1).key == motion.Settings(difficulty=1.0).key
    made = generate(videos=24, frames=4, size=16, progress=False)
    assert made.name == motion.Settings(videos=24, frames=4, size=16).key
    assert json.loads((made / "motion.json").read_text())["frames"] == 4


# ---------------------------------------------------------------- as a dataset


def test_videos_can_be_labelled_by_appearance_or_by_both(small):
    ds = open_dataset("motion", small, "train", spec=CLIP, progress=False)
    rows = {row["video"]: row for row in labels(small)}
    truth = [rows[video] for video in ds.table["video"]]
    shape, both = relabel(ds, "shape"), relabel(ds, "shape-motion")
    assert [shape.classes[i] for i in shape.labels] == [row["shape"] for row in truth]
    assert [both.classes[i] for i in both.labels] == [f"{row['shape']} {row['motion']}" for row in truth]
    assert (len(shape.classes), len(both.classes)) == (4, 48)
    assert both[3][1] == both.labels[3]


def test_a_flip_of_a_composite_label_changes_its_motion_alone(small):
    both = relabel(open_dataset("motion", small, "test", spec=CLIP, progress=False), "shape-motion")
    names = {both.classes[a]: both.classes[b] for a, b in both.flip.items()}
    assert names["tee MoveLeft"] == "tee MoveRight"
    assert names["tee Grow"] == "tee Grow"


def test_an_unknown_label_names_the_nearest_and_other_datasets_are_refused(small, tmp_path):
    ds = open_dataset("motion", small, "test", spec=CLIP, progress=False)
    with pytest.raises(ValueError, match="did you mean 'colour'"):
        relabel(ds, "color")
    shutil.copytree(small / "videos", tmp_path / "videos")
    with pytest.raises(ValueError, match=r"no labels\.csv"):
        relabel(open_dataset("folder", tmp_path / "videos", spec=CLIP, progress=False), "shape")


def test_a_dataset_of_clips_becomes_one_of_single_frames(small):
    frames = open_dataset("motion", small, "train", spec=CLIP, progress=False).with_spec(CLIP.but(frames=1, stride=1))
    assert frames[0][0].shape == (1, 3, 32, 32)
    assert len({int(frames.frame_numbers(0, epoch)[0]) for epoch in range(100)}) == 16
    assert len(frames.with_sampling("windows")) == 16 * len(frames.table)


def test_reordering_reverses_or_shuffles_the_frames_of_a_clip_and_keeps_them_all(small):
    ds = open_dataset("motion", small, "test", spec=CLIP, sampling="centre", cached=True, progress=False)
    clip = ds[0][0]
    assert torch.equal(ds.with_transform(Reordered(EvalTransform(CLIP), "forward"))[0][0], clip)
    assert torch.equal(ds.with_transform(Reordered(EvalTransform(CLIP), "reversed"))[0][0], clip.flip(0))
    mixed = ds.with_transform(Reordered(EvalTransform(CLIP), "shuffled"))
    orders = set()
    for epoch in range(5):
        frames = mixed[(epoch, 0)][0]
        orders.add(tuple(next(j for j in range(8) if torch.equal(frame, clip[j])) for frame in frames))
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert len(orders) == 5
    with pytest.raises(ValueError, match="no order 'backwards'"):
        Reordered(EvalTransform(CLIP), "backwards")


# ---------------------------------------------------------------- what goes wrong


def test_a_folder_of_other_settings_or_other_things_is_left_alone(small, tmp_path):
    with pytest.raises(ValueError, match=r"other settings \(videos is 120, not 24"):
        generate(small, videos=24, progress=False)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="not empty and not a motion dataset"):
        generate(tmp_path, videos=24, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_whose_settings_are_damaged_is_named(tmp_path):
    for text in ("", "[]", "[" * 100_000):
        (tmp_path / "motion.json").write_text(text)
        with pytest.raises(ValueError, match=r"motion\.json is damaged"):
            generate(tmp_path, videos=24, progress=False)


@pytest.mark.parametrize("linked", [False, *([True] if os.name != "nt" else [])])
def test_the_folder_may_be_a_mount_point_or_a_link(tmp_path, linked):
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "lost+found").mkdir()  # as on a new disk
    root = tmp_path / "link" if linked else disk
    if linked:
        root.symlink_to(disk, target_is_directory=True)
    before = disk.stat().st_ino
    settings = {"videos": 24, "frames": 4, "size": 16}
    assert generate(root, **settings, progress=False) == root
    assert disk.stat().st_ino == before  # never renamed over, which a mount point refuses
    assert len([*disk.glob("videos/*/*.mp4")]) == 24
    assert generate(root, **settings, progress=False) == root


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_kill_in_an_empty_folder_locks_nobody_out(tmp_path):
    command = [sys.executable, "-m", "labkit", "data", "motion", "--root", str(tmp_path), "--videos", "2880"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not [*tmp_path.rglob("*.mp4")]:
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert not (tmp_path / "videos").exists()
    generate(tmp_path, videos=24, frames=4, size=16, progress=False)
    assert len([*tmp_path.glob("videos/*/*.mp4")]) == 24


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"videos": 23}, "videos must be a whole number from 24"),
        ({"videos": 100.0}, "videos must be a whole number"),
        ({"seed": -1}, "seed must be"),
        ({"frames": 1}, "frames must be"),
        ({"size": 33}, "size must be even"),
        ({"size": 8}, "size must be a whole number from 16"),
        ({"difficulty": 0}, "difficulty must be a number from"),
        ({"noise": -0.1}, "noise must be"),
        ({"noise": float("nan")}, "noise must be"),
        ({"bias": 1.5}, "bias must be a number from 0.0 to 1.0"),
        ({"bias": True}, "bias must be"),
        ({"workers": 0}, "workers must be"),
    ],
)
def test_a_setting_out_of_range_is_named_before_anything_is_made(tmp_path, wrong, message):
    with pytest.raises(ValueError, match=message):
        generate(tmp_path / "m", **wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("failure", "shown"),
    [(OSError(errno.ENOSPC, "No space left on device"), "disk is full"), (KeyboardInterrupt("stop"), "stop")],
)
def test_an_interruption_or_a_full_disk_leaves_nothing_half_made(tmp_path, monkeypatch, failure, shown):
    written, write = [], motion.write_video

    def write_some(path, *args, **kwargs):
        written.append(path)
        if len(written) > 5:
            raise failure
        return write(path, *args, **kwargs)

    monkeypatch.setattr(motion, "write_video", write_some)
    with pytest.raises(type(failure), match=shown):
        generate(tmp_path / "m", videos=240, workers=2, progress=False)
    assert len(written) < 120, "the rest was still made"
    assert list(tmp_path.iterdir()) == []


def test_of_two_processes_that_make_the_same_folder_the_second_takes_the_firsts(tmp_path, monkeypatch):
    fill = motion._fill

    def slower(*args):
        monkeypatch.setattr(motion, "_fill", fill)
        first = generate(tmp_path / "m", videos=24, progress=False)
        (first / "first").touch()
        fill(*args)

    monkeypatch.setattr(motion, "_fill", slower)
    assert generate(tmp_path / "m", videos=24, progress=False) == tmp_path / "m"
    assert (tmp_path / "m" / "first").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
