import base64
import io

import numpy as np
import pytest
from PIL import Image

from labkit.viz.player import frame_strip, predicted_strip
from labkit.viz.theme import describe

CLASSES = ("left", "<b>right</b>", "up", "down", "grow", "shrink")


@pytest.fixture
def clip():
    return np.random.default_rng(0).integers(0, 256, (6, 10, 20, 3), dtype=np.uint8)


def picture(fig) -> np.ndarray:
    head, data = fig.data[0].source.split(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def frames_in(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The opaque rectangles of a strip, in reading order."""
    opaque = image[..., 3] == 255
    tops = np.flatnonzero(np.diff(opaque.any(axis=1).astype(int), prepend=0) == 1)
    lefts = np.flatnonzero(np.diff(opaque[tops[0]].astype(int), prepend=0) == 1)
    return np.stack([image[t : t + height, x : x + width, :3] for t in tops for x in lefts])


@pytest.mark.parametrize("columns", [None, 3])
def test_a_strip_holds_the_clips_very_pixels_in_reading_order(clip, columns):
    fig = frame_strip(clip, columns=columns)
    assert np.array_equal(frames_in(picture(fig), 10, 20), clip)


def test_frame_numbers_stand_above_the_frames(clip):
    fig = frame_strip(clip, [0, 2, 4, 6, 8, 10], columns=3)
    assert [a.text for a in fig.layout.annotations] == ["0", "2", "4", "6", "8", "10"]
    assert fig.layout.annotations[3].x == fig.layout.annotations[0].x
    assert fig.layout.annotations[3].y > fig.layout.annotations[0].y


def test_titles_replace_the_numbers_and_are_plain_text(clip):
    fig = frame_strip(clip[:2], titles=["<b>one</b>", "two"])
    assert [a.text for a in fig.layout.annotations] == ["&lt;b&gt;one&lt;/b&gt;", "two"]


def test_more_rows_make_a_taller_figure(clip):
    assert frame_strip(clip, columns=2).layout.height > frame_strip(clip).layout.height


@pytest.mark.parametrize("wrong", [np.zeros((2, 3, 8, 8), np.uint8), np.zeros((2, 8, 8, 3)), np.zeros((0, 8, 8, 3))])
def test_what_is_no_uint8_clip_is_refused(wrong):
    with pytest.raises(ValueError, match="uint8"):
        frame_strip(wrong)


def test_numbers_must_match_the_frames(clip):
    with pytest.raises(ValueError, match="6 frames, but 2"):
        frame_strip(clip, [0, 1])


def test_the_five_best_scores_stand_below_the_strip_best_first(clip):
    scores = np.array([0.1, 0.4, 0.05, 0.3, 0.0, 0.15])
    fig = predicted_strip(clip, scores, CLASSES, label="down")
    bars = fig.data[1]
    assert np.allclose(bars.x, [40, 30, 15, 10, 5])
    assert list(bars.y) == ["&lt;b&gt;right&lt;/b&gt;", "down ✓", "shrink", "left", "up"]
    assert np.array_equal(frames_in(picture(fig), 10, 20), clip)


@pytest.mark.parametrize(
    ("label", "said"),
    [(1, "Right: <b>right</b>."), (3, "Wrong: down taken for <b>right</b>."), (-1, "is not known")],
)
def test_a_predicted_strip_says_whether_the_answer_is_right(clip, label, said):
    fig = predicted_strip(clip, np.array([0.1, 0.4, 0.05, 0.3, 0.0, 0.15]), CLASSES, label=label)
    assert said in describe(fig, markdown=False)
    assert "<b>" not in fig.layout.title.text


def test_few_classes_have_few_bars(clip):
    assert list(predicted_strip(clip, [0.2, 0.8], ["a", "b"]).data[1].y) == ["b", "a"]


def test_scores_of_other_classes_are_refused(clip):
    with pytest.raises(ValueError, match="there are 6 classes"):
        predicted_strip(clip, np.ones(5), CLASSES)
    with pytest.raises(ValueError, match="no such class: 'cat'"):
        predicted_strip(clip, np.ones(6), CLASSES, label="cat")
