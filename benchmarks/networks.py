"""Networks of the zoo against straightforward implementations of the same: forward and a training step.

    python benchmarks/networks.py [--only resnet18 ...] [--rounds 7]

Both sides get the same weights and must give the same logits before anything is timed, predicting and training. They
take turns; the ratio is the median over the rounds. Clips are small, and some networks half as wide, so that the
whole takes a few minutes on two cores. The peers are torchvision's networks, in 2D too, and the two of
`plain_networks.py`.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import plain_networks as plain
import timing
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import models
from torchvision.models import video

from labkit.clip import ClipSpec
from labkit.models import create_model, entry
from labkit.models.profile import costs

CLASSES, BAR = 101, 1.05
RATES = """\
The rate of a network is no bar: it shows what a count of multiply-accumulates leaves out, and the single layers show
why. A dense 3x3x3 convolution does most with each number that it reads. Along fewer axes there is less to do with it,
so bottlenecks and dense or (2+1)D networks do fewer multiply-accumulates in the same time. In 32 groups the products
are too small for the vector units. Pools, norms and ReLUs count as nothing, and a 3x3x3 max-pool is no small thing:
Inception has one in every block. Narrow layers and small maps also pay for starting each operation."""

READ = (2, 128, 8, 28, 28)  # what the single layers read
LAYERS = {
    "3x3x3": partial(nn.Conv3d, 128, 128, 3, padding=1),
    "1x3x3": partial(nn.Conv3d, 128, 128, (1, 3, 3), padding=(0, 1, 1)),
    "3x1x1": partial(nn.Conv3d, 128, 128, (3, 1, 1), padding=(1, 0, 0)),
    "1x1x1": partial(nn.Conv3d, 128, 128, 1),
    "3x3x3 in 32 groups": partial(nn.Conv3d, 128, 128, 3, padding=1, groups=32),
    "batch norm": partial(nn.BatchNorm3d, 128),
    "ReLU": nn.ReLU,
    "max-pool 3x3x3": partial(nn.MaxPool3d, 3, 1, 1),
}


@dataclass(frozen=True)
class Duel:
    """A network of the zoo, its peer, and what both read."""

    name: str
    peer: Callable[[], nn.Module]
    size: tuple[int, int]  # frames, pixels
    width: int = 64
    batch: int = 2

    def ours(self) -> nn.Module:
        return create_model(self.name, CLASSES, width=self.width, dropout=0.0, clip=self.clip)

    @property
    def clip(self) -> ClipSpec:
        frames, pixels = self.size
        return entry(self.name).clip.but(frames=frames, size=pixels)

    @property
    def shape(self) -> tuple[Any, ...]:
        """One example without the batch."""
        network, clip = entry(self.name), self.clip
        flow = network.flow and network.flow.but(frames=clip.frames, size=clip.size)
        return replace(network, clip=clip, flow=flow).shape

    def example(self) -> Any:
        pair = isinstance(self.shape[0], tuple)
        tensors = [torch.randn(self.batch, *each) for each in (self.shape if pair else (self.shape,))]
        return tuple(tensors) if pair else tensors[0]


DUELS = (
    Duel("torchvision_r3d_18", lambda: video.r3d_18(num_classes=CLASSES), (8, 32)),
    Duel("torchvision_mc3_18", lambda: video.mc3_18(num_classes=CLASSES), (8, 32)),
    Duel("torchvision_r2plus1d_18", lambda: video.r2plus1d_18(num_classes=CLASSES), (8, 32)),
    Duel("resnet50_2d", lambda: models.resnet50(num_classes=CLASSES), (1, 112), batch=4),
    Duel("wide_resnet50_2d", lambda: models.wide_resnet50_2(num_classes=CLASSES), (1, 112), batch=4),
    Duel("densenet121_2d", lambda: models.densenet121(num_classes=CLASSES), (1, 128), batch=4),
    Duel("i3d", lambda: plain.I3D(3, CLASSES, 64), (16, 64)),
    Duel("two_stream_i3d", lambda: plain.TwoStreamI3D(CLASSES, 64, width=32), (16, 64), 32),
    Duel("c3d", lambda: plain.C3D(CLASSES, 9, width=32), (16, 64), 32),
    Duel("c3d_bn", lambda: plain.C3D(CLASSES, 9, width=32, norm=True), (16, 64), 32),
)


@dataclass(frozen=True)
class Outcome:
    """What came of a duel. A ratio above 1: the zoo's network takes longer than its peer."""

    forward: float
    step: float
    gmacs: float  # of one example
    rate: float  # GMAC/s of our forward pass
    milliseconds: float  # of our forward pass


def by_use(network: nn.Module, x: Any) -> list[nn.Module]:
    """The modules that hold tensors, in the order in which a forward pass uses them."""
    used: list[nn.Module] = []
    holding = [module for module in network.modules() if module.state_dict() and not list(module.children())]
    hooks = [module.register_forward_hook(lambda module, *_: used.append(module)) for module in holding]
    with torch.no_grad():
        network.eval()(x)
    for hook in hooks:
        hook.remove()
    assert len(used) == len(set(used)) == len(holding), "every module that holds tensors is used once"
    return used


