"""Protocols: how a paper trains and scores its networks, as data. A protocol is where the defaults of `fit` come from.

    hara = find_protocol("hara_finetune")
    print(hara)                                                      # a table with a source per line
    train = open_dataset("ucf101", root, "train", **hara.clips("train"))
    val = open_dataset("ucf101", root, "val", **hara.clips("val"))
    history = fit(model, train, val, protocol=hara, lr=0.01)         # any field by its name
    test = open_dataset("ucf101", root, "test", **hara.clips("test"))
    predictions = evaluate(model, test)

`docs/protocols.md` says where labkit differs from the published code.
"""

from collections.abc import Mapping
from typing import Any

from labkit.clip import ClipSpec
from labkit.data import motion
from labkit.names import did_you_mean
from labkit.training.protocol import Protocol

# ---------------------------------------------------------------------- where the numbers come from

HARA, HARA_CODE = "Hara et al. 2018, section 3.3", "published code of Hara et al. 2018"
HARA_CROP = "Hara et al. 2018, section 3.2"
I3D, I3D_README = "Carreira and Zisserman 2017, implementation", "README of the published I3D code"
OURS = "labkit: the papers do not mention it"

HARA_SOURCES: Mapping[str, str] = {
    "lr": HARA,
    "momentum": HARA,
    "dampening": HARA_CODE,
    "nesterov": HARA_CODE,
    "weight_decay": HARA,
    "schedule": f"{HARA}; the patience of 10 epochs: {HARA_CODE}",
    "label_smoothing": OURS,
    "clip_gradients": OURS,
    "batch_size": HARA_CODE,
    "length": HARA_CODE,
    "trained": HARA,
    "clip": HARA,
    "normalisation": HARA_CODE,
    "sampling": HARA,
    "crop": HARA_CROP,
    "flip": HARA_CROP,
    "inference": f"{HARA}; a single frame at the end is left out: {HARA_CODE}",
}
FINETUNE_SOURCES: Mapping[str, str] = {
    **HARA_SOURCES,
    "lr": "Hara et al. 2018, fine-tuning",
    "weight_decay": "Hara et al. 2018, fine-tuning",
    "trained": "Hara et al. 2018, fine-tuning: conv5_x and the classifier",
    "batch_size": f"unsure: not stated for fine-tuning; from scratch: {HARA_CODE}",
    "length": f"unsure: not stated for fine-tuning; from scratch: {HARA_CODE}",
}
I3D_SOURCES: Mapping[str, str] = {
    "lr": I3D_README,
    "momentum": f"{I3D}; {I3D_README}",
    "dampening": "unsure: not stated; TensorFlow's momentum has none",
    "nesterov": "unsure: not stated",
    "weight_decay": I3D_README,
    "schedule": f"{I3D_README}: after 97k and 108k of 115k steps; in the paper, when the validation loss saturates",
    "label_smoothing": OURS,
    "clip_gradients": OURS,
    "batch_size": f"{I3D_README}: 64 replicas of 6 clips",
    "length": f"{I3D_README}, RGB; 110k in the paper",
    "trained": I3D,
    "clip": I3D,
    "normalisation": I3D_README,
    "sampling": I3D,
    "crop": f"{I3D}: 224 of a short side of 256",
    "flip": I3D,
    "inference": I3D,
}
TRANSFER_SOURCES: Mapping[str, str] = {
    **I3D_SOURCES,
    "lr": "unsure: not stated; a tenth of the rate from scratch",
    "weight_decay": f"unsure: not stated for fine-tuning; from scratch: {I3D_README}",
    "schedule": f"{I3D}: the rate adapts as on Kinetics",
    "batch_size": "unsure: the paper has 16 GPUs; 6 clips each, as the README has from scratch",
    "length": f"{I3D}: up to 5k steps",
}
LAPTOP_SOURCES: Mapping[str, str] = {
    **dict.fromkeys(HARA_SOURCES, "labkit's course"),
    "label_smoothing": OURS,
    "clip_gradients": OURS,
    "crop": "labkit's course: the shape fills the frame",
    "flip": "labkit's course: a mirror image turns left into right",
}
PHONE = "labkit, for some dozens of your own videos"
PHONE_SOURCES: Mapping[str, str] = {
    **dict.fromkeys(HARA_SOURCES, PHONE),
    "label_smoothing": OURS,
    "clip_gradients": OURS,
    "clip": f"{PHONE}: 16 frames of a video read at 10 a second show 1.6 seconds",
    "flip": f"{PHONE}: where a mirror image has another class, give flip=0",
    "length": f"{PHONE}: with width=16, some 3 minutes on two cores",
}


# ---------------------------------------------------------------------- the protocols

_HARA: dict[str, Any] = {"batch_size": 128, "epochs": 200, "leftover": "drop one"}
_I3D: dict[str, Any] = {
    "dampening": 0.0,
    "weight_decay": 1e-7,
    "clip": ClipSpec(frames=64, size=224, fps=25.0, mean=(127.5,) * 3, std=(127.5,) * 3),
    "crop": "anywhere",
    "inference": "whole",
}
# Pixels between about -2 and 2, for videos of any kind.
PHONE_CLIP = ClipSpec(frames=16, size=56, fps=10.0, mean=(114.0, 108.0, 100.0), std=(60.0, 60.0, 60.0))
_TRANSFER: dict[str, Any] = {"lr": 0.01, "batch_size": 96, "updates": 5_000, "sources": TRANSFER_SOURCES}

DEFAULTS = Protocol(  # of `fit`
    sources={**HARA_SOURCES, "batch_size": "labkit: fits a laptop", "length": "", "inference": HARA}
)
PROTOCOLS: Mapping[str, Protocol] = {
    each.name: each
    for each in (
        Protocol(name="hara_scratch", **_HARA, sources=HARA_SOURCES),
        Protocol(name="hara_finetune", **_HARA, lr=1e-3, weight_decay=1e-5, trained="layer4", sources=FINETUNE_SOURCES),
        Protocol(name="i3d_scratch", **_I3D, schedule="steps", batch_size=384, updates=115_000, sources=I3D_SOURCES),
        Protocol(name="i3d_fixed", **_I3D, **_TRANSFER, trained="head"),
        Protocol(name="i3d_finetune", **_I3D, **_TRANSFER, trained="all"),
        Protocol(
            name="laptop",
            lr=0.05,
            nesterov=True,
            schedule="onecycle",
            epochs=6,
            clip=motion.CLIP,
            crop="centre",
            flip=0.0,
            sources=LAPTOP_SOURCES,
        ),
        Protocol(
            name="phone",
            lr=0.02,
            nesterov=True,
            schedule="onecycle",
            batch_size=16,
            updates=400,
            clip=PHONE_CLIP,
            sources=PHONE_SOURCES,
        ),
    )
}


def find_protocol(protocol: str | Protocol | None = None, **changes: Any) -> Protocol:
    """A protocol by its name, with some fields changed; the defaults of `fit`, if None.

    Raises `ValueError` for an unknown name and `TypeError` for an unknown field, naming the nearest.
    """
    if isinstance(protocol, str):
        if protocol not in PROTOCOLS:
            hint = did_you_mean(protocol, PROTOCOLS)
            raise ValueError(f"unknown protocol {protocol!r}{hint} There are {', '.join(PROTOCOLS)}")
        protocol = PROTOCOLS[protocol]
    return (protocol or DEFAULTS).but(**changes)
