"""The zoo's networks of Quo Vadis: Inception-V1 in 2D and 3D, and the designs made of it."""

from typing import Any

from labkit.clip import ClipSpec
from labkit.models.model_entry import ModelEntry

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
        "c3d_bn",
        "c3d:c3d_bn",
        "3D ConvNet",
        reads="RGB",
        clip=INCEPTION.but(frames=16, size=112),
        note="the paper's 3D ConvNet: C3D with batch norm",
    ),
    _quo_vadis(
        "two_stream",
        "streams:TwoStream",
        "two-stream",
        architecture={"design": "images"},
        clip=INCEPTION.but(frames=1),
        flow=FLOW.but(frames=10),
    ),
    _quo_vadis(
        "fused_two_stream",
        "streams:FusedTwoStream",
        "3D-fused",
        clip=INCEPTION.but(frames=5, stride=10),
        flow=FLOW.but(frames=50),
    ),
    _quo_vadis(
        "two_stream_i3d",
        "streams:TwoStream",
        "I3D",
        architecture={"design": "clips"},
        clip=INCEPTION,
        flow=FLOW,
    ),
)
