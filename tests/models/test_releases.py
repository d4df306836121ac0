"""Published files tell by their names and words which pixels they want: the clip follows, or the loader says which."""

import pytest
import torch
import torchvision
from published_checkpoints import names_and_shapes
from test_published_checkpoints import dense_names, drawn, factored_names, thinner, without_counters

from labkit.clip import ACTIVITYNET_MEAN, ClipSpec
from labkit.data.transforms import normalise
from labkit.models import create_model, entry, list_models, load_weights, save_weights

# As published: of values in 0-1.
MEAN, STD = (0.4345, 0.4051, 0.3775), (0.2768, 0.2713, 0.2737)
IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


def same_pixels(clip, wanted):
    return clip.mean == pytest.approx(wanted[0]) and clip.std == pytest.approx(wanted[1])


LATER = (tuple(255 * each for each in MEAN), tuple(255 * each for each in STD))


def of_2018(factor=8):
    return drawn(thinner(names_and_shapes("resnet18_b"), factor))


def later(factor=8):
    return {name.removeprefix("module."): tensor for name, tensor in of_2018(factor).items()}


def published(tmp_path, tensors, **about):
    torch.save({**about, "epoch": 200, "state_dict": tensors}, tmp_path / "r3d18.pth")
    return tmp_path / "r3d18.pth"


def plain(**options):
    return create_model("resnet18", 400, width=8, shortcut="B", **options)


@torch.no_grad()
def test_with_the_files_clip_the_answers_are_those_of_the_published_preprocessing(tmp_path):
    """Not with the clip of 2018: the logits are then far off, which is what the clip follows the file for."""
    path = published(tmp_path, later(), arch="resnet-18")
    network, reference = plain().eval(), plain().eval()
    before = network.clip
    with pytest.warns(UserWarning, match=r"the later release of 3D-ResNets, and network\.clip follows"):
        load_weights(network, path)
    reference.load_state_dict(network.state_dict())
    frames = torch.randint(0, 256, (16, 4, 32, 32, 3), dtype=torch.uint8).permute(0, 1, 4, 2, 3)  # (B, T, C, H, W)
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in (MEAN, STD))
    expected = reference(((frames / 255 - mean) / std).transpose(1, 2))
    ours, old = (network(normalise(frames, clip)) for clip in (network.clip, before))
    assert (ours.argmax(1) == expected.argmax(1)).all()
    assert (ours - expected).abs().max() < 1e-4 * expected.abs().max()
    assert (old - expected).abs().max() > 0.5 * expected.abs().max()


@pytest.mark.parametrize("name", ["r2plus1d_18", "r2plus1d_50"])
def test_files_of_2plus1d_networks_are_of_the_later_release_by_their_names(tmp_path, name):
    kind, depths = ("basic", (2, 2, 2, 2)) if name.endswith("18") else ("bottleneck", (3, 4, 6, 3))
    torch.save(drawn(factored_names(kind, depths, 8)), tmp_path / "w.pth")
    network = create_model(name, 700, width=8)
    with pytest.warns(UserWarning, match="network.clip follows them"):
        loaded = load_weights(network, tmp_path / "w.pth")
    assert same_pixels(network.clip, LATER)
    assert (network.clip.frames, network.clip.size) == (16, 112)
    assert "the later release of 3D-ResNets" in str(loaded)


def test_a_file_of_2018_leaves_the_clip_as_it_is_and_takes_back_what_another_file_made_of_it(tmp_path, recwarn):
    network = plain()
    load_weights(network, published(tmp_path, of_2018(), arch="resnet-18"))
    assert network.clip == ClipSpec()
    assert not recwarn.list
    load_weights(network, published(tmp_path, later(), arch="resnet-18"))
    assert same_pixels(network.clip, LATER)
    load_weights(network, published(tmp_path, without_counters(of_2018()), arch="resnet-18"))
    assert network.clip == ClipSpec()


@pytest.mark.parametrize("wrapped", [True, False])
def test_where_the_file_does_not_tell_the_loader_says_which_clip_to_give(tmp_path, wrapped):
    path = published(tmp_path, later()) if wrapped else tmp_path / "w.pth"
    if not wrapped:
        torch.save(later(), path)
    network = plain()
    said = r"if these weights are of the later release .* mean=\(110\.7975, .* network\.clip says mean=\(114\.7748, "
    with pytest.warns(UserWarning, match=said):
        load_weights(network, path)
    assert network.clip.mean == ACTIVITYNET_MEAN


def test_a_clip_that_was_chosen_is_left_alone_and_the_other_is_named(tmp_path, recwarn):
    path = published(tmp_path, later(), arch="resnet-18")
    chosen = ClipSpec(size=64)
    network = plain(clip=chosen)
    with pytest.warns(UserWarning, match=r"of the later release of 3D-ResNets, give them clips with mean=\(110\.7975"):
        load_weights(network, path)
    assert network.clip == chosen
    right = plain(clip=ClipSpec(mean=(110.7975, 103.3005, 96.2625), std=(70.584, 69.1815, 69.7935)))
    recwarn.clear()
    load_weights(right, path)
    by_hand = plain()
    by_hand.clip = ClipSpec(mean=(1.0, 2.0, 3.0))
    assert not recwarn.list
    with pytest.warns(UserWarning, match="give them clips with"):
        load_weights(by_hand, path)
    assert by_hand.clip.mean == (1.0, 2.0, 3.0)


