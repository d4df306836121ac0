"""Weights in files: kept, loaded, refused; and what does not fit is named."""

import os
import pickle

import pytest
import torch
import torchvision

from labkit.models import WeightsError, create_model, load_weights, save_weights
from labkit.models.weights import head_names
from labkit.training import checkpoint


def small(num_classes=5, seed=0, **overrides):
    torch.manual_seed(seed)
    return create_model("resnet18", num_classes=num_classes, width=4, **overrides)


def same(a, b):
    return all(torch.equal(tensor, b.state_dict()[name]) for name, tensor in a.state_dict().items())


def published(network):
    """A state dict as the published checkpoints have it: `module.` in front, every value its own."""
    return {f"module.{name}": torch.rand(t.shape).to(t.dtype) for name, t in network.state_dict().items()}


class RunsCode:
    """What unpickling this would do: make a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_saved_weights_come_back_with_their_metadata(tmp_path):
    network = small()
    path = save_weights(network, tmp_path / "new" / "w.safetensors", classes=["a", "b"], top1=0.5)
    other = small(seed=1)
    assert not same(network, other)
    loaded = load_weights(other, path)
    assert same(network, other)
    assert {"classes": ["a", "b"], "top1": 0.5}.items() <= loaded.metadata.items()
    assert str(loaded) == f"{len(network.state_dict())} tensors from w.safetensors"
    assert [p.name for p in path.parent.iterdir()] == ["w.safetensors"]


@pytest.mark.parametrize("wrapped", ["state_dict", "model", "model_state_dict", ""])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pytorch_file_loads_tensor_by_tensor(tmp_path, wrapped, zipped):
    network = small()
    tensors = published(network)
    content = {"arch": "resnet-18", "epoch": 200, wrapped: tensors, "optimizer": {}} if wrapped else tensors
    torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    loaded = load_weights(network, tmp_path / "w.pth")
    assert loaded.tensors == len(tensors)
    assert all(torch.equal(t, tensors[f"module.{name}"]) for name, t in network.state_dict().items())
    assert loaded.metadata == ({"arch": "resnet-18", "epoch": 200} if wrapped else {})


def test_batch_counters_that_old_files_lack_are_said(tmp_path):
    network = small()
    old = {name: t for name, t in published(network).items() if not name.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / "old.pth")
    loaded = load_weights(network, tmp_path / "old.pth")
    assert len(loaded.fresh) == 17
    assert "the file lacks 17 batch counters" in str(loaded)


def test_missing_left_over_and_misshapen_tensors_are_named_and_nothing_is_changed(tmp_path):
    network, other = small(), small(seed=1)
    tensors = dict(other.state_dict())
    tensors["layer2.0.convolution1.weight"] = tensors.pop("layer2.0.conv1.weight")
    tensors["conv1.weight"] = torch.zeros(4, 3, 3, 3, 3)
    torch.save(tensors, tmp_path / "w.pth")
    before = {name: t.clone() for name, t in network.state_dict().items()}
    with pytest.raises(WeightsError) as error:
        load_weights(network, tmp_path / "w.pth")
    assert "1 missing: layer2.0.conv1.weight" in str(error.value)
    assert "1 left over: layer2.0.convolution1.weight" in str(error.value)
    assert "1 of another shape: conv1.weight (4, 3, 3, 3, 3) for (4, 3, 7, 7, 7)" in str(error.value)
    assert all(torch.equal(t, before[name]) for name, t in network.state_dict().items())


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    path = save_weights(small(shortcut="B"), tmp_path / "b.safetensors")
    with pytest.raises(WeightsError, match=r"not of this network. Tensors: 18 left over: layer2\.0\.downsample\.0"):
        load_weights(small(shortcut="A"), path)


def test_the_head_of_another_class_count_is_replaced_and_said(tmp_path):
    teacher, network = small(num_classes=400), small(num_classes=7, seed=1)
    path = save_weights(teacher, tmp_path / "w.safetensors")
    head = network.fc.weight.clone()
    with pytest.warns(UserWarning, match=r"w\.safetensors: it is for 400 classes and the network for 7: the head was"):
        loaded = load_weights(network, path)
    assert torch.equal(network.conv1.weight, teacher.conv1.weight)
    assert torch.equal(network.fc.weight, head)
    assert loaded.unused == loaded.fresh[::-1] == ("fc.bias", "fc.weight")
    assert loaded.tensors == len(teacher.state_dict()) - 2
    assert "the head is new (fc.bias, fc.weight of the file left out)" in str(loaded)
    assert "for 400 classes and the network for 7: the head was replaced, and knows nothing" in str(loaded)


@pytest.mark.filterwarnings("error")
def test_a_new_head_that_was_asked_for_is_said_without_a_warning_whatever_its_shape(tmp_path):
    teacher, network = small(), small(seed=1)
    head = network.fc.weight.clone()
    loaded = load_weights(network, save_weights(teacher, tmp_path / "w.safetensors"), new_head=True)
    assert torch.equal(network.fc.weight, head)
    assert not torch.equal(head, teacher.fc.weight)
    assert loaded.warning == ""
    assert "the head is new (fc.bias, fc.weight of the file left out)" in str(loaded)


def test_another_class_count_is_refused_where_a_new_head_is_ruled_out(tmp_path):
    network = small(num_classes=7)
    before = {name: t.clone() for name, t in network.state_dict().items()}
    path = save_weights(small(num_classes=400), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="for 400 classes and the network for 7; new_head=True keeps"):
        load_weights(network, path, new_head=False)
    assert all(torch.equal(t, before[name]) for name, t in network.state_dict().items())


@pytest.mark.parametrize("new_head", [None, True, False])
def test_a_new_head_hides_no_other_fault(tmp_path, new_head):
    tensors = small(num_classes=400).state_dict()
    tensors["layer1.0.conv1.weights"] = tensors.pop("layer1.0.conv1.weight")
    torch.save(tensors, tmp_path / "w.pth")
    with pytest.raises(
        WeightsError, match=r"missing: layer1\.0\.conv1\.weight; 1 left over: layer1\.0\.conv1\.weights"
    ):
        load_weights(small(num_classes=7), tmp_path / "w.pth", new_head=new_head)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda tensors: {n: t.to_sparse() for n, t in tensors.items()}, "sparse, quantised or without numbers"),
        (lambda tensors: {n: t.to("meta") for n, t in tensors.items()}, "sparse, quantised or without numbers"),
        (lambda tensors: tensors | {"fc.bias": torch.ones(5, dtype=torch.int8)}, r"another type: fc\.bias whole$"),
        (lambda tensors: tensors | {"fc.bias": torch.ones(5) * 1j}, r"another type: fc\.bias complex$"),
        (lambda tensors: tensors | {"fc.bias": torch.ones(())}, r"another shape: fc\.bias \(\) for \(5,\)$"),
        (lambda tensors: tensors | {"fc.bias": torch.ones(9)}, r"another shape: fc\.bias \(9,\) for \(5,\)$"),
        (lambda tensors: tensors | {7: torch.ones(5)}, "no table of named tensors"),
    ],
    ids=["sparse", "meta", "whole", "complex", "scalar", "two class counts", "a number for a name"],
)
def test_tensors_that_cannot_be_copied_as_they_are_change_nothing(tmp_path, spoil, said):
    network = small()
    before = {name: t.clone() for name, t in network.state_dict().items()}
    torch.save(spoil(dict(small(seed=1).state_dict())), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=said):
        load_weights(network, tmp_path / "w.pth")
    assert all(torch.equal(t, before[name]) for name, t in network.state_dict().items())


def test_a_head_that_reads_other_features_is_a_fault_not_another_class_count(tmp_path):
    tensors = small().state_dict() | {"fc.weight": torch.zeros(5, 64)}
    torch.save(tensors, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"1 of another shape: fc\.weight \(5, 64\) for \(5, 32\)"):
        load_weights(small(), tmp_path / "w.pth")


def test_all_heads_of_a_network_with_several_are_replaced_together(tmp_path):
    class Two(torch.nn.Module):
        head = ("rgb.fc", "flow.fc")

        def __init__(self, num_classes):
            super().__init__()
            self.rgb, self.flow = (create_model("resnet10", num_classes, width=4) for _ in range(2))

    teacher, network = Two(400), Two(7)
    path = save_weights(teacher, tmp_path / "two.safetensors")
    with pytest.warns(UserWarning, match="the head was replaced"):
        loaded = load_weights(network, path)
    assert loaded.unused == ("flow.fc.bias", "flow.fc.weight", "rgb.fc.bias", "rgb.fc.weight")
    assert torch.equal(network.flow.conv1.weight, teacher.flow.conv1.weight)
    one_stream = save_weights(teacher.rgb, tmp_path / "rgb.safetensors")
    fresh = Two(400)
    load_weights(fresh.rgb, one_stream)
    assert same(fresh.rgb, teacher.rgb)
    assert not same(fresh.flow, teacher.flow)


@pytest.mark.parametrize(
    "name", ["resnet18", "vgg11", "densenet121", "squeezenet1_0", "mobilenet_v3_small", "convnext_tiny", "googlenet"]
)
def test_the_head_of_torchvisions_own_networks_is_found(name):
    options = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    with torch.device("meta"):
        a, b = (torchvision.models.get_model(name, num_classes=n, **options).state_dict() for n in (5, 6))
        (head,) = head_names(torchvision.models.get_model(name, **options))
    differing = {key for key in a if a[key].shape != b[key].shape}
    assert differing == {f"{head}.weight", f"{head}.bias"}


def test_a_file_for_one_stream_of_two_says_where_it_goes(tmp_path):
    network, single = create_model("two_stream_i3d", 5, width=4), create_model("i3d", 5, width=4)
    path = save_weights(single, tmp_path / "rgb.safetensors")
    with pytest.raises(
        WeightsError, match=r"not of this network, but of its part rgb_stream: load them into network\."
    ):
        load_weights(network, path)
    load_weights(network.rgb_stream, path)
    assert same(network.rgb_stream, single)


def test_a_file_with_a_prefix_and_the_same_name_without_it_hides_neither(tmp_path):
    tensors = published(small())
    tensors["fc.bias"] = torch.zeros(5)
    torch.save(tensors, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="left over: module"):
        load_weights(small(), tmp_path / "w.pth")


def test_renames_are_regular_expressions_and_leave_files_in_the_networks_own_names_alone(tmp_path):
    network, other = small(), small(seed=1)
    renames = ((r"^stem\.0\.", "conv1."), (r"^stem\.1\.", "bn1."), (r"\.conv(\d)\.", r".conv\1."))
    theirs = {}
    for name, tensor in network.state_dict().items():
        name = "stem.0.weight" if name == "conv1.weight" else name
        theirs["stem.1" + name.removeprefix("bn1") if name.startswith("bn1") else name] = tensor
    torch.save(theirs, tmp_path / "theirs.pth")
    with pytest.raises(WeightsError, match=r"left over: stem\.0\.weight"):
        load_weights(other, tmp_path / "theirs.pth")
    load_weights(other, tmp_path / "theirs.pth", renames=renames)
    assert same(network, other)
    again = small(seed=2)
    load_weights(again, save_weights(network, tmp_path / "ours.safetensors"), renames=renames)
    assert same(network, again)


def test_a_network_without_memory_is_refused(tmp_path):
    path = save_weights(small(), tmp_path / "w.safetensors")
    with torch.device("meta"), pytest.raises(ValueError, match="meta device has no memory"):
        load_weights(small(), path)


@pytest.mark.parametrize("content", ["state dict", "bare"])
def test_a_file_with_code_in_it_is_refused_and_the_code_does_not_run(tmp_path, content):
    trap = RunsCode(tmp_path / "it ran")
    torch.save(
        {"state_dict": {"w": torch.zeros(2), "x": trap}} if content == "state dict" else trap, tmp_path / "w.pth"
    )
    with pytest.raises(WeightsError, match="refused: it holds code or objects"):
        load_weights(small(), tmp_path / "w.pth")
    assert not (tmp_path / "it ran").exists()


def test_a_bare_pickle_with_code_in_it_is_refused_and_the_code_does_not_run(tmp_path):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        (tmp_path / "w.pth").write_bytes(pickle.dumps(RunsCode(tmp_path / "it ran"), protocol))
        with pytest.raises(WeightsError):
            load_weights(small(), tmp_path / "w.pth")
        assert not (tmp_path / "it ran").exists()
    pickle.loads((tmp_path / "w.pth").read_bytes())  # the trap is a real one
    assert (tmp_path / "it ran").exists()


@pytest.mark.parametrize("kind", ["safetensors", "zipped", "legacy"])
@pytest.mark.parametrize("share", [0.001, 0.01, 0.5, 0.99, 0.9999])
def test_a_truncated_file_is_one_clear_error(tmp_path, kind, share):
    network, whole = small(), tmp_path / "whole"
    if kind == "safetensors":
        save_weights(network, whole)
    else:
        torch.save(network.state_dict(), whole, _use_new_zipfile_serialization=kind == "zipped")
    data = whole.read_bytes()
    (tmp_path / "cut").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(WeightsError, match="cut short"):
        load_weights(network, tmp_path / "cut")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("empty.pth", b"", "the file is empty"),
        ("page.pth", b"<!DOCTYPE html><html>not found</html>", "a file of another kind"),
        ("notes.safetensors", b"these are notes", "not a whole safetensors file"),
    ],
)
def test_other_files_are_one_clear_error(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(WeightsError, match=message):
        load_weights(small(), tmp_path / name)


def test_a_missing_file_and_a_file_without_tensors_are_named(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.pth: there is no such file"):
        load_weights(small(), tmp_path / "none.pth")
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="it holds a list, not a table of named tensors"):
        load_weights(small(), tmp_path / "list.pth")
    torch.save({"epoch": 3}, tmp_path / "epoch.pth")
    with pytest.raises(WeightsError, match="it holds no table of named tensors"):
        load_weights(small(), tmp_path / "epoch.pth")
    with pytest.raises(WeightsError, match="it is a folder"):
        load_weights(small(), tmp_path)


def test_an_optimiser_is_no_network(tmp_path):
    network = small()
    optimiser = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    network(torch.rand(2, 3, 2, 8, 8)).sum().backward()
    optimiser.step()
    torch.save(optimiser.state_dict(), tmp_path / "sgd.pth")
    with pytest.raises(WeightsError, match="it holds the state of an optimiser, not the weights of a network"):
        load_weights(network, tmp_path / "sgd.pth")


@pytest.mark.parametrize("wrong", ["torch file named .safetensors", "safetensors named .pth"])
def test_the_content_decides_not_the_suffix(tmp_path, wrong):
    network, other = small(), small(seed=1)
    if wrong.startswith("torch"):
        path = tmp_path / "w.safetensors"
        torch.save(network.state_dict(), path)
    else:
        path = save_weights(network, tmp_path / "w.pth")
    load_weights(other, path)
    assert same(network, other)


def test_the_model_is_taken_from_a_checkpoint_of_training(tmp_path):
    network, other = small(), small(seed=1)
    optimiser = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    network(torch.rand(2, 3, 2, 8, 8)).sum().backward()
    optimiser.step()
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, 1)
    path = checkpoint.save(tmp_path / "c.safetensors", network, optimiser, scheduler, about={"epoch": 3})
    assert load_weights(other, path).metadata == {"epoch": 3}
    assert same(network, other)
