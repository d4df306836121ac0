"""The zoo's residual and dense networks: those of Hara et al., R(2+1)D, torchvision's own, and their 2D twins."""

from dataclasses import replace
from typing import Any

from labkit.clip import ClipSpec
from labkit.models.model_entry import ModelEntry
from labkit.models.releases import Release

IMAGE = ClipSpec(frames=1)  # a 2D twin reads single frames
IMAGENET: dict[str, Any] = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}
CIFAR = ClipSpec(frames=1, size=32, **IMAGENET)  # which the published CIFAR ResNets use too
# What torchvision's video weights were trained on.
TORCHVISION = ClipSpec(fps=15.0, mean=(110.2008, 100.63983, 95.99475), std=(58.14765, 56.46975, 55.332195))


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


# Published weights that need other pixels than those of Hara et al. 2018, whose names begin with `module.`.
LATER = Release(
    name="the later release of 3D-ResNets",  # values in 0-1 there: mean .4345 .4051 .3775, std .2768 .2713 .2737
    sign=r"^(conv1|features\.conv0)\.weight$",
    arch=r"(resnet|preresnet|wideresnet|resnext|densenet)(-\d+)?",
    mean=(110.7975, 103.3005, 96.2625),
    std=(70.584, 69.1815, 69.7935),
)
LATER_OF_2PLUS1D = replace(LATER, sign=r"\bconv1_s\.", arch=None)  # no other release has R(2+1)D
OF_IMAGENET = Release(
    name="torchvision's release for ImageNet", sign=r"^conv1\.weight$", arch="", classes=1000, **IMAGENET
)
DENSE_OF_IMAGENET = replace(OF_IMAGENET, sign=r"^features\.conv0\.", arch=None, classes=None)


def _hara(name: str, builder: str, printed: str = "", **more: Any) -> ModelEntry:
    """A network of Hara et al.; `printed` is its name in their Table 2, if it is there."""
    about = {"paper": "hara-2018-retrace", "model": printed, "dataset": "Kinetics-400", "metric": "top-1"}
    published = {**about, "source": "Table 2"} if printed else {}
    return ModelEntry(name=name, builder=builder, published=published, **{"releases": (LATER,), **more})


def _resnet(name: str, printed: str = "", shortcut: str = "B", **more: Any) -> ModelEntry:
    """A row of `resnet.PLANS`."""
    architecture = {"plan": name, "dims": 3}
    return _hara(name, "resnet:ResNet", printed, architecture=architecture, defaults={"shortcut": shortcut}, **more)


def _densenet(name: str, depths: tuple[int, ...], printed: str = "", **more: Any) -> ModelEntry:
    architecture = {"depths": depths, "dims": 3}
    return _hara(name, "densenet:DenseNet", printed, architecture=architecture, renames=DENSE, **more)


def _r2plus1d(name: str) -> ModelEntry:
    note = "on the plan of Hara et al.; not torchvision's R(2+1)D"
    about = {"paper": "tran-2018-r2plus1d", "table": "section 3.5", "note": note}
    return _resnet(name, renames=LATER_2PLUS1D, releases=(LATER_OF_2PLUS1D,), **about)


def _torchvision(name: str, renames: tuple[tuple[str, str], ...]) -> ModelEntry:
    about = {"paper": "tran-2018-r2plus1d", "table": "Table 1"}
    note = "torchvision's own: a stem of 3×7×7 and no max-pool"
    return _resnet(f"torchvision_{name}", clip=TORCHVISION, note=note, renames=renames, releases=(), **about)


def _twin(of: ModelEntry) -> ModelEntry:
    return replace(
        of,
        name=f"{of.name}_2d",
        architecture={**of.architecture, "dims": 2},
        clip=IMAGE,
        releases=(DENSE_OF_IMAGENET if of.renames else OF_IMAGENET,),
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
RESIDUAL = (*RESNETS, *R2PLUS1D, *VIDEO, *TWINS, RESNET20_2D)
