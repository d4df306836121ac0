"""The networks by name: one table, and the few lines that read it.

Each entry says how the network wants its clips and where it comes from. The table is plain data and loads no torch;
a network is imported when it is built.
"""

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from labkit.clip import ClipSpec
from labkit.models.model_entry import ModelEntry, nearest

if TYPE_CHECKING:
    from torch import nn


IMAGE = ClipSpec(frames=1)  # a 2D twin reads single frames
CIFAR = ClipSpec(
    frames=1, size=32, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)
)  # ImageNet's statistics, which the published CIFAR ResNets use too
TORCHVISION = ClipSpec(
    fps=15.0, mean=(110.2008, 100.63983, 95.99475), std=(58.14765, 56.46975, 55.332195)
)  # what torchvision's video weights were trained on


# Names in published files -> ours, as `ModelEntry.renames` has them.
LATER_2PLUS1D = (  # later releases of 3D-ResNets: conv1_s, bn1_s, conv1_t, bn1_t in the stem and in every block
    (r"\bconv(\d)_s\.", r"conv\1.spatial."),
    (r"\bbn(\d)_s\.", r"conv\1.bn."),
    (r"\bconv(\d)_t\.", r"conv\1.temporal."),
    (r"\bbn(\d)_t\.", r"bn\1."),
)
DENSE = (  # 3D-ResNets and torchvision
    (r"^features\.", ""),
    (r"^conv0\.", "conv1."),
    (r"^norm0\.", "bn1."),
    (r"^norm5\.", "bn2."),
    (r"^denseblock(\d)\.denselayer(\d+)\.", r"block\1.layer\2."),
    (r"\.norm(\d?)\.", r".bn\1."),
    (r"^classifier\.", "fc."),
)
VIDEO_RESNET = (  # torchvision.models.video: Sequentials instead of names
    (r"^stem\.0\.", "conv1."),
    (r"^stem\.1\.", "bn1."),
    (r"\.conv(\d)\.0\.", r".conv\1."),
    (r"\.conv(\d)\.1\.", r".bn\1."),
)
VIDEO_2PLUS1D = (
    (r"^stem\.0\.", "conv1.spatial."),
    (r"^stem\.1\.", "conv1.bn."),
    (r"^stem\.3\.", "conv1.temporal."),
    (r"^stem\.4\.", "bn1."),
    (r"\.conv(\d)\.0\.0\.", r".conv\1.spatial."),
    (r"\.conv(\d)\.0\.1\.", r".conv\1.bn."),
    (r"\.conv(\d)\.0\.3\.", r".conv\1.temporal."),
    (r"\.conv(\d)\.1\.", r".bn\1."),
)


def _hara(name: str, builder: str, printed: str = "", **more: Any) -> ModelEntry:
    """A network of Hara et al.; `printed` is its name in their Table 2, if it is there."""
    about = {"paper": "hara-2018-retrace", "model": printed, "dataset": "Kinetics-400", "metric": "top-1"}
    return ModelEntry(name=name, builder=builder, published={**about, "source": "Table 2"} if printed else {}, **more)


def _resnet(name: str, printed: str = "", shortcut: str = "B", **more: Any) -> ModelEntry:
    """A row of `resnet.PLANS`."""
    architecture = {"plan": name, "dims": 3}
    return _hara(name, "resnet:ResNet", printed, architecture=architecture, defaults={"shortcut": shortcut}, **more)


def _densenet(name: str, depths: tuple[int, ...], printed: str = "", **more: Any) -> ModelEntry:
    architecture = {"depths": depths, "dims": 3}
    return _hara(name, "densenet:DenseNet", printed, architecture=architecture, renames=DENSE, **more)


def _r2plus1d(name: str) -> ModelEntry:
    note = "on the plan of Hara et al.; not torchvision's R(2+1)D"
    return _resnet(name, paper="tran-2018-r2plus1d", table="section 3.5", note=note, renames=LATER_2PLUS1D)


def _torchvision(name: str, renames: tuple[tuple[str, str], ...]) -> ModelEntry:
    about = {"paper": "tran-2018-r2plus1d", "table": "Table 1"}
    note = "torchvision's own: a stem of 3×7×7 and no max-pool"
    return _resnet(f"torchvision_{name}", clip=TORCHVISION, note=note, renames=renames, **about)


def _twin(of: ModelEntry) -> ModelEntry:
    return replace(
        of,
        name=f"{of.name}_2d",
        architecture={**of.architecture, "dims": 2},
        clip=IMAGE,
        note=f"the 2D twin of {of.name}: the same lines without the time dimension",
        published={},
    )


