"""What published networks compute, written out from their tensors by their published names, endpoint by endpoint.

Functions of a table of tensors, without modules: nothing of labkit, so a tensor that was loaded into the wrong place
shows as another number.
"""

import torch
import torch.nn.functional as F


def norm(p, x, name, eps=1e-5):
    return F.batch_norm(
        x, *(p[f"{name}.{each}"] for each in ("running_mean", "running_var", "weight", "bias")), eps=eps
    )


def conv(p, x, name, stride=1, groups=1):
    weight = p[f"{name}.weight"]
    return F.conv3d(x, weight, stride=stride, padding=[size // 2 for size in weight.shape[2:]], groups=groups)


def linear(p, x, name):
    return F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])


def whole(p, x, block, number, stride=1, groups=1):
    """A 3D convolution."""
    return conv(p, x, f"{block}.conv{number}" if block else f"conv{number}", stride, groups)


def in_two(p, x, block, number, stride=1, groups=1):
    """A (2+1)D convolution under the names of later 3D-ResNets: space, then time."""
    dot = f"{block}." if block else ""
    time, space = (stride, stride) if isinstance(stride, int) else stride[:2]
    x = F.relu(norm(p, conv(p, x, f"{dot}conv{number}_s", (1, space, space)), f"{dot}bn{number}_s"))
    return conv(p, x, f"{dot}conv{number}_t", (time, 1, 1))


def shortcut(p, x, block, channels, stride):
    if f"{block}.downsample.0.weight" in p:
        return norm(p, conv(p, x, f"{block}.downsample.0", stride), f"{block}.downsample.1")
    x = x[:, :, ::stride, ::stride, ::stride]
    missing = x.new_zeros(len(x), channels - x.shape[1], *x.shape[2:])
    return torch.cat([x, missing], dim=1)


def basic(p, x, block, stride, first, groups):
    t = "_t" if first is in_two else ""
    out = F.relu(norm(p, first(p, x, block, 1, stride), f"{block}.bn1{t}"))
    out = norm(p, first(p, out, block, 2), f"{block}.bn2{t}")
    return F.relu(out + shortcut(p, x, block, out.shape[1], stride))


def bottleneck(p, x, block, stride, middle, groups):
    t = "_t" if middle is in_two else ""
    out = F.relu(norm(p, conv(p, x, f"{block}.conv1"), f"{block}.bn1"))
    out = F.relu(norm(p, middle(p, out, block, 2, stride, groups), f"{block}.bn2{t}"))
    out = norm(p, conv(p, out, f"{block}.conv3"), f"{block}.bn3")
    return F.relu(out + shortcut(p, x, block, out.shape[1], stride))


def pre_activation(p, x, block, stride, middle, groups):
    out = conv(p, F.relu(norm(p, x, f"{block}.bn1")), f"{block}.conv1")
    out = middle(p, F.relu(norm(p, out, f"{block}.bn2")), block, 2, stride)
    out = conv(p, F.relu(norm(p, out, f"{block}.bn3")), f"{block}.conv3")
    return out + shortcut(p, x, block, out.shape[1], stride)


def residual(p, x, block, depths, *, groups=1, how=whole):
    """3D-ResNets: stem, max-pool, four stages, mean, linear."""
    x = F.relu(norm(p, how(p, x, "", 1, (1, 2, 2)), "bn1_t" if how is in_two else "bn1"))
    yield "stem", x
    x = F.max_pool3d(x, 3, 2, 1)
    yield "pool", x
    for stage, depth in enumerate(depths, start=1):
        for number in range(depth):
            stride = 2 if stage > 1 and number == 0 else 1
            x = block(p, x, f"layer{stage}.{number}", stride, how, groups)
        yield f"layer{stage}", x
    x = x.mean(dim=(2, 3, 4))
    yield "features", x
    yield "logits", linear(p, x, "fc")


