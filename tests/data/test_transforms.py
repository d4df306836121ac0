import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.clip import ClipSpec
from labkit.data.frame_cache import reduced
from labkit.data.transforms import PLACES, SCALES, Box, EvalTransform, TrainTransform, apply, normalise

SPEC = ClipSpec(frames=4, size=16)


def coordinates(height: int, width: int, frames: int = 1) -> torch.Tensor:
    """A clip whose channels hold each pixel's row and column, to see where a crop came from."""
    clip = torch.zeros(frames, 3, height, width, dtype=torch.uint8)
    clip[:, 0] = torch.arange(height)[:, None]
    clip[:, 1] = torch.arange(width)
    return clip


@given(
    st.sampled_from(["multiscale", "anywhere", "resized", "centre"]),
    st.integers(8, 120),
    st.integers(8, 120),
    st.integers(0),
)
@settings(deadline=None)
def test_every_crop_lies_inside_the_frame_and_comes_out_as_uint8_at_the_specs_size(crop, height, width, seed):
    transform = TrainTransform(SPEC, crop=crop)
    box = transform.draw(height, width, np.random.default_rng(seed))
    top, left, box_height, box_width = box.on(height, width)
    assert min(top, left) >= 0
    assert min(box_height, box_width) >= 1
    assert top + box_height <= height
    assert left + box_width <= width
    out = transform(coordinates(height, width), np.random.default_rng(seed))
    assert out.shape == (1, 3, 16, 16)
    assert out.dtype == torch.uint8
    assert out.is_contiguous()


def test_multiscale_takes_the_papers_five_scales_at_four_corners_and_the_centre():
    np.testing.assert_allclose(SCALES, [1, 0.8409, 0.7071, 0.5946, 0.5], atol=1e-4)
    rng = np.random.default_rng(0)
    boxes = [TrainTransform(SPEC, flip=0).draw(120, 160, rng) for _ in range(1000)]
    seen = {(box.height, box.top, box.left) for box in boxes}
    expected = {
        (120 * scale, down * (120 - 120 * scale), across * (160 - 120 * scale))
        for scale in SCALES
        for down, across in PLACES
    }
    # At scale 1 the corners fall together in height, and all places differ in width only.
    assert seen == expected


def test_a_crop_anywhere_is_seven_eighths_of_the_short_side_and_reaches_every_edge():
    rng = np.random.default_rng(0)
    boxes = [TrainTransform(SPEC, crop="anywhere").draw(256, 340, rng) for _ in range(1000)]
    assert {(box.height, box.width) for box in boxes} == {(224, 224)}
    for places, room in (([box.top for box in boxes], 32), ([box.left for box in boxes], 116)):
        assert np.histogram(places, bins=4, range=(0, room))[0].min() > 200
        assert 0 <= min(places) < max(places) <= room


def test_a_resized_crop_keeps_to_its_range_of_area_and_shape():
    rng = np.random.default_rng(0)
    boxes = [TrainTransform(SPEC, crop="resized").draw(120, 160, rng) for _ in range(500)]
    areas = np.array([box.height * box.width / (120 * 160) for box in boxes])
    shapes = np.array([box.width / box.height for box in boxes])
    assert areas.min() >= 0.08
    assert areas.min() < 0.15
    assert areas.max() > 0.9
    assert shapes.min() >= 3 / 4
    assert shapes.max() <= 4 / 3


def test_one_draw_serves_the_whole_clip():
    clip = coordinates(40, 60, frames=5)
    for crop in ("multiscale", "resized", "centre"):
        out = TrainTransform(SPEC, crop=crop)(clip, np.random.default_rng(3))
        assert (out == out[:1]).all()


def test_the_same_generator_state_gives_the_same_crop_and_another_one_another():
    transform, clip = TrainTransform(SPEC), coordinates(48, 64)
    first = transform(clip, np.random.default_rng(5))
    assert torch.equal(first, transform(clip, np.random.default_rng(5)))
    others = [transform(clip, np.random.default_rng(seed)) for seed in range(10)]
    assert not all(torch.equal(first, other) for other in others)


