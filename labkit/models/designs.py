"""What networks cost as their sizes change: families, depths, widths, cardinalities, shortcuts, clips.

`read_designs` gives the costs of all that `FAMILIES` offers, measured on the meta device and kept in `designs.jsonl`, since
measuring all takes minutes. `python -m labkit.models.designs` measures them again; a test compares some with the file.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from labkit.atomic import write_atomically
from labkit.models.zoo import entry

if TYPE_CHECKING:
    from labkit.models.network import Network

FILE = Path(__file__).with_name("designs.jsonl")
CLASSES = 400  # of each network: Kinetics-400
NONE = "–"  # where a family leaves nothing to choose
CONTROLS = ("family", "depth", "width", "cardinality", "shortcut", "frames", "size")
COSTS = ("endpoint", "detail", "output", "field", "parameters", "macs")  # of each endpoint
BLOCKS = {
    "BasicBlock": "basic block",
    "Bottleneck": "bottleneck",
    "PreActivation": "pre-activation block",
    "DenseLayer": "dense layer",
    "PseudoBottleneck": "pseudo-3D block",
}
Choice = dict[str, str]  # a value for each of CONTROLS


@dataclass(frozen=True)
class Family:
    """A family: the network of the zoo for each depth, and what can be chosen about it."""

    depths: Mapping[str, str]  # depth -> a network of the zoo
    widths: tuple[int, ...] = (16, 64)
    cardinalities: tuple[str, ...] = (NONE,)
    shortcuts: tuple[str, ...] = (NONE,)
    frames: tuple[int, ...] = (8, 16, 32)
    sizes: tuple[int, ...] = (56, 112, 224)
    plan: Mapping[str, Any] = field(default_factory=dict)  # for a depth without a network of its own: depth -> blocks

    def choices(self) -> Iterator[tuple[Any, ...]]:
        """All that can be chosen, in the order of `CONTROLS` without the family."""
        depths = (*self.depths, *self.plan)
        return product(depths, self.widths, self.cardinalities, self.shortcuts, self.frames, self.sizes)


def _numbered(name: str, *depths: int) -> dict[str, str]:
    return {str(depth): name.format(depth) for depth in depths}


FAMILIES = {
    "ResNet": Family(_numbered("resnet{}", 10, 18, 34, 50, 101, 152, 200), widths=(16, 32, 64), shortcuts=("A", "B")),
    "pre-activation ResNet": Family(_numbered("preact_resnet{}", 200)),
    "wide ResNet": Family(_numbered("wide_resnet{}", 50)),
    "ResNeXt": Family(_numbered("resnext{}", 101), cardinalities=("1", "8", "32"), plan={"50": (3, 4, 6, 3)}),
    "DenseNet": Family(_numbered("densenet{}", 121, 169, 201)),
    "R(2+1)D": Family(_numbered("r2plus1d_{}", 18, 34, 50)),
    "P3D": Family(_numbered("p3d_{}", 63, 199), frames=(16, 32), sizes=(112, 160)),
    "C3D": Family({"11": "c3d"}, frames=(16,), sizes=(56, 112)),
    "I3D": Family({"22": "i3d"}, frames=(16, 64), sizes=(112, 224)),
    "Quo Vadis a: ConvNet + LSTM": Family({"22": "convnet_lstm"}, frames=(8, 25), sizes=(112, 224)),
    "Quo Vadis b: 3D ConvNet": Family({"11": "c3d_bn"}, frames=(16,), sizes=(56, 112)),
    "Quo Vadis c: two-stream": Family({"22": "two_stream"}, frames=(1, 5), sizes=(112, 224)),
    "Quo Vadis d: 3D-fused two-stream": Family({"22": "fused_two_stream"}, frames=(5, 10), sizes=(112, 224)),
    "Quo Vadis e: two-stream I3D": Family({"22": "two_stream_i3d"}, frames=(16, 64), sizes=(112, 224)),
}


def offered() -> list[Choice]:
    """All choices, those of the zoo first."""
    made = [
        dict(zip(CONTROLS, (name, *map(str, choice)), strict=True))
        for name, family in FAMILIES.items()
        for choice in family.choices()
    ]
    return sorted(made, key=lambda choice: not network_of(choice))


def network_of(choice: Mapping[str, str]) -> str:
    """The name of a network of the zoo that is this design as it stands there; empty if there is none."""
    name = FAMILIES[choice["family"]].depths.get(choice["depth"], "")
    if not name:
        return ""
    usual = entry(name)
    wanted = {
        "width": "64",
        "cardinality": "32" if choice["family"] == "ResNeXt" else NONE,
        "shortcut": usual.defaults.get("shortcut", NONE) if choice["family"] == "ResNet" else NONE,
        "frames": str(usual.clip.frames),
        "size": str(usual.clip.size),
    }
    return name if all(choice[key] == value for key, value in wanted.items()) else ""


def build(choice: Mapping[str, str]) -> "Network":
    """The network of a choice, of any whole numbers. Make it under `torch.device("meta")` to count only.

    Raises `ValueError` for numbers that make no network.
    """
    from labkit.models.convolutions import grouped
    from labkit.models.resnet import PLANS, ResNet

    family, width = FAMILIES[choice["family"]], int(choice["width"])
    name = family.depths.get(choice["depth"], next(iter(family.depths.values())))
    usual = entry(name)
    clip = usual.clip.but(frames=int(choice["frames"]), size=int(choice["size"]))
    if choice["cardinality"] != NONE:
        plan = PLANS[name]
        depths = family.plan.get(choice["depth"], plan.depths)
        cardinality, channels = int(choice["cardinality"]), width * plan.widening
        if channels % cardinality:
            raise ValueError(f"cardinality {cardinality} does not divide the {channels} channels of the first stage")
        convs = (partial(grouped, cardinality=cardinality),)
        return ResNet(replace(plan, depths=depths, convs=convs), num_classes=CLASSES, width=width, clip=clip)
    more: dict[str, Any] = {} if choice["shortcut"] == NONE else {"shortcut": choice["shortcut"]}
    if usual.flow is not None:
        fields = usual.flow.frames // usual.clip.frames * clip.frames
        more["flow"] = usual.flow.but(frames=fields, size=clip.size)
    network: Any = usual.build(CLASSES, width=width, clip=clip, **more)
    return network


def measure(choice: Mapping[str, str]) -> dict[str, Any]:
    """The costs of one choice: `kept`, the bytes that training keeps of one clip, and a row for each endpoint.

    Raises `ValueError` for numbers that make no network, or a network that cannot read its clip.
    """
    import torch

    from labkit.models.profile import profile, totals, trace

    with torch.device("meta"):
        network = build(choice)
    shape = network.clip.shape if network.flow is None else (network.clip.shape, network.flow.shape)
    traced = trace(network, shape)
    traced.insert(1, "detail", [_detail(network, name) for name in traced["endpoint"]])
    kept = int(totals(profile(network, shape)).activations)
    return {"kept": kept, "endpoints": traced[list(COSTS)].to_numpy().tolist()}


def _detail(network: "Network", endpoint: str) -> str:
    """The blocks of a stage in words: `2 × basic block`."""
    blocks = list(getattr(getattr(network, endpoint, None), "children", list)())
    kind = BLOCKS.get(type(blocks[0]).__name__) if blocks else None
    return f"{len(blocks)} × {kind}" if kind else ""


def read_designs(file: Path = FILE) -> pd.DataFrame:
    """All measured designs, those of the zoo first: a row for each.

    The columns are those of `CONTROLS` (text), `network` (its name in the zoo, or empty), `kept` (bytes that training keeps
    of one clip) and `endpoints`: for each, its name, its blocks, the shape of its output without the batch, its receptive
    field, and the parameters and multiply-accumulates since the endpoint before it.
    """
    return pd.DataFrame([json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()])


def write_designs(file: Path = FILE) -> None:
    """Measure all that is offered, and write a line for each."""
    from labkit.bars import tqdm

    lines = [
        json.dumps(
            {**choice, "network": network_of(choice), **measure(choice)}, ensure_ascii=False, separators=(",", ":")
        )
        for choice in tqdm(offered(), unit="design")
    ]
    write_atomically(file, lambda temporary: temporary.write_text("\n".join(lines) + "\n", encoding="utf-8"))


if __name__ == "__main__":
    write_designs()
