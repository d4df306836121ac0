"""The viewers of kernels, feature maps and class activations: their words and pictures are those of the numbers."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from labkit.viz.activation import activation_viewer, feature_viewer
from labkit.viz.heat import heat, place, span
from labkit.viz.kernels import kernel_viewer

NASTY = "<b>動画</b> & " + "x" * 200
CLIP = np.full((4, 6, 8, 3), 100, np.uint8)


def pixels(uri: str) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGBA"))


def test_a_map_of_heat_has_two_colours_and_nothing_where_there_is_0_or_nan():
    shown = pixels(heat(np.array([[2.0, 0.0], [-1.0, np.nan]]), 2.0))
    assert shown[..., 3].tolist() == [[255, 0], [128, 0]]
    assert tuple(shown[0, 0, :3]) == (0xD5, 0x5E, 0x00)
    assert tuple(shown[1, 0, :3]) == (0x00, 0x72, 0xB2)
    assert pixels(heat(np.zeros((2, 2)), 0.0))[..., 3].max() == 0


def test_places_and_spans_are_said_in_words():
    assert [place(0, 0, 7, 7), place(3, 3, 7, 7), place(6, 3, 7, 7)] == ["upper left", "centre", "lower centre"]
    assert [span(0, 2, 8), span(1, 2, 8), span(3, 8, 8), span(0, 4, 1)] == [
        "frames 0 to 3",
        "frames 4 to 7",
        "frame 3",
        "frame 0",
    ]


def test_the_activation_lies_over_the_frames_that_it_was_made_from_and_the_words_say_where_it_peaks():
    numbers = np.zeros((2, 3, 4))
    numbers[1, 0, 3], numbers[0, 2, 0] = 3.0, 1.0
    viewer = activation_viewer(
        CLIP, {1: {"layer2": numbers, "layer4": np.ones((1, 1, 1))}}, ["wave", "clap"], [0.2, 0.8], live=False
    )
    said = viewer.record["words"]
    assert said.startswith(
        "1: clap, score 80%, at layer2 with 2 × 3 × 4 (frames × rows × columns): 75% of the activation in frames 2 to 3;"
    )
    assert "strongest at the upper right of frames 2 to 3" in said
    first, last = viewer.set(frame="0"), viewer.set(frame="3")
    assert pixels(first["over"])[2, 0, 3] == round(0.75 * 255 / 3)
    assert pixels(last["over"])[0, 3, 3] == round(0.75 * 255)
    assert [row["share"] for row in last["rows"]] == ["25 %", "25 %", "75 %", "75 %"]
    assert "the whole clip is one step; it is strongest at its one position" in viewer.set(endpoint="layer4")["words"]


def test_an_activation_of_zeros_or_without_numbers_says_so():
    maps = {"a": np.zeros((2, 2, 2)), "b": np.full((2, 2, 2), np.nan)}
    viewer = activation_viewer(CLIP, {0: maps}, ["c"], live=False)
    assert viewer.record["words"].endswith("nothing at this endpoint speaks for the class.")
    assert viewer.set(endpoint="b")["words"].endswith("the network gives no numbers here.")
    assert [row["share"] for row in viewer.record["rows"]] == ["0 %"] * 4


def test_one_class_one_frame_and_a_name_with_markup_are_shown_as_text():
    made = activation_viewer(CLIP[:1], {0: {"stem": np.ones((1, 2, 2))}}, [NASTY], live=False).static()
    assert "<b>動画" not in made
    assert "&lt;b&gt;動画" in made


def test_no_class_no_endpoint_and_other_shapes_are_refused():
    with pytest.raises(ValueError, match="needs a class with a map"):
        activation_viewer(CLIP, {}, [])
    with pytest.raises(ValueError, match="needs an endpoint with a map"):
        feature_viewer(CLIP, {})
    with pytest.raises(ValueError, match=r"a map here is \(t, h, w\), not \(2, 2\)"):
        activation_viewer(CLIP, {0: {"stem": np.ones((2, 2))}}, ["c"])
    with pytest.raises(ValueError, match=r"a map here is \(C, t, h, w\), not \(2, 2, 2\)"):
        feature_viewer(CLIP, {"stem": np.ones((2, 2, 2))})
    with pytest.raises(ValueError, match="a clip to draw is uint8"):
        feature_viewer(CLIP[0], {"stem": np.ones((1, 2, 2, 2))})


def test_the_channels_that_differ_most_are_offered_and_their_change_over_time_is_said():
    maps = np.zeros((20, 4, 2, 2))
    maps[13, :, 1, 0] = [0, 1, 2, 8]
    viewer = feature_viewer(CLIP, {"stem": maps}, live=False)
    assert len(viewer.states) == 8
    said = viewer.set(channel="13")["words"]
    assert said.startswith(
        "Channel 13 of 20 at stem, 4 × 2 × 2 (frames × rows × columns): from 0 to 8, strongest at the"
    )
    assert said.endswith(
        "lower left of frame 3. Its mean over the picture goes from 0 at the first to 2 at the last step."
    )
    assert pixels(viewer.record["rows"][2]["map"])[1, 0, 3] == round(255 / 4)


def test_kernels_before_and_after_inflation_stand_in_rows_with_their_shares():
    flat = np.random.default_rng(0).normal(size=(3, 2, 5, 5))
    sets = {"2D": flat, "mean": np.repeat(flat[:, :, None] / 4, 4, axis=2), NASTY: np.zeros((3, 2, 3, 5, 5))}
    viewer = kernel_viewer(sets, live=False)
    said = viewer.set(filter="2", **{"input channel": "1"})["words"]
    assert f"2D: one slice, from {flat[2, 1].min():.2g} to {flat[2, 1].max():.2g}." in said
    assert "mean: 25%, 25%, 25%, 25% of the weight in its slices; without their mean 0% of the norm is left." in said
    assert said.endswith("all weights are 0.")
    rows = viewer.record["rows"]
    assert [len(row["slices"]) for row in rows] == [1, 4, 3]
    assert rows[0]["slices"][0]["map"] == rows[1]["slices"][3]["map"]  # the same picture, each in its set's own unit
    assert len(viewer.states) == 3 * 3


def test_kernels_that_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match="the same filters and channels"):
        kernel_viewer({"a": np.ones((2, 3, 1, 1, 1)), "b": np.ones((4, 3, 1, 1))})
    with pytest.raises(ValueError, match=r"not a \(2, 3, 1\)"):
        kernel_viewer({"a": np.ones((2, 3, 1))})
    with pytest.raises(ValueError, match="not no weights"):
        kernel_viewer({})


def test_a_weight_that_is_no_number_is_said():
    weight = np.ones((1, 1, 2, 1, 1))
    weight[0, 0, 0] = np.nan
    assert kernel_viewer({"a": weight}, live=False).record["words"] == "a: some weights are not numbers."
