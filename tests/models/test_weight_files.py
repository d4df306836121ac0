"""Files of weights as programs of others write them: prefixes, wrappers, protocols, numbers, objects, values."""

import argparse
import collections
import pickle
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from labkit.models import WeightsError, create_model, load_weights, save_weights
from labkit.models.pickles import rewritten


def small(seed=0, num_classes=5, **overrides):
    torch.manual_seed(seed)
    return create_model("resnet10", num_classes=num_classes, width=2, **overrides)


@pytest.fixture
def tensors():
    return dict(small(seed=1).state_dict())


def holds(network, tensors):
    return all(torch.equal(tensor, tensors[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize(
    "prefix", ["module.", "module.module.", "_orig_mod.", "module._orig_mod.", "model.", "net.backbone.", "a.b.c."]
)
def test_what_stands_before_all_names_is_taken_off_and_said(tmp_path, tensors, prefix):
    torch.save({f"{prefix}{name}": t for name, t in tensors.items()}, tmp_path / "w.pth")
    network = small()
    loaded = load_weights(network, tmp_path / "w.pth")
    assert holds(network, tensors)
    assert loaded.prefix == prefix
    assert str(loaded) == f"{len(tensors)} tensors from w.pth (without the '{prefix}' before all names)"


def test_parts_that_were_compiled_or_wrapped_by_themselves_load(tmp_path, tensors):
    names = {"layer1.": "layer1._orig_mod.", "layer2.0.": "layer2.0._fsdp_wrapped_module._checkpoint_wrapped_module."}
    theirs = {}
    for name, tensor in tensors.items():
        old = next((each for each in names if name.startswith(each)), "")
        theirs[names.get(old, "") + name.removeprefix(old)] = tensor
    assert theirs.keys() != tensors.keys()
    torch.save(theirs, tmp_path / "w.pth")
    network = small()
    load_weights(network, tmp_path / "w.pth")
    assert holds(network, tensors)


def test_a_prefix_before_some_names_alone_is_refused_with_the_names_found(tmp_path, tensors):
    theirs = {name if name.startswith("fc.") else f"backbone.{name}": t for name, t in tensors.items()}
    torch.save(theirs, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"left over: backbone\.conv1\.weight, backbone\.bn1\.weight"):
        load_weights(small(), tmp_path / "w.pth")


@pytest.mark.parametrize("wrap", [nn.DataParallel, lambda net: torch.compile(net, backend="eager")])
def test_weights_go_into_and_out_of_a_wrapped_network(tmp_path, tensors, wrap):
    torch.save(tensors, tmp_path / "w.pth")
    network = small()
    load_weights(wrap(network), tmp_path / "w.pth")
    assert holds(network, tensors)
    path = save_weights(wrap(network), tmp_path / "again.safetensors")
    again = small()
    assert load_weights(again, path).prefix == ""
    assert holds(again, tensors)


@pytest.mark.parametrize("key", ["model_state", "net", "model", "ema", "checkpoint.student", "model.state_dict"])
def test_the_tensors_are_found_under_any_key_which_is_said(tmp_path, tensors, key):
    optimiser = torch.optim.SGD(small().parameters(), 0.1, momentum=0.9)
    content = tensors
    for part in reversed(key.split(".")):
        content = {part: content, "epoch": 3}
    torch.save({**content, "optimizer": optimiser.state_dict(), "scores": [0.5]}, tmp_path / "w.pth")
    network = small()
    loaded = load_weights(network, tmp_path / "w.pth")
    assert holds(network, tensors)
    assert loaded.key == key
    assert f"(its '{key}')" in str(loaded)
    assert loaded.metadata == {"epoch": 3}


def test_the_state_of_an_optimiser_is_never_taken_for_the_network(tmp_path, tensors):
    network = small()
    optimiser = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    network(torch.rand(2, 3, 4, 16, 16)).sum().backward()
    optimiser.step()
    torch.save({"optimizer": optimiser.state_dict(), "weights_of_mine": tensors}, tmp_path / "w.pth")
    load_weights(network, tmp_path / "w.pth")
    assert holds(network, tensors)
    torch.save({"optimizer": optimiser.state_dict(), "epoch": 3}, tmp_path / "w.pth")
    with pytest.raises(
        WeightsError, match=r"no table of named tensors, .*: it holds 'optimizer' \(dict of 2\), 'epoch'"
    ):
        load_weights(network, tmp_path / "w.pth")


def test_several_tables_of_unknown_names_are_listed_and_a_known_name_decides(tmp_path, tensors):
    other = {name: torch.zeros_like(t) for name, t in tensors.items()}
    torch.save({"teacher": other, "student": tensors}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"several tables of named tensors \('teacher', 'student'\): save one"):
        load_weights(small(), tmp_path / "w.pth")
    torch.save({"ema": other, "model": tensors}, tmp_path / "w.pth")
    network = small()
    load_weights(network, tmp_path / "w.pth")
    assert holds(network, tensors)


NUMBERS = [np.float64(91.5), np.float32(0.5), np.int64(3), np.bool_(True), np.str_("best"), np.datetime64("2020-01-01")]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_numpy_numbers_and_every_pickle_protocol_are_read(tmp_path, tensors, protocol, zipped):
    content = {
        "state_dict": collections.OrderedDict(tensors),
        "best": NUMBERS[0],
        "numbers": NUMBERS,
        "text": "é" * 300,
        "bytes": bytes(range(256)),
        "many": {f"key {i}": i for i in range(400)},
        "again": ["epoch", "state_dict"],
        "epoch": 7,
    }
    torch.save(content, tmp_path / "w.pth", pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    network = small()
    loaded = load_weights(network, tmp_path / "w.pth")
    assert holds(network, tensors)
    assert loaded.metadata == {"best": 91.5, "text": "é" * 300, "epoch": 7}
    assert type(loaded.metadata["best"]) is float


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_a_pickle_in_old_words_says_the_same(protocol):
    said = {"a": ["x" * 300, "é", b"\x00\xff" * 200, 2**70, -1, None, True, (1, 2.5), np.float32(3)]}
    said |= {str(i): [str(i)] for i in range(300)} | {"order": collections.OrderedDict(b=1)}
    data = pickle.dumps(said, protocol)
    words, length = rewritten(data + b"what follows")
    assert length == len(data)
    assert words[:2] == b"\x80\x02"
    assert pickle.loads(words) == said


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_objects_are_refused_by_name_with_the_way_to_save_anew(tmp_path, tensors, protocol, zipped):
    content = {"state_dict": tensors, "opt": argparse.Namespace(lr=0.1)}
    torch.save(content, tmp_path / "w.pth", pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    said = r"refused: it holds code or objects \(argparse\.Namespace\).*torch\.save\(network\.state_dict\(\), "
    with pytest.raises(WeightsError, match=said):
        load_weights(small(), tmp_path / "w.pth")


@pytest.mark.parametrize("content", [np.zeros(3), np.array([{}], dtype=object)[0:1], print, nn.Linear(2, 2)])
def test_arrays_functions_and_whole_networks_are_refused_by_name(tmp_path, content):
    torch.save({"state_dict": {"w": torch.zeros(2)}, "x": content}, tmp_path / "w.pth")
    name = "builtins.print" if content is print else type(content).__name__
    with pytest.raises(WeightsError, match=rf"refused: it holds code or objects \(.*{name}"):
        load_weights(small(), tmp_path / "w.pth")


def test_a_set_in_a_newer_pickle_is_refused_with_the_way_to_save_anew(tmp_path, tensors):
    torch.save({"state_dict": tensors, "seen": {1, 2}}, tmp_path / "w.pth", pickle_protocol=4)
    with pytest.raises(WeightsError, match=r"another pickle_protocol .* Save the weights alone"):
        load_weights(small(), tmp_path / "w.pth")
    torch.save({"state_dict": tensors, "seen": {1, 2}}, tmp_path / "w.pth")
    network = small()
    load_weights(network, tmp_path / "w.pth")
    assert holds(network, tensors)


class MakesFolder:
    """What unpickling this would do."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        import os

        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_any_protocol_is_refused_and_does_not_run(tmp_path, tensors, protocol, zipped):
    content = {"state_dict": tensors, "x": MakesFolder(tmp_path / "it ran")}
    torch.save(content, tmp_path / "w.pth", pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=r"refused: it holds code or objects \(\w+\.mkdir\)"):
        load_weights(small(), tmp_path / "w.pth")
    assert not (tmp_path / "it ran").exists()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_truncated_file_of_a_newer_protocol_is_one_clear_error(tmp_path, tensors, zipped, share):
    torch.save(tensors, tmp_path / "whole", pickle_protocol=4, _use_new_zipfile_serialization=zipped)
    data = (tmp_path / "whole").read_bytes()
    (tmp_path / "cut").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(WeightsError, match="cut short"):
        load_weights(small(), tmp_path / "cut")


def test_a_zip_of_something_else_is_one_clear_error(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.pth", "w") as file:
        file.writestr("a/data.pkl", b"\x80\x04\x93.")
    with pytest.raises(WeightsError, match="a file of another kind"):
        load_weights(small(), tmp_path / "w.pth")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_weights_that_are_no_numbers_are_named_when_loaded(tmp_path, tensors, value, kind):
    tensors["layer1.0.conv1.weight"][0, 0] = value
    tensors["fc.bias"][1] = value
    teacher = small()
    teacher.load_state_dict(tensors)
    path = tmp_path / f"w.{kind}"
    save_weights(teacher, path) if kind == "safetensors" else torch.save({"state_dict": tensors}, path)
    with pytest.warns(
        UserWarning, match=r"2 of its tensors hold NaN or infinite .*: layer1\.0\.conv1\.weight, fc\.bias"
    ):
        loaded = load_weights(small(), path)
    assert "layer1.0.conv1.weight" in str(loaded)


def test_numbers_too_large_for_the_networks_type_are_named(tmp_path, tensors):
    tensors["fc.bias"][1] = 1e6
    path = save_weights_of(tensors, tmp_path / "w.safetensors")
    with pytest.warns(UserWarning, match=r"1 of its tensors hold NaN or infinite values.*: fc\.bias"):
        load_weights(small().half(), path)


def save_weights_of(tensors, path):
    network = small()
    network.load_state_dict(tensors)
    return save_weights(network, path)


def test_a_head_that_is_left_out_may_hold_anything(tmp_path, tensors, recwarn):
    tensors["fc.bias"][1] = float("nan")
    load_weights(small(), save_weights_of(tensors, tmp_path / "w.safetensors"), new_head=True)
    assert not recwarn.list


@pytest.mark.parametrize(("file", "network"), [("A", "B"), ("B", "A")])
def test_where_the_shortcuts_alone_differ_the_refusal_says_which_to_build(tmp_path, file, network):
    path = save_weights(small(shortcut=file), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=rf'downsample.* Only the shortcuts differ: .* with shortcut="{file}"$'):
        load_weights(small(shortcut=network, num_classes=9), path, new_head=True)
    with pytest.raises(WeightsError, match=rf'downsample.* Only the shortcuts differ: .* with shortcut="{file}"$'):
        load_weights(small(shortcut=network), path)
    load_weights(small(shortcut=file), path)
