"""Files with the names and shapes of published checkpoints, and random values, load into the right places.

Every endpoint of the loaded network is compared with a computation on the file's own tensors by their published names
(`reference_walks`), or with torchvision's own network. All in float64.
"""

import pytest
import reference_walks as walks
import torch
import torchvision
from published_checkpoints import names_and_shapes
from twins import random_tensors

from labkit.clip import ClipSpec
from labkit.models import WeightsError, create_model, load_weights
from labkit.models.weights import _matched

# checkpoint -> model, its options, how much thinner the test's is, the computation
RESIDUAL = {
    "resnet18_a": ("resnet18", {"shortcut": "A"}, 4, (walks.basic, (2, 2, 2, 2))),
    "resnet18_b": ("resnet18", {"shortcut": "B"}, 4, (walks.basic, (2, 2, 2, 2))),
    "resnet50": ("resnet50", {}, 4, (walks.bottleneck, (3, 4, 6, 3))),
    "wide_resnet50": ("wide_resnet50", {}, 8, (walks.bottleneck, (3, 4, 6, 3))),
    "resnext101": ("resnext101", {}, 2, (walks.bottleneck, (3, 4, 23, 3))),
    "preact_resnet200": ("preact_resnet200", {}, 8, (walks.pre_activation, (3, 24, 36, 3))),
}
I3D = ("i3d", {}, 4, ())


