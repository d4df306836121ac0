import numpy as np
import pytest

from labkit.viz.flow import flow_colours, flow_strip
from labkit.viz.theme import describe

RIGHT, DOWN, LEFT, UP = (1, 0), (0, 1), (-1, 0), (0, -1)


def clip(direction: tuple[float, float], *, height=32, width=40) -> tuple[np.ndarray, np.ndarray]:
    """Two dark frames, and fields of which the left half moves."""
    fields = np.zeros((2, height, width, 2))
    fields[:, :, : width // 2] = direction
    return np.full((2, height, width, 3), 20, np.uint8), fields


def arrows(fig) -> list[tuple[float, float, float, float]]:
    """Each arrow's tail and head in pixels of the picture: x, y, x, y."""
    trace = fig.data[1]
    assert [*trace.x[2::3], *trace.y[2::3]] == [None] * (2 * len(trace.x) // 3)
    return list(zip(trace.x[::3], trace.y[::3], trace.x[1::3], trace.y[1::3], strict=True))


def test_no_movement_is_white_and_the_limit_has_the_full_colour():
    assert flow_colours(np.zeros((1, 2)), 3.0).tolist() == [[255, 255, 255]]
    red = flow_colours(np.array([[0.0, 0], [1.5, 0], [3, 0], [9, 0]]), 3.0)
    assert red.tolist() == [[255, 255, 255], [255, 128, 128], [255, 0, 0], [255, 0, 0]]


def test_directions_have_colours_of_their_own_and_opposite_ones_are_complementary():
    colours = flow_colours(np.array([RIGHT, DOWN, LEFT, UP], float), 1.0).astype(int)
    assert len({tuple(colour) for colour in colours}) == 4
    assert (abs(colours[:2] + colours[2:] - 255) <= 1).all()  # but for the rounding


@pytest.mark.parametrize("direction", [RIGHT, DOWN, LEFT, UP, (3, -2)])
def test_arrows_stand_where_something_moves_and_point_to_where_it_goes(direction):
    drawn = arrows(flow_strip(*clip(direction)))
    assert len(drawn) == 2 * 8 * 5  # of each frame 8 rows and 10 columns, of which half move
    for x, y, head_x, head_y in drawn:
        assert (x % 42) < 20  # frames are 40 wide and 2 apart
        assert np.allclose((head_x - x, head_y - y), 4 * np.array(direction) / np.hypot(*direction), atol=0.01)


def test_a_limit_makes_two_figures_alike():
    drawn = arrows(flow_strip(*clip(RIGHT), limit=4.0))
    assert np.allclose([head - tail for tail, _, head, _ in drawn], 1.0)


def test_a_still_clip_has_no_arrows():
    fig = flow_strip(*clip((0, 0)))
    assert arrows(fig) == []
    assert "flow of up to 0.00 pixels" in describe(fig)


def test_the_words_say_where_things_go():
    assert "it goes 3.00 pixels to the left and 2.00 up in the mean" in describe(flow_strip(*clip((-3, -2))))


def test_frames_and_fields_of_different_sizes_are_refused():
    frames, fields = clip(RIGHT)
    with pytest.raises(ValueError, match=r"frames \(2, 32, 40, 3\) have fields \(2, 32, 40, 2\), not \(1, 32, 40, 2\)"):
        flow_strip(frames, fields[:1])


def test_the_wheel_and_the_frames_are_named_above():
    titles = [note.text for note in flow_strip(*clip((0, 2)), titles=["first", "second"]).layout.annotations]
    assert titles == ["first", "second", "wheel: rim 2 px"]


def test_a_strip_is_small_enough_for_a_notebook_with_many():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 30, (6, 64, 64, 3), dtype=np.uint8)
    figure = flow_strip(frames, rng.normal(size=(6, 64, 64, 2)))
    assert figure.data[0].source.startswith("data:image/webp;base64,")
    assert len(figure.data[0].source) < 64 * 64 * 3 * 13 / 2
