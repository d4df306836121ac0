"""The small 2D network that stands in for ImageNet's where there is no network."""

import functools
import shutil

import pytest
import torch

from labkit import closure
from labkit.data.motion import SHAPES, generate
from labkit.models import load_weights
from labkit.training import shape_network as shape_network_module
from labkit.training.shape_network import shape_network


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("data") / "motion", videos=48, size=32, progress=False)


@pytest.fixture
def small(root, monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))

    def train(**changes):
        return shape_network(**{"root": root, "width": 4, "epochs": 1, "device": "cpu", "progress": False, **changes})

    return train


def same(a, b):
    return all(torch.equal(tensor, b.state_dict()[name]) for name, tensor in a.state_dict().items())


def test_it_is_trained_once_and_found_again(small):
    first, second = small(), small()
    assert (first.trained, second.trained) == (True, False)
    assert same(first.network, second.network)
    assert first.accuracy == second.accuracy
    assert first.path == second.path
    assert first.categories == second.categories == tuple(SHAPES)
    assert [each.name for each in first.path.parent.iterdir()] == [first.path.name]  # nothing half written beside it
    assert not first.network.training
    image = torch.zeros(1, *first.clip.shape)[:, :, 0]
    assert first.network(image).shape == (1, len(SHAPES))


@pytest.mark.parametrize("changes", [{"width": 8}, {"epochs": 2}, {"seed": 1}])
def test_other_settings_are_another_network(small, changes):
    first, other = small(), small(**changes)
    assert other.trained
    assert other.path != first.path
    assert not small().trained


def test_other_data_is_another_network(small, tmp_path):
    first = small()
    other = small(root=generate(tmp_path / "noisy", videos=48, size=32, noise=0.1, progress=False))
    assert other.trained
    assert other.path != first.path


EDITS = {
    "data/video_cursor.py": True,
    "data/frame_cache.py": True,
    "models/zoo/residual.py": True,
    "models/resnet.py": True,
    "training/loop.py": True,
    "training/epochs.py": True,
    "models/densenet.py": False,
    "models/inflate/check.py": False,
    "viz/curves.py": False,
}


@pytest.mark.parametrize(("file", "decides"), EDITS.items())
def test_an_edit_makes_another_network_where_this_one_is_made_with_the_file(
    small, tmp_path, monkeypatch, file, decides
):
    first = small()
    package = tmp_path / "labkit"
    shutil.copytree(closure.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    with (package / file).open("a", encoding="utf-8") as text:
        text.write("# another line\n")
    digest_there = functools.partial(closure.digest_of_code, package=package)
    monkeypatch.setattr(shape_network_module, "digest_of_code", digest_there)
    assert (small().path != first.path) == decides


@pytest.mark.parametrize("damage", [lambda data: data[:500], lambda data: b""])
def test_a_damaged_file_is_trained_anew(small, damage):
    first = small()
    first.path.write_bytes(damage(first.path.read_bytes()))
    again = small()
    assert again.trained
    assert same(again.network, first.network)
    load_weights(first.network, first.path, new_head=False)


def test_a_stopped_training_leaves_nothing_behind(small, monkeypatch):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt

    kept = shape_network_module.cache_folder("shapes")
    before = set(kept.glob("*"))  # other tests share the cache
    monkeypatch.setattr(shape_network_module, "fit", stopped)
    with pytest.raises(KeyboardInterrupt):
        small()
    assert set(kept.glob("*")) == before


def test_the_callers_random_numbers_go_on_as_if_nothing_had_happened(small):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    small()
    small()
    assert torch.equal(torch.rand(3), expected)


def test_an_unknown_network_is_refused_before_any_video_is_read(small, tmp_path):
    with pytest.raises(ValueError, match="unknown model 'resnet18_3d'"):
        small(model="resnet18_3d", root=tmp_path / "nothing there")


@pytest.mark.slow
def test_at_its_usual_size_it_names_most_shapes(monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path))
    assert shape_network(device="cpu", progress=False).accuracy > 0.8
