"""The zoo's baselines of the papers' results tables: C3D, P3D, the spatiotemporal multiplier network."""

from typing import Any

from labkit.clip import ClipSpec
from labkit.models.model_entry import ModelEntry
from labkit.models.releases import Release


def _printed(model: str) -> dict[str, str]:
    """Its accuracy as Hara et al. print it beside their own."""
    about = {"paper": "hara-2018-retrace", "model": model, "source": "Table 5"}
    return {**about, "dataset": "UCF-101", "metric": "top-1"}


# Both were converted from Caffe, which reads BGR. A clip cannot say so; the advice does.
C3D_PORT = Release(
    name="a PyTorch port of C3D, converted from the authors' Caffe network",
    sign=r"(^|\.)conv3a\.weight$",
    advice=(
        "That reads blue, green, red: give it clip=ClipSpec(mean=(101.4, 97.7, 90.2)), the mean of Sports-1M (the "
        "original subtracts it position by position), and turn the channels of each clip around, x.flip(1)."
    ),
)
P3D_PORT = Release(
    name="the PyTorch port of P3D, converted from the authors' Caffe network",
    sign=r"(^|\.)conv1_custom\.weight$",
    advice=(
        "That reads blue, green, red, 0-255, minus (104, 117, 123): with network.clip as the zoo has it, turn the channels "
        "of each clip around, x.flip(1). The port itself names RGB with ImageNet's mean=(123.675, 116.28, 103.53), "
        "std=(58.395, 57.12, 57.375), and does not use them. Try both on a clip whose class you know."
    ),
)

C3D = ModelEntry(
    name="c3d",
    builder="c3d:c3d",
    architecture={},
    paper="tran-2015-c3d",
    table="Figure 3",
    # Those of the PyTorch ports: conv1, conv2, conv3a, ...
    renames=((r"^conv([12])\.", r"conv\1a."), (r"^(conv\d[ab]|fc[67])\.", r"\1.0.")),
    releases=(C3D_PORT,),
    note="the original trains on Sports-1M (487 classes) and subtracts a mean for each position, not for each channel",
    published=_printed("C3D"),
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
        releases=(P3D_PORT,),
        **more,
    )


P3D = (
    _p3d(63, (3, 4, 6, 3), note="P3D made of ResNet-50"),
    _p3d(
        199,
        (3, 8, 36, 3),
        note="P3D made of ResNet-152, the network of the paper's results",
        published=_printed("P3D"),
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
    published=_printed("ST Multiplier Net"),
)
BASELINES = (C3D, *P3D, ST_MULTIPLIER)