def test_a_flip_mirrors_left_and_right_and_nothing_else():
    clip = coordinates(16, 16)
    flipped = TrainTransform(SPEC, crop="centre", flip=1.0)(clip, np.random.default_rng(0))
    assert torch.equal(flipped, clip.flip(-1))
    kept = TrainTransform(SPEC, crop="centre", flip=0.0)(clip, np.random.default_rng(0))
    assert torch.equal(kept, clip)


def test_flips_come_as_often_as_asked():
    rng = np.random.default_rng(0)
    drawn = sum(TrainTransform(SPEC, flip=0.25).draw(40, 40, rng).flip for _ in range(4000))
    assert abs(drawn / 4000 - 0.25) < 4 * (0.25 * 0.75 / 4000) ** 0.5


def test_evaluation_takes_the_largest_centre_square():
    out = EvalTransform(ClipSpec(size=32))(coordinates(32, 52))
    assert torch.equal(out, coordinates(32, 52)[..., 10:42])


def test_evaluation_resizes_as_torchvision_does():
    from torchvision.transforms.v2 import functional

    clip = torch.randint(0, 256, (2, 3, 60, 90), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    expected = functional.resize(functional.center_crop(clip, [60, 60]), [16, 16], antialias=True)
    assert torch.equal(EvalTransform(SPEC)(clip), expected)


@given(st.sampled_from(SCALES), st.sampled_from(PLACES), st.integers(32, 600), st.integers(32, 600))
def test_a_box_asks_for_the_size_at_which_it_needs_no_second_resize(scale, place, height, width):
    side = min(height, width) * scale
    box = Box(place[0] * (height - side), place[1] * (width - side), side, side, (height, width))
    short = box.short_side(24)
    if side < 24:
        assert short == min(height, width)  # never enlarged by the decoder
        return
    size = reduced(height, width, short)  # the other side is only about in proportion: it is even
    top, left, box_height, box_width = box.on(*size)
    assert (box_height, box_width) == (24, 24)
    assert 0 <= top <= size[0] - 24
    assert 0 <= left <= size[1] - 24
    # The same place of the picture, to a pixel and what the even side adds.
    assert abs(top - box.top * size[0] / height) <= 2
    assert abs(left - box.left * size[1] / width) <= 2


def test_cropping_decoded_pixels_equals_cropping_the_large_frame_where_nothing_is_scaled():
    clip = coordinates(40, 60)
    box = Box(4, 8, 16, 16, (40, 60))
    assert torch.equal(apply(clip, box, 16), clip[..., 4:20, 8:24])


def test_normalise_makes_a_float_batch_as_the_spec_says():
    spec = ClipSpec(frames=2, size=4, mean=(10.0, 20.0, 30.0), std=(1.0, 2.0, 4.0))
    batch = torch.randint(0, 256, (3, 2, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    before = batch.clone()
    out = normalise(batch, spec)
    assert out.shape == (3, *spec.shape)
    assert out.dtype == torch.float32
    assert out.is_contiguous()
    assert torch.equal(batch, before)
    assert out[1, 2, 0, 3, 1] == (float(batch[1, 0, 2, 3, 1]) - 30) / 4
    assert torch.allclose(out[:, 1], (batch[:, :, 1].double().float() - 20) / 2)


def test_normalise_refuses_a_batch_in_another_order():
    with pytest.raises(ValueError, match=r"\(B, T, 3, H, W\)"):
        normalise(torch.zeros(2, 3, 8, 4, 4, dtype=torch.uint8), ClipSpec())
    with pytest.raises(ValueError, match=r"\(B, T, 3, H, W\)"):
        normalise(torch.zeros(8, 3, 4, 4, dtype=torch.uint8), ClipSpec())


def test_unknown_crops_and_impossible_probabilities_are_refused():
    with pytest.raises(ValueError, match="no crop 'corner'"):
        TrainTransform(SPEC, crop="corner")
    with pytest.raises(ValueError, match="probability"):
        TrainTransform(SPEC, flip=1.5)


def test_a_training_transform_needs_no_torchvision_for_clips_that_fit():
    import subprocess
    import sys

    code = (
        "import sys, numpy as np, torch\n"
        "from labkit.clip import ClipSpec\n"
        "from labkit.data.transforms import TrainTransform\n"
        "t = TrainTransform(ClipSpec(size=16), crop='centre')\n"
        "t(torch.zeros(2, 3, 16, 16, dtype=torch.uint8), np.random.default_rng(0))\n"
        "assert 'torchvision' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