def dense(p, x, depths, dot=""):
    """3D-ResNets' DenseNets; `dot` stands between a layer's kind and its number (`norm.1` in 2017, `norm1` later)."""
    x = F.relu(norm(p, conv(p, x, "features.conv0", (1, 2, 2)), "features.norm0"))
    yield "stem", x
    x = F.max_pool3d(x, 3, 2, 1)
    yield "pool", x
    for block, depth in enumerate(depths, start=1):
        for number in range(1, depth + 1):
            layer = f"features.denseblock{block}.denselayer{number}"
            new = conv(p, F.relu(norm(p, x, f"{layer}.norm{dot}1")), f"{layer}.conv{dot}1")
            new = conv(p, F.relu(norm(p, new, f"{layer}.norm{dot}2")), f"{layer}.conv{dot}2")
            x = torch.cat([x, new], dim=1)
        yield f"block{block}", x
        if block < len(depths):
            transition = f"features.transition{block}"
            x = F.avg_pool3d(conv(p, F.relu(norm(p, x, f"{transition}.norm")), f"{transition}.conv"), 2)
            yield f"transition{block}", x
    x = F.relu(norm(p, x, "features.norm5")).mean(dim=(2, 3, 4))
    yield "features", x
    yield "logits", linear(p, x, "classifier")


def padded(x, kernel, stride):
    """Zeros around as TensorFlow's SAME puts them."""
    sides = []
    for n, k, s in zip(x.shape[2:], kernel, stride, strict=True):
        total = max(k - s, 0) if n % s == 0 else max(k - n % s, 0)
        sides = [total // 2, total - total // 2, *sides]
    return F.pad(x, sides)


def unit(p, x, name, stride=(1, 1, 1)):
    weight = p[f"{name}.conv3d.weight"]
    x = F.conv3d(padded(x, weight.shape[2:], stride), weight, stride=stride)
    return F.relu(norm(p, x, f"{name}.bn", eps=1e-3))


def pool(x, kernel, stride):
    """After a ReLU nothing is below 0, so a zero of the padding never wins."""
    return F.max_pool3d(padded(x, kernel, stride), kernel, stride)


def mixed(p, x, name):
    beside = unit(p, pool(x, (3, 3, 3), (1, 1, 1)), f"{name}.b3b")
    second = unit(p, unit(p, x, f"{name}.b1a"), f"{name}.b1b")
    third = unit(p, unit(p, x, f"{name}.b2a"), f"{name}.b2b")
    return torch.cat([unit(p, x, f"{name}.b0"), second, third, beside], dim=1)


def i3d(p, x):
    """I3D as the PyTorch port names it, up to the logits of every time step."""
    steps = {
        "Conv3d_1a_7x7": lambda x, name: unit(p, x, name, (2, 2, 2)),
        "MaxPool3d_2a_3x3": lambda x, name: pool(x, (1, 3, 3), (1, 2, 2)),
        "Conv3d_2b_1x1": lambda x, name: unit(p, x, name),
        "Conv3d_2c_3x3": lambda x, name: unit(p, x, name),
        "MaxPool3d_3a_3x3": lambda x, name: pool(x, (1, 3, 3), (1, 2, 2)),
        "Mixed_3b": lambda x, name: mixed(p, x, name),
        "Mixed_3c": lambda x, name: mixed(p, x, name),
        "MaxPool3d_4a_3x3": lambda x, name: pool(x, (3, 3, 3), (2, 2, 2)),
        **{f"Mixed_4{letter}": lambda x, name: mixed(p, x, name) for letter in "bcdef"},
        "MaxPool3d_5a_2x2": lambda x, name: pool(x, (2, 2, 2), (2, 2, 2)),
        "Mixed_5b": lambda x, name: mixed(p, x, name),
        "Mixed_5c": lambda x, name: mixed(p, x, name),
    }
    for name, step in steps.items():
        x = step(x, name)
        yield name, x
    x = F.avg_pool3d(x, (2, *x.shape[3:]), stride=1)
    yield "features", x
    logits = F.conv3d(x, p["logits.conv3d.weight"], p["logits.conv3d.bias"]).flatten(2)
    yield "Logits", logits
    yield "Predictions", logits.mean(2).softmax(1)
    yield "logits", logits.mean(2)


def c3d(p, x):
    """C3D as its PyTorch ports name it."""
    for stage in (("conv1",), ("conv2",), ("conv3a", "conv3b"), ("conv4a", "conv4b"), ("conv5a", "conv5b")):
        for name in stage:
            x = F.relu(F.conv3d(x, p[f"{name}.weight"], p[f"{name}.bias"], padding=1))
            yield name if len(name) > 5 else f"{name}a", x
        number = stage[0][4]
        time = 1 if number == "1" else 2
        x = F.max_pool3d(x, (time, 2, 2), padding=(0, 1, 1) if number == "5" else 0)
        yield f"pool{number}", x
    x = F.relu(linear(p, x.flatten(1), "fc6"))
    yield "fc6", x
    x = F.relu(linear(p, x, "fc7"))
    yield "features", x
    yield "logits", linear(p, x, "fc8")
