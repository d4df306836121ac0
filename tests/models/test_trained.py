"""A file of weights says which network it is: `open_trained` builds it again from the file alone."""

import json

import pytest
import torch
from safetensors.torch import save_file

from labkit import __version__
from labkit.clip import ClipSpec
from labkit.models import WeightsError, create_model, load_weights, open_trained, save_weights
from labkit.models.trained import same_classes

CLIP = ClipSpec(frames=4, size=16, stride=2, mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0), fps=12.5)
NAMES = ["<b>wave</b>", "手を振る", "c" * 200]


@pytest.fixture
def network():
    return create_model("resnet10", num_classes=3, width=4, shortcut="B", clip=CLIP).eval()


def same(one, other):
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_a_saved_network_is_built_again_from_its_file_alone(tmp_path, network):
    path = save_weights(network, tmp_path / "weights.safetensors", classes=NAMES, protocol="laptop")
    for given in (path, tmp_path):  # the folder stands for the file
        found = open_trained(given)
        assert same(found.network, network)
        assert (found.model, found.classes, found.clip, found.protocol) == ("resnet10", tuple(NAMES), CLIP, "laptop")
        assert not found.network.training
    assert load_weights(network, path).metadata["network"]["labkit"] == __version__


def test_a_file_of_another_program_needs_the_network_and_the_names(tmp_path, network):
    path = tmp_path / "w.safetensors"
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)
    with pytest.raises(WeightsError, match="--model"):
        open_trained(path)
    with pytest.raises(ValueError, match="did you mean 'resnet18'"):
        open_trained(path, model="resnet118")
    how = {"model": "resnet10", "overrides": {"width": 4, "shortcut": "B"}}
    with pytest.raises(WeightsError, match=r"does not name its 3 classes.*--classes"):
        open_trained(path, **how)
    with pytest.raises(WeightsError, match="tells 3 classes apart, and the list of classes has 2"):
        open_trained(path, classes=["a", "b"], **how)
    found = open_trained(path, classes=["a", "b", "c"], **how)
    assert same(found.network, network)
    assert found.clip == ClipSpec()  # the zoo's


def test_a_folder_without_weights_says_what_leaves_them(tmp_path):
    with pytest.raises(WeightsError, match="labkit train"):
        open_trained(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("model", "resnet1000", "unknown model"),
        ("model", ["resnet10"], "--model"),
        ("overrides", {"width": 4, "secret": 1}, "takes no 'secret'"),
        ("overrides", {"width": 1 << 14, "shortcut": "B"}, "not of this network|needs .* numbers"),
        ("classes", "abc", "does not name its 3 classes"),
        ("classes", [1, 2, 3], "does not name its 3 classes"),
        ("clip", {"frames": -1}, "the clip that it names cannot be read"),
        ("clip", {"frames": "16"}, "the clip that it names cannot be read"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused_in_one_line(tmp_path, network, key, value, said):
    path = tmp_path / "w.safetensors"
    made = {"model": "resnet10", "overrides": {"width": 4, "shortcut": "B"}, "classes": NAMES, key: value}
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, path, {"network": json.dumps(made)})
    with pytest.raises((ValueError, TypeError), match=said) as caught:
        open_trained(path)
    assert "\n" not in str(caught.value)


def test_two_lists_of_classes_are_compared_with_both_counts_and_the_first_that_differs():
    same_classes(["a", "b"], ("a", "b"), "the weights", "the dataset")
    with pytest.raises(ValueError, match=r"the weights have 2 classes and the dataset has 3; .* class 2: 'b' .*, 'x' "):
        same_classes(["a", "b"], ["a", "x", "c"], "the weights", "the dataset")
    with pytest.raises(ValueError, match=r"class 3: nothing in the first, 'c' in the second"):
        same_classes(["a", "b"], ["a", "b", "c"], "the weights", "the dataset")