# Hara et al. 2018, Table 1. The published code uses shortcut A for 18 and 34 and B for the rest.
RESNETS = (
    _resnet("resnet10"),
    _resnet("resnet18", "ResNet-18", "A"),
    _resnet("resnet34", "ResNet-34", "A"),
    _resnet("resnet50", "ResNet-50"),
    _resnet("resnet101", "ResNet-101"),
    _resnet("resnet152", "ResNet-152"),
    _resnet("resnet200", "ResNet-200"),
    _resnet("preact_resnet200", "pre-act ResNet-200"),
    _resnet("wide_resnet50", "WRN-50"),
    _resnet("resnext101", "ResNeXt-101", note="Table 1 prints 24 and 36 blocks in the middle stages: an erratum"),
    _densenet("densenet121", (6, 12, 24, 16), "DenseNet-121"),
    _densenet("densenet169", (6, 12, 32, 32), paper="huang-2017-densenet"),
    _densenet("densenet201", (6, 12, 48, 32), "DenseNet-201"),
)
R2PLUS1D = tuple(_r2plus1d(f"r2plus1d_{depth}") for depth in (18, 34, 50))
VIDEO = (
    _torchvision("r3d_18", VIDEO_RESNET),
    _torchvision("mc3_18", VIDEO_RESNET),
    _torchvision("r2plus1d_18", VIDEO_2PLUS1D),
)

# Those whose 2D weights torchvision publishes: with shortcut B they are its networks.
TWINS = tuple(
    _twin(each) for each in RESNETS if each.name not in ("resnet10", "resnet200", "preact_resnet200", "resnext101")
)
RESNET20_2D = ModelEntry(
    name="resnet20_2d",
    builder="resnet:ResNet",
    architecture={"plan": "resnet20", "dims": 2},
    defaults={"shortcut": "A-centred", "width": 16},
    clip=CIFAR,
    paper="he-2016-residual",
    table="section 4.2",
    renames=((r"^linear\.", "fc."),),
    note="the CIFAR-10 network of He et al. 2016 (10 classes)",
)

# The baselines of the results tables, and Quo Vadis' 3D ConvNet, which is one of them with batch norm.
C3D = ModelEntry(
    name="c3d",
    builder="c3d:c3d",
    architecture={},
    paper="tran-2015-c3d",
    table="Figure 3",
    renames=(  # those of the PyTorch ports: conv1, conv2, conv3a, ...
        (r"^conv([12])\.", r"conv\1a."),
        (r"^(conv\d[ab]|fc[67])\.", r"\1.0."),
    ),
    note="the original trains on Sports-1M (487 classes) and subtracts a mean for each position, not for each channel",
    published={
        "paper": "hara-2018-retrace",
        "model": "C3D",
        "dataset": "UCF-101",
        "metric": "top-1",
        "source": "Table 5",
    },
)
C3D_BN = ModelEntry(
    name="c3d_bn",
    builder="c3d:c3d_bn",
    architecture={},
    clip=ClipSpec(fps=25.0, mean=(127.5,) * 3, std=(127.5,) * 3),  # pixels to [-1, 1]
    paper="carreira-2017-quo-vadis",
    table="Table 1",
    note="the paper's 3D ConvNet: C3D with batch norm",
    published={
        "paper": "carreira-2017-quo-vadis",
        "model": "3D ConvNet",
        "dataset": "Kinetics-400",
        "metric": "top-1",
        "source": "Table 2",
    },
)


def _p3d(depth: int, depths: tuple[int, ...], **more: Any) -> ModelEntry:
    return ModelEntry(
        name=f"p3d_{depth}",
        builder="p3d:P3D",
        architecture={"depths": depths, "kinds": ("A", "B", "C")},
        clip=ClipSpec(size=160, mean=(123.0, 117.0, 104.0)),  # the published network's, there in the order BGR
        paper="qiu-2017-p3d",
        table="section 3 and the published network",
        renames=(  # those of the PyTorch port, github.com/qijiezhao/pseudo-3d-pytorch
            (r"^conv1_custom\.", "stem.0."),
            (r"^bn1\.", "stem.1."),
            (r"\.conv1\.", ".reduce.0."),
            (r"\.bn1\.", ".reduce.1."),
            (r"\.(conv2|conv_normal)\.", ".spatial.0."),
            (r"\.(bn2|bn_normal)\.", ".spatial.1."),
            (r"\.conv3\.", ".temporal.0."),
            (r"\.bn3\.", ".temporal.1."),
            (r"\.conv4\.", ".expand.0."),
            (r"\.bn4\.", ".expand.1."),
        ),
        **more,
    )