def test_our_own_files_say_nothing_of_releases(tmp_path, recwarn):
    network = plain()
    load_weights(network, save_weights(plain(), tmp_path / "w.safetensors"))
    assert not recwarn.list
    assert network.clip == ClipSpec()


def test_flow_networks_have_no_pixels_to_follow(tmp_path, recwarn):
    network = create_model("resnet18", 5, width=4, in_channels=2)
    torch.save({"arch": "resnet-18", "state_dict": network.state_dict()}, tmp_path / "w.pth")
    load_weights(network, tmp_path / "w.pth")
    assert not recwarn.list


def test_the_later_files_of_densenets_are_told_by_what_they_say_of_themselves(tmp_path):
    tensors = drawn(dense_names((6, 12, 24, 16), 4, ""))
    network = create_model("densenet121", 400, width=8)
    with pytest.warns(UserWarning, match="network.clip follows them"):
        load_weights(network, published(tmp_path, tensors, arch="densenet-121"))
    assert same_pixels(network.clip, LATER)


def test_torchvisions_image_networks_bring_imagenets_pixels_to_our_2d_twins(tmp_path):
    torch.save(torchvision.models.densenet121(num_classes=7).state_dict(), tmp_path / "w.pth")
    dense = create_model("densenet121_2d", 7)
    with pytest.warns(UserWarning, match=r"torchvision's release for ImageNet, and network\.clip follows them"):
        load_weights(dense, tmp_path / "w.pth")
    assert (dense.clip.mean, dense.clip.std) == IMAGENET
    twin = create_model("resnet18_2d", 1000, width=4, shortcut="B")
    torch.save(twin.state_dict(), tmp_path / "w.pth")
    with pytest.warns(UserWarning, match="if these weights are of torchvision's release for ImageNet, give them clips"):
        load_weights(twin, tmp_path / "w.pth")


def test_ports_from_caffe_are_told_to_read_blue_green_red(tmp_path):
    shapes = {}
    for name, tensor in create_model("p3d_63", 5, width=4).state_dict().items():
        shapes[name.replace("stem.0.", "conv1_custom.").replace("stem.1.", "bn1.")] = tensor
    torch.save({"state_dict": shapes}, tmp_path / "p3d.pth")
    with pytest.warns(UserWarning, match=r"PyTorch port of P3D.* blue, green, red.* x\.flip\(1\).*ImageNet's mean"):
        load_weights(create_model("p3d_63", 5, width=4), tmp_path / "p3d.pth")


def test_every_network_whose_renames_accept_other_files_says_what_they_want():
    """Or is here, because the files that its renames accept want what its clip says."""
    as_the_clip_says = {"torchvision_r3d_18", "torchvision_mc3_18", "torchvision_r2plus1d_18", "resnet20_2d"}
    silent = {name for name in list_models() if entry(name).renames and not entry(name).releases}
    assert silent == as_the_clip_says


def hassony(name):
    """The name that github.com/hassony2/kinetics_i3d_pytorch has for a tensor of the other port."""
    first, _, rest = name.partition(".")
    branches = {"b0": "branch_0", "b3b": "branch_3.1"}
    branches |= {f"b{n}{letter}": f"branch_{n}.{k}" for n in (1, 2) for k, letter in enumerate("ab")}
    for ours, theirs in branches.items():
        rest = rest.replace(f"{ours}.", f"{theirs}.") if rest.startswith(f"{ours}.") else rest
    first = "conv3d_0c_1x1" if first == "logits" else first[0].lower() + first[1:]
    return f"{first}.{rest.replace('bn.', 'batch3d.')}"


@pytest.mark.parametrize("model", ["i3d", "i3d_flow", "two_stream_i3d"])
def test_i3d_loads_under_hassonys_names_without_a_word(tmp_path, model, recwarn):
    tensors = drawn(thinner(names_and_shapes("i3d_rgb_pytorch_port"), 4))
    if model == "i3d_flow":
        tensors["Conv3d_1a_7x7.conv3d.weight"] = tensors["Conv3d_1a_7x7.conv3d.weight"][:, :2].clone()
    theirs = {hassony(name): tensor for name, tensor in tensors.items()}
    assert {"conv3d_0c_1x1.conv3d.bias", "mixed_5c.branch_3.1.batch3d.running_var"} < theirs.keys()
    assert {"mixed_3b.branch_2.1.conv3d.weight", "conv3d_1a_7x7.batch3d.weight"} < theirs.keys()
    torch.save(theirs, tmp_path / "model_rgb.pth")
    network = create_model(model, 400, width=16)
    one = network.rgb_stream if model == "two_stream_i3d" else network
    assert load_weights(one, tmp_path / "model_rgb.pth").tensors == len(tensors)
    assert all(torch.equal(tensor, tensors[name].to(tensor.dtype)) for name, tensor in one.state_dict().items())
    assert not recwarn.list
    if model == "two_stream_i3d":
        with pytest.raises(ValueError, match=r"of its part rgb_stream: load them into network\.rgb_stream"):
            load_weights(network, tmp_path / "model_rgb.pth")