def copy_weights(ours: nn.Module, peer: nn.Module, x: Any) -> None:
    """Give the peer our weights, module by module."""
    for source, target in zip(by_use(ours, x), by_use(peer, x), strict=True):
        target.load_state_dict(source.state_dict())


def shake_norms(network: nn.Module) -> None:
    """Random batch norms: fresh ones are all alike, and would not tell if two were swapped."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.uniform_(module.bias, -0.1, 0.1)
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.8, 1.2)


def assert_same(ours: nn.Module, peer: nn.Module, x: Any, name: str) -> None:
    for mode in ("predicting", "training"):
        a, b = (network.train(mode == "training")(x) for network in (ours, peer))
        off = ((a - b).abs().max() / a.abs().max()).item()
        assert off < 1e-3, f"{name} and its peer differ by {off:.1e} of the largest logit, {mode}"


def forward(network: nn.Module, x: Any) -> None:
    network.eval()
    with torch.no_grad():
        network(x)


def training_step(network: nn.Module, optimiser: torch.optim.Optimizer, x: Any, labels: Tensor) -> None:
    network.train()
    loss = F.cross_entropy(network(x), labels)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def fight(duel: Duel, rounds: int) -> Outcome:
    torch.manual_seed(0)
    ours, peer, x = duel.ours(), duel.peer(), duel.example()
    _, macs = costs(ours, duel.shape)
    shake_norms(ours)
    copy_weights(ours, peer, x)
    assert_same(ours, peer, x, duel.name)
    labels = torch.arange(duel.batch) % CLASSES
    sides = {"ours": ours, "peer": peer}
    # At a rate of nothing a step costs what it costs, and the weights stay what they are.
    optimisers = {side: torch.optim.SGD(network.parameters(), lr=0.0, momentum=0.9) for side, network in sides.items()}
    seen = timing.interleaved({side: partial(forward, network, x) for side, network in sides.items()}, rounds=rounds)
    trained = timing.interleaved(
        {side: partial(training_step, network, optimisers[side], x, labels) for side, network in sides.items()},
        rounds=rounds,
    )
    typical = sorted(seen["ours"])[len(seen["ours"]) // 2]
    return Outcome(
        forward=timing.ratio(seen["ours"], seen["peer"]),
        step=timing.ratio(trained["ours"], trained["peer"]),
        gmacs=macs / 1e9,
        rate=macs * duel.batch / typical / 1e9,
        milliseconds=1000 * typical,
    )


def layer_rates(rounds: int) -> list[tuple[str, float, float, str]]:
    """Name, GMACs of an example, milliseconds and GMAC/s of each of `LAYERS`."""
    layers, x = {name: make() for name, make in LAYERS.items()}, torch.randn(READ)
    seconds = timing.interleaved({name: partial(forward, layer, x) for name, layer in layers.items()}, rounds=rounds)
    rows = []
    for name, layer in layers.items():
        _, macs = costs(layer, READ[1:])
        typical = sorted(seconds[name])[len(seconds[name]) // 2]
        rate = f"{macs * READ[0] / typical / 1e9:.2f}" if macs else "–"
        rows.append((name, macs / 1e9, 1000 * typical, rate))
    return rows


def described(duel: Duel) -> str:
    frames, pixels = duel.size
    return f"{duel.batch}×{frames}×{pixels}²" + (f", width {duel.width}" if duel.width != 64 else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [duel.name for duel in DUELS]
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=names, default=names, help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=timing.ROUNDS)
    asked = parser.parse_args()
    outcomes: dict[Duel, Outcome] = {}
    for duel in DUELS:
        if duel.name in asked.only:
            outcomes[duel] = fight(duel, asked.rounds)
            print(f"{duel.name}: {outcomes[duel].forward:.2f}, {outcomes[duel].step:.2f}", flush=True)
    ratios = [
        (duel.name, described(duel), each.forward, each.step, "ok" if max(each.forward, each.step) <= BAR else "MISS")
        for duel, each in outcomes.items()
    ]
    header = ("network", "clips", "forward", "training step", f"at most {BAR}")
    timing.show("Time over the peer's, the same weights and logits on both sides", header, ratios)
    rates = [(duel.name, each.gmacs, each.milliseconds, each.rate) for duel, each in outcomes.items()]
    fastest_first = sorted(rates, key=lambda row: -row[-1])
    timing.show("What a multiply-accumulate takes", ("network", "GMACs a clip", "ms forward", "GMAC/s"), fastest_first)
    header = ("one layer, 128 channels, 2×8×28²", "GMACs a clip", "ms forward", "GMAC/s")
    timing.show("The same for single layers", header, layer_rates(asked.rounds))
    print(f"\n{RATES}\n\ntorch {torch.__version__}, {torch.get_num_threads()} threads; {timing.conditions()}")


if __name__ == "__main__":
    main()