P3D = (
    _p3d(63, (3, 4, 6, 3), note="P3D made of ResNet-50"),
    _p3d(
        199,
        (3, 8, 36, 3),
        note="P3D made of ResNet-152, the network of the paper's results",
        published={
            "paper": "hara-2018-retrace",
            "model": "P3D",
            "dataset": "UCF-101",
            "metric": "top-1",
            "source": "Table 5",
        },
    ),
)
ST_MULTIPLIER = ModelEntry(
    name="st_multiplier",
    builder="multiplier:MultiplierNetwork",
    architecture={"depths": (3, 4, 6, 3)},
    clip=ClipSpec(frames=5, stride=10, size=224, mean=(123.675, 116.28, 103.53)),  # published: 5 to 35 apart
    flow=ClipSpec(frames=50, size=224, mean=(128.0, 128.0), std=(1.0, 1.0)),
    paper="feichtenhofer-2017-multiplier",
    table="section 3 and the published code",
    note="ResNet-50 in both streams; reads 10 flow fields with each of 5 frames",
    published={
        "paper": "hara-2018-retrace",
        "model": "ST Multiplier Net",
        "dataset": "UCF-101",
        "metric": "top-1",
        "source": "Table 5",
    },
)
# Carreira & Zisserman 2017, Table 1: Inception-V1 in 2D and 3D, and the designs made of it. Pixels go to [-1, 1]; so
# does flow, which is clipped to ±20 pixels and kept as bytes around 127.5.
INCEPTION = ClipSpec(frames=64, size=224, fps=25.0, mean=(127.5,) * 3, std=(127.5,) * 3)
FLOW = INCEPTION.but(mean=(127.5,) * 2, std=(127.5,) * 2)


def _quo_vadis(name: str, builder: str, printed: str = "", *, reads: str = "RGB + flow", **more: Any) -> ModelEntry:
    """A network of Carreira & Zisserman; `printed` is its name in their Table 2, which has a number for each input."""
    paper = "carreira-2017-quo-vadis"
    about = {"paper": paper, "model": printed, "dataset": "Kinetics-400", "metric": "top-1", "input": reads}
    published = {**about, "source": "Table 2"} if printed else {}
    origin = {"paper": paper, "architecture": {}, **more}
    return ModelEntry(name=name, builder=builder, published=published, **origin)


QUO_VADIS = (
    _quo_vadis(
        "inception_v1_2d",
        "inception:Inception",
        architecture={"dims": 2},
        clip=INCEPTION.but(frames=1),
        paper="szegedy-2015-inception",
        note="the 2D twin of i3d, with batch norm",
    ),
    _quo_vadis(
        "i3d", "inception:Inception", "I3D", reads="RGB", architecture={"dims": 3}, clip=INCEPTION, table="Figure 3"
    ),
    _quo_vadis(
        "i3d_flow", "inception:Inception", "I3D", reads="flow", architecture={"dims": 3}, clip=FLOW, table="Figure 3"
    ),
    _quo_vadis(
        "convnet_lstm", "recurrent:ConvNetLSTM", "ConvNet+LSTM", reads="RGB", clip=INCEPTION.but(frames=25, stride=5)
    ),
    _quo_vadis(
        "two_stream", "streams:two_stream", "two-stream", clip=INCEPTION.but(frames=1), flow=FLOW.but(frames=10)
    ),
    _quo_vadis(
        "fused_two_stream",
        "streams:fused_two_stream",
        "3D-fused",
        clip=INCEPTION.but(frames=5, stride=10),
        flow=FLOW.but(frames=50),
    ),
    _quo_vadis("two_stream_i3d", "streams:two_stream_i3d", "I3D", clip=INCEPTION, flow=FLOW),
)
BASELINES = (C3D, C3D_BN, *P3D, ST_MULTIPLIER)

_ENTRIES = {each.name: each for each in (*RESNETS, *R2PLUS1D, *VIDEO, *TWINS, RESNET20_2D, *BASELINES, *QUO_VADIS)}


def list_models(pattern: str = "*") -> list[str]:
    """Names in the zoo that match a shell pattern, in the table's order: `list_models("resnet*")`."""
    return [name for name in _ENTRIES if fnmatchcase(name, pattern)]


def entry(name: str) -> ModelEntry:
    """One row of the zoo. Raises `ValueError`, with the nearest name, for one that is not there."""
    if name not in _ENTRIES:
        raise ValueError(f"unknown model {name!r}{nearest(name, list(_ENTRIES))}")
    return _ENTRIES[name]


def create_model(name: str, num_classes: int = 400, **overrides: Any) -> "nn.Module":
    """Build a network of the zoo, freshly initialised.

    `overrides` change what the entry leaves open: `width` (64; 16 is laptop-sized), `shortcut`, `dropout`,
    `in_channels`, `clip` (a `ClipSpec`, kept as the network's `.clip`). Works under `torch.device("meta")`.
    Raises `ValueError` for an unknown name or value and `TypeError` for an unknown override, naming the nearest.
    """
    return entry(name).build(num_classes, **overrides)
