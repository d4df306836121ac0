import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.clip import ClipSpec
from labkit.data import clips

specs = st.builds(ClipSpec, frames=st.integers(1, 24), stride=st.integers(1, 5))
rated_specs = st.builds(
    ClipSpec, frames=st.integers(1, 24), stride=st.integers(1, 5), fps=st.sampled_from([None, 5.0, 12.5, 25.0, 60.0])
)
lengths = st.integers(1, 400)
rates = st.sampled_from([10.0, 23.976, 25.0, 29.97, 50.0])


def all_clips(frames, spec, fps, seed=0, k=4):
    rng = np.random.default_rng(seed)
    return [
        clips.random_clip(frames, spec, rng, fps=fps),
        clips.centre_clip(frames, spec, fps),
        *clips.spaced_clips(frames, spec, k, fps),
        *clips.windows(frames, spec, fps),
    ]


class LastStart(np.random.Generator):
    """A generator whose draws are always the largest, to see the end of the range."""

    def __init__(self):
        super().__init__(np.random.PCG64(0))

    def integers(self, low, high=None, **kwargs):
        return (low if high is None else high) - 1


@settings(deadline=None)
@given(lengths, rated_specs, rates, st.integers(0, 2**32))
def test_every_clip_has_the_specs_length_and_stays_inside_the_video(frames, spec, fps, seed):
    for clip in all_clips(frames, spec, fps, seed):
        assert clip.shape == (spec.frames,)
        assert clip.dtype == np.int64
        assert clip.min() >= 0
        assert clip.max() < frames


@settings(deadline=None)
@given(lengths, specs)
def test_frame_numbers_go_up_by_the_stride_except_where_the_video_is_looped(frames, spec):
    for clip in all_clips(frames, spec, None):
        steps = np.diff(clip)
        assert (steps[steps > 0] <= max(spec.stride, 0)).all() or frames < spec.span
        if frames >= spec.span and spec.frames > 1:
            starts_in_range = clip[0] + spec.span <= frames
            # Only a window at the video's end may be looped when a whole clip would fit.
            assert (steps == spec.stride).all() or not starts_in_range


@settings(deadline=None)
@given(lengths, specs)
def test_a_short_video_is_looped_from_its_first_frame(frames, spec):
    if frames >= spec.span:
        return
    endless = np.tile(np.arange(frames), spec.span)
    expected = endless[: spec.span : spec.stride]
    np.testing.assert_array_equal(clips.centre_clip(frames, spec), expected)
    np.testing.assert_array_equal(clips.random_clip(frames, spec, np.random.default_rng(1)), expected)


@settings(deadline=None)
@given(st.integers(0, 12), specs)
def test_every_start_at_which_the_clip_fits_can_be_drawn_the_last_one_included(room, spec):
    frames = spec.span + room
    rng = np.random.default_rng(0)
    starts = {int(clips.random_clip(frames, spec, rng)[0]) for _ in range(40 * (room + 1))}
    assert starts == set(range(room + 1))


@settings(deadline=None)
@given(lengths, specs)
def test_the_last_clip_that_can_be_drawn_ends_with_the_last_frame(frames, spec):
    clip = clips.random_clip(frames, spec, LastStart())
    if frames >= spec.span:
        assert clip[-1] == frames - 1


def test_random_starts_are_uniform():
    spec = ClipSpec(frames=4, stride=2)
    rng = np.random.default_rng(0)
    starts = [int(clips.random_clip(spec.span + 9, spec, rng)[0]) for _ in range(5000)]
    counts = np.bincount(starts, minlength=10)
    # Chi-square with 9 degrees of freedom: 27.9 is its 99.9th percentile.
    assert ((counts - 500) ** 2 / 500).sum() < 27.9


@settings(deadline=None)
@given(lengths, specs)
def test_windows_hold_every_frame_once_apart_from_the_loop_at_the_end(frames, spec):
    found = clips.windows(frames, spec)
    own = []
    for clip in found:
        first_seen = np.sort(np.unique(clip, return_index=True)[1])
        # Its own frames come first, and what follows repeats them in order.
        np.testing.assert_array_equal(clip, np.resize(clip[: len(first_seen)], spec.frames))
        own.append(clip[: len(first_seen)])
    np.testing.assert_array_equal(np.sort(np.concatenate(own)), np.arange(frames))