def thinner(shapes, factor, keep=(3, 400)):
    """The same names with every number of channels divided; colours and classes stay."""
    return {
        name: tuple(n if n in keep else n // factor for n in shape[:2]) + shape[2:] for name, shape in shapes.items()
    }


def drawn(shapes, seed=0):
    """Random values, all different, that keep numbers near 1 on their way through a network."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, shape in shapes.items():
        values = torch.randn(shape, generator=generator, dtype=torch.float64)
        if name.endswith("num_batches_tracked"):
            tensors[name] = torch.tensor(200)
        elif len(shape) > 1:
            tensors[name] = values * (2 / values[0].numel()) ** 0.5
        elif name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
            tensors[name] = 0.75 + 0.1 * values.abs()
        else:
            tensors[name] = 0.2 * values
    return tensors


def without_counters(tensors):
    return {name: t for name, t in tensors.items() if not name.endswith("num_batches_tracked")}


def bare(tensors):
    """The file's tensors as `reference_walks` wants them."""
    return {name.removeprefix("module."): t for name, t in tensors.items()}


def images(frames=4, size=32):
    """Two clips of noise, the second brighter: averages over many positions tell them apart too."""
    clips = torch.randn(2, 3, frames, size, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    clips[1] += 1
    return clips


@torch.no_grad()
def differences(network, walk, clip):
    """Endpoint -> largest difference to the reference, as a share of its largest value."""
    ours, theirs = dict(network.eval().walk(clip)), dict(walk)
    assert ours.keys() == theirs.keys()
    logits = theirs["logits"]
    assert (logits[0] - logits[1]).abs().max() > 0.01 * logits.abs().max()  # they depend on the clip
    return {name: ((ours[name] - t).abs().max() / t.abs().max()).item() for name, t in theirs.items()}


@pytest.mark.parametrize("checkpoint", [*RESIDUAL, "i3d_rgb_pytorch_port"])
def test_names_and_shapes_of_a_published_file_are_the_networks_at_full_width(checkpoint):
    name, options, *_ = RESIDUAL.get(checkpoint, I3D)
    with torch.device("meta"):
        wanted = {n: tuple(t.shape) for n, t in create_model(name, 400, **options).state_dict().items()}
    shapes = names_and_shapes(checkpoint)
    assert {ours: shapes[theirs] for ours, theirs in _matched(shapes, wanted, ()).items()} == wanted


@pytest.mark.parametrize("old", [False, True], ids=["with counters", "old"])
@pytest.mark.parametrize("checkpoint", RESIDUAL)
def test_a_3d_resnets_checkpoint_gives_what_its_own_tensors_compute(tmp_path, checkpoint, old):
    name, options, factor, (block, depths) = RESIDUAL[checkpoint]
    tensors = drawn(thinner(names_and_shapes(checkpoint), factor))
    tensors = without_counters(tensors) if old else tensors
    content = {"arch": checkpoint, "epoch": 200, "state_dict": tensors, "optimizer": {"state": {}, "param_groups": []}}
    torch.save(content, tmp_path / "published.pth")
    network = create_model(name, 400, width=64 // factor, **options).double()
    loaded = load_weights(network, tmp_path / "published.pth")
    assert loaded.tensors == len(tensors)
    assert bool(loaded.fresh) == old
    groups = 32 if checkpoint == "resnext101" else 1
    clip = images()
    found = differences(network, walks.residual(bare(tensors), clip, block, depths, groups=groups), clip)
    assert max(found.values()) < 1e-10, found


def test_the_i3d_port_gives_what_its_own_tensors_compute(tmp_path):
    tensors = drawn(thinner(names_and_shapes("i3d_rgb_pytorch_port"), 4))
    torch.save(tensors, tmp_path / "rgb_imagenet.pt")
    network = create_model("i3d", 400, width=16).double()
    assert load_weights(network, tmp_path / "rgb_imagenet.pt").tensors == len(tensors)
    clip = images(frames=18, size=40)
    found = differences(network, walks.i3d(tensors, clip), clip)
    assert max(found.values()) < 1e-10, found


def dense_names(depths, growth, dot):
    """Names and shapes of a DenseNet of 3D-ResNets; `dot` between a layer's kind and its number."""
    channels = 2 * growth
    shapes = {"features.conv0.weight": (channels, 3, 7, 7, 7), "features.norm0": (channels,)}
    for block, depth in enumerate(depths, start=1):
        for number in range(1, depth + 1):
            layer = f"features.denseblock{block}.denselayer{number}"
            shapes[f"{layer}.norm{dot}1"] = (channels,)
            shapes[f"{layer}.conv{dot}1.weight"] = (4 * growth, channels, 1, 1, 1)
            shapes[f"{layer}.norm{dot}2"] = (4 * growth,)
            shapes[f"{layer}.conv{dot}2.weight"] = (growth, 4 * growth, 3, 3, 3)
            channels += growth
        if block < len(depths):
            shapes[f"features.transition{block}.norm"] = (channels,)
            shapes[f"features.transition{block}.conv.weight"] = (channels // 2, channels, 1, 1, 1)
            channels //= 2
    shapes |= {"features.norm5": (channels,), "classifier.weight": (400, channels), "classifier.bias": (400,)}
    return with_norms(shapes)


def with_norms(shapes):
    """The five tensors of each batch norm in place of its name alone."""
    every = {}
    for name, shape in shapes.items():
        if name.endswith((".weight", ".bias")):
            every[name] = shape
        else:
            parts = ("weight", "bias", "running_mean", "running_var")
            every |= {f"{name}.{part}": shape for part in parts} | {f"{name}.num_batches_tracked": ()}
    return every


@pytest.mark.parametrize("release", ["2017", "later"])
def test_densenets_load_under_the_names_of_2017_and_under_later_ones(tmp_path, release):
    depths, dot = (6, 12, 24, 16), "." if release == "2017" else ""
    tensors = drawn(dense_names(depths, 4, dot))
    file = {f"module.{n}": t for n, t in without_counters(tensors).items()} if release == "2017" else tensors
    assert ("module.features.denseblock1.denselayer1.norm.1.weight" in file) == (release == "2017")
    torch.save({"arch": "densenet-121", "state_dict": file}, tmp_path / "densenet.pth")
    network = create_model("densenet121", 400, width=8).double()
    assert load_weights(network, tmp_path / "densenet.pth").tensors == len(file)
    clip = images(frames=16, size=64)
    found = differences(network, walks.dense(tensors, clip, depths, dot), clip)
    assert max(found.values()) < 1e-10, found


def middle(channels_in, channels_out):
    return channels_in * channels_out * 27 // (channels_in * 9 + 3 * channels_out)


def factored_names(block, depths, width):
    """Names and shapes of the (2+1)D networks in later releases of 3D-ResNets; two blocks differ in their names."""

    def in_two(prefix, number, c_in, between, c_out, t=3, s=3):
        return {
            f"{prefix}conv{number}_s.weight": (between, c_in, 1, s, s),
            f"{prefix}bn{number}_s": (between,),
            f"{prefix}conv{number}_t.weight": (c_out, between, t, 1, 1),
            f"{prefix}bn{number}_t": (c_out,),
        }

    shapes = in_two("", 1, 3, 3 * width * 343 // (3 * 49 + 7 * width), width, t=7, s=7)
    channels = width
    for stage, depth in enumerate(depths, start=1):
        w = width * 2 ** (stage - 1)
        out = w if block == "basic" else 4 * w
        for number in range(depth):
            name = f"layer{stage}.{number}."
            if block == "basic":
                shapes |= in_two(name, 1, channels, middle(channels, w), w) | in_two(name, 2, w, middle(w, w), w)
            else:
                shapes |= {f"{name}conv1.weight": (w, channels, 1, 1, 1), f"{name}bn1": (w,)}
                shapes |= in_two(name, 2, w, middle(w, w), w)
                shapes |= {f"{name}conv3.weight": (out, w, 1, 1, 1), f"{name}bn3": (out,)}
            if number == 0 and (stage > 1 or channels != out):
                shapes |= {f"{name}downsample.0.weight": (out, channels, 1, 1, 1), f"{name}downsample.1": (out,)}
            channels = out
    return with_norms(shapes | {"fc.weight": (700, channels), "fc.bias": (700,)})


@pytest.mark.parametrize(
    ("name", "kind", "depths"), [("r2plus1d_18", "basic", (2, 2, 2, 2)), ("r2plus1d_50", "bottleneck", (3, 4, 6, 3))]
)
def test_later_releases_of_2plus1d_networks_load(tmp_path, name, kind, depths):
    tensors = drawn(factored_names(kind, depths, 8))
    torch.save({"arch": "resnet2p1d", "epoch": 200, "state_dict": tensors}, tmp_path / "r2p1d.pth")
    network = create_model(name, 700, width=8).double()
    assert load_weights(network, tmp_path / "r2p1d.pth").tensors == len(tensors)
    clip, block = images(), walks.basic if kind == "basic" else walks.bottleneck
    found = differences(network, walks.residual(tensors, clip, block, depths, how=walks.in_two), clip)
    assert max(found.values()) < 1e-10, found


def test_c3d_loads_under_the_names_of_its_pytorch_ports(tmp_path):
    channels = {"conv1": (3, 4), "conv2": (4, 8), "conv3a": (8, 16), "conv3b": (16, 16), "conv4a": (16, 32)}
    channels |= dict.fromkeys(("conv4b", "conv5a", "conv5b"), (32, 32))
    shapes = {f"{name}.weight": (c_out, c_in, 3, 3, 3) for name, (c_in, c_out) in channels.items()}
    shapes |= {f"{name}.bias": (c_out,) for name, (_, c_out) in channels.items()}
    for name, (c_in, c_out) in {"fc6": (32 * 4, 256), "fc7": (256, 256), "fc8": (256, 487)}.items():
        shapes |= {f"{name}.weight": (c_out, c_in), f"{name}.bias": (c_out,)}
    tensors = drawn(shapes)
    torch.save(tensors, tmp_path / "c3d.pickle")
    network = create_model("c3d", 487, width=4, clip=ClipSpec(size=32)).double()
    assert load_weights(network, tmp_path / "c3d.pickle").tensors == len(tensors)
    clip = images(frames=16)
    found = differences(network, walks.c3d(tensors, clip), clip)
    assert max(found.values()) < 1e-10, found


def same_logits(ours, theirs, clip):
    with torch.no_grad():
        mine, expected = ours.double().eval()(clip), theirs.double().eval()(clip)
    assert (expected[0] - expected[1]).abs().max() > 0.01 * expected.abs().max()
    return ((mine - expected).abs().max() / expected.abs().max()).item()


def torchvision_network(build, file, **options):
    """One of torchvision's own, with random weights that are also in `file`."""
    with torch.device("meta"):
        network = build(**options)
    tensors = {name: t.float() if t.is_floating_point() else t for name, t in random_tensors(network).items()}
    network.load_state_dict(tensors, assign=True)
    torch.save(tensors, file)
    return network, tensors


@pytest.mark.parametrize("name", ["r3d_18", "mc3_18", "r2plus1d_18"])
def test_torchvisions_video_weights_give_torchvisions_logits(tmp_path, name):
    theirs, tensors = torchvision_network(getattr(torchvision.models.video, name), tmp_path / "video.pth")
    ours = create_model(f"torchvision_{name}", 400)
    loaded = load_weights(ours, tmp_path / "video.pth")
    assert (loaded.tensors, loaded.fresh, loaded.unused) == (len(tensors), (), ())
    assert same_logits(ours, theirs, images()) < 1e-10


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "densenet121"])
def test_torchvisions_2d_weights_give_torchvisions_logits_in_our_2d_networks(tmp_path, name):
    theirs, tensors = torchvision_network(getattr(torchvision.models, name), tmp_path / "2d.pth")
    if name == "densenet121":  # the file that torchvision publishes has the names of 2017
        dotted = {n.replace("norm1", "norm.1").replace("conv2", "conv.2"): t for n, t in tensors.items()}
        torch.save(dotted, tmp_path / "2d.pth")
    options = {"shortcut": "B"} if name == "resnet18" else {}
    ours = create_model(f"{name}_2d", 1000, **options)
    assert load_weights(ours, tmp_path / "2d.pth").tensors == len(tensors)
    assert same_logits(ours, theirs, images(1, 64)[:, :, 0]) < 1e-10
    again = getattr(torchvision.models, name)()
    assert load_weights(again, tmp_path / "2d.pth").tensors == len(tensors)
    assert all(torch.equal(t, tensors[n]) for n, t in again.state_dict().items())


def test_a_published_file_of_another_class_count_keeps_all_but_the_head(tmp_path):
    tensors = drawn(thinner(names_and_shapes("resnet18_b"), 8))
    torch.save({"state_dict": tensors}, tmp_path / "kinetics.pth")
    network = create_model("resnet18", 101, width=8, shortcut="B")
    with pytest.warns(UserWarning, match="it is for 400 classes and the network for 101: the head was replaced"):
        loaded = load_weights(network, tmp_path / "kinetics.pth")
    assert loaded.unused == ("module.fc.bias", "module.fc.weight")
    assert torch.equal(network.layer4[1].conv2.weight, tensors["module.layer4.1.conv2.weight"].float())


def test_a_published_file_with_one_renamed_tensor_is_refused_by_its_names(tmp_path):
    tensors = drawn(thinner(names_and_shapes("resnet18_b"), 8))
    tensors["module.layer3.0.shortcut.0.weight"] = tensors.pop("module.layer3.0.downsample.0.weight")
    torch.save({"state_dict": tensors}, tmp_path / "odd.pth")
    with pytest.raises(WeightsError) as error:
        load_weights(create_model("resnet18", 400, width=8, shortcut="B"), tmp_path / "odd.pth")
    assert "1 missing: layer3.0.downsample.0.weight" in str(error.value)
    assert "1 left over: module.layer3.0.shortcut.0.weight" in str(error.value)