@settings(deadline=None)
@given(lengths, rated_specs, rates)
def test_windows_are_counted_and_found_one_by_one_without_making_them_all(frames, spec, fps):
    found = clips.windows(frames, spec, fps)
    assert clips.window_count(frames, spec, fps) == len(found)
    for index in (0, len(found) // 2, len(found) - 1):
        np.testing.assert_array_equal(clips.window(frames, spec, index, fps), found[index])
    with pytest.raises(IndexError, match="no window"):
        clips.window(frames, spec, len(found), fps)


@settings(deadline=None)
@given(lengths, specs, rates)
def test_windows_of_a_video_read_at_a_higher_rate_still_show_every_frame(frames, spec, fps):
    found = clips.windows(frames, spec.but(fps=2.5 * fps), fps)
    assert set(found.ravel().tolist()) == set(range(frames))


def test_windows_with_a_stride_interleave():
    found = clips.windows(9, ClipSpec(frames=4, stride=2))
    np.testing.assert_array_equal(found, [[0, 2, 4, 6], [1, 3, 5, 7], [8, 8, 8, 8]])


def test_spaced_clips_reach_from_the_first_start_to_the_last_evenly():
    found = clips.spaced_clips(100, ClipSpec(frames=16), 4)
    np.testing.assert_array_equal(found[:, 0], [0, 28, 56, 84])
    assert found[-1, -1] == 99


def test_one_spaced_clip_is_the_centre_clip():
    spec = ClipSpec(frames=16, stride=2)
    np.testing.assert_array_equal(clips.spaced_clips(101, spec, 1)[0], clips.centre_clip(101, spec))


def test_the_centre_clip_leaves_as_much_before_as_after():
    clip = clips.centre_clip(100, ClipSpec(frames=16))
    assert clip[0] == 42
    assert 99 - clip[-1] == 42


@pytest.mark.parametrize(
    ("own", "target", "expected"),
    [
        (30.0, 15.0, [0, 2, 4, 6]),  # every other frame
        (25.0, 50.0, [0, 1, 1, 2]),  # halves are nearest to the later frame
        (24.0, 25.0, [0, 1, 2, 3]),
        (25.0, 25.0, [0, 1, 2, 3]),
    ],
)
def test_a_target_rate_takes_the_frames_nearest_in_time(own, target, expected):
    spec = ClipSpec(frames=4, fps=target)
    np.testing.assert_array_equal(clips.windows(100, spec, own)[0], expected)


@settings(deadline=None)
@given(lengths, rates, st.sampled_from([5.0, 12.5, 25.0, 60.0]))
def test_resampled_frames_are_never_further_than_half_a_frame_in_time(frames, own, target):
    spec = ClipSpec(frames=1, fps=target)
    chosen = clips.windows(frames, spec, own)[:, 0]
    wanted = np.arange(len(chosen)) / target
    inside = wanted <= (frames - 1) / own
    assert (np.abs(chosen / own - wanted)[inside] <= 0.5 / own + 1e-9).all()


def test_a_rate_is_needed_only_where_the_spec_asks_for_one():
    with pytest.raises(ValueError, match="own rate must be known"):
        clips.centre_clip(10, ClipSpec(fps=25.0))
    assert clips.centre_clip(10, ClipSpec()).shape == (16,)


def test_a_video_without_frames_and_zero_clips_are_refused():
    with pytest.raises(ValueError, match="at least one frame"):
        clips.windows(0, ClipSpec())
    with pytest.raises(ValueError, match="at least 1"):
        clips.spaced_clips(10, ClipSpec(), 0)


# ---------------------------------------------------------------------- rates that vary


@settings(deadline=None)
@given(st.lists(st.floats(0.005, 0.5), min_size=0, max_size=60), st.sampled_from([5.0, 12.5, 25.0]), st.integers(1, 4))
def test_where_the_rate_varies_the_frames_nearest_in_time_are_taken(gaps, target, stride):
    times = np.concatenate([[0.0], np.cumsum(gaps)]) + 3.0  # a part of a video need not begin at 0
    mean = (len(times) - 1) / (times[-1] - times[0]) if gaps else 25.0
    spec = ClipSpec(frames=4, stride=stride, fps=target)
    found = clips.windows(len(times), spec, mean, times)
    assert len(found) == clips.window_count(len(times), spec, mean)
    length = clips.resampled_length(len(times), spec, mean)
    wanted = 3.0 + np.arange(length) / target
    nearest = np.abs(times[None] - wanted[:, None]).min(axis=1)
    first = found[0][: min(4, len(range(0, length, stride)))]
    for place, frame in zip(range(0, length, stride), first.tolist(), strict=False):
        assert abs(times[frame] - wanted[place]) <= nearest[place] + 1e-9


@settings(deadline=None)
@given(lengths, rated_specs, rates)
def test_times_of_an_even_rate_change_no_clip(frames, spec, fps):
    times = np.arange(frames) / fps + 1e-9  # ties may fall either way
    for made in (clips.windows, clips.centre_clip, clips.whole):
        plain, timed = made(frames, spec, fps), made(frames, spec, fps, times)
        assert np.abs(plain - timed).max() <= 1
        assert (plain != timed).mean() <= 0.5


# ---------------------------------------------------------------------- what fills no window, and whole videos


def as_published(frames: int, size: int) -> list[list[int]]:
    """The clips of one test video in the published code of Hara et al. 2018 (`make_dataset`, `LoopPadding`), from 0."""
    found = []
    for start in range(1, frames, size):
        indices = list(range(start, min(frames + 1, start + size)))
        for index in indices:
            if len(indices) >= size:
                break
            indices.append(index)
        found.append([index - 1 for index in indices])
    return found


@settings(deadline=None)
@given(st.integers(2, 400), st.integers(1, 24))
def test_dropping_a_single_frame_gives_the_windows_of_the_published_code(frames, size):
    found = clips.windows(frames, ClipSpec(frames=size), leftover="drop one")
    if size == 1:  # there the published code leaves out the last frame of every video
        assert found.ravel().tolist() == list(range(frames))
    else:
        assert found.tolist() == as_published(frames, size)


@settings(deadline=None)
@given(lengths, specs)
def test_what_is_left_over_is_looped_or_dropped_and_no_video_loses_its_only_clip(frames, spec):
    loop, one, drop = (clips.windows(frames, spec, leftover=how) for how in ("loop", "drop one", "drop"))
    own = [len(np.unique(clip)) for clip in loop]
    assert np.array_equal(one, [c for c, n in zip(loop, own, strict=True) if n > 1 or spec.frames == 1] or loop[:1])
    assert np.array_equal(drop, [c for c, n in zip(loop, own, strict=True) if n == spec.frames] or loop[:1])


@settings(deadline=None)
@given(lengths, specs)
def test_a_whole_video_is_one_clip_of_all_its_frames_at_the_stride(frames, spec):
    found = clips.whole(frames, spec)
    own = np.arange(0, frames, spec.stride)
    assert len(found) == max(len(own), spec.frames)
    np.testing.assert_array_equal(found[: len(own)], own)
    np.testing.assert_array_equal(found, np.resize(own, len(found)))
