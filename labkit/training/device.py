"""The device that a network runs on, and its precision: bf16 where the device is faster with it."""

import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Literal, get_args

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from torch import nn

from labkit.counting import counted
from labkit.models.weights import unwrapped
from labkit.names import did_you_mean, meant_or_all

Precision = Literal["auto", "fp32", "bf16"]


def available_devices() -> list[str]:
    """The devices of this machine, the fastest first: `cuda:0` and so on, `mps`, `cpu`."""
    devices = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]


def pick_device(name: str | torch.device = "auto") -> torch.device:
    """The device of this name: `cpu`, `cuda`, `cuda:1`, `mps`, or `auto` for the fastest.

    Under `torchrun`, `auto` and `cuda` give each process of a machine a GPU of its own.

    Raises `ValueError` for an unknown name and `RuntimeError` for a device that this machine lacks. Both list the
    devices of this machine.
    """
    available = available_devices()
    if str(name) in ("auto", "cuda") and available[0].startswith("cuda"):
        return torch.device("cuda", _own_gpu(len(available) - 1))
    if str(name) == "auto":
        return torch.device(available[0])
    here = f"This machine has {', '.join(available)}"
    kind, _, index = str(name).partition(":")
    known = ("auto", "cpu", "cuda", "mps")
    if kind not in known or (index and not index.isdigit()):
        raise ValueError(f"unknown device {str(name)!r}{did_you_mean(kind, known)} {here}")
    if not any(each == str(name) or (each.startswith(kind) and not index) for each in available):
        raise RuntimeError(f"no {kind.upper()} device{f' number {index}' if index else ''}. {here}")
    return torch.device(str(name))


def _own_gpu(gpus: int) -> int:
    """The number of this process's GPU: 0, or what torchrun says."""
    own = int(os.environ.get("LOCAL_RANK", "0"))
    if own >= gpus:
        there = "is 1" if gpus == 1 else f"are {gpus}"
        raise RuntimeError(
            f"process {own + 1} of this machine needs a GPU of its own, and there {there}: start {gpus} here"
        )
    return own


def pick_precision(precision: Precision, device: torch.device) -> Literal["fp32", "bf16"]:
    """The precision to compute with; `auto` is bf16 where the device is faster with it, else fp32.

    CPUs that have AVX-512 bf16 but no AMX stay in fp32 (`benchmarks/train_step.py` measures both). bf16 asked for on
    such a CPU is used, with a warning.
    """
    if precision not in get_args(Precision):
        raise ValueError(f"unknown precision {precision!r}{meant_or_all(precision, get_args(Precision))}")
    gains = gains_from_bf16(device)
    if precision == "bf16" and device.type == "cpu" and not gains:
        # Seen with torch 2.15 on a CPU with AVX-512 bf16: NaN, and crashes in the backward pass of small clips.
        warnings.warn("this CPU has no bf16 units (AMX): bf16 is slower here than fp32, and may fail", stacklevel=3)
    return ("bf16" if gains else "fp32") if precision == "auto" else precision


def gains_from_bf16(device: torch.device) -> bool:
    """Whether `device` multiplies bf16 in hardware: CUDA from Ampere on, CPUs with AMX."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and _cpu_has_amx()


def _cpu_has_amx() -> bool:
    check = getattr(torch.cpu, "_is_amx_tile_supported", None)  # not public; absent in some versions and builds
    return bool(check and check())


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """bf16 autocast, or nothing for fp32."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def input_dims(model: nn.Module) -> int:
    """The dimensions of the network's input: 5 for clips `(B, C, T, H, W)`, 4 for images `(B, C, H, W)`."""
    model = unwrapped(model)
    dims = getattr(model, "dims", None)  # the networks of `labkit.models` say it
    if dims in (2, 3):
        return dims + 2
    flat, deep = (any(isinstance(m, kind) for m in model.modules()) for kind in (nn.Conv2d, nn.Conv3d))
    return 4 if flat and not deep else 5


def memory_format(model: nn.Module, precision: str) -> torch.memory_format:
    """The memory layout for a precision: channels last for bf16, which is slow without it; the plain one for fp32."""
    if precision != "bf16":
        return torch.contiguous_format
    return torch.channels_last if input_dims(model) == 4 else torch.channels_last_3d


def wait_for(device: torch.device) -> None:
    """Until `device` has finished what it was given. GPUs work by themselves: a clock read before says nothing."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def describe_device(device: torch.device) -> str:
    """The machine in words: `NVIDIA H100 80GB` or `CPU x86_64, 2 threads`."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{device.type.upper()} {platform.processor() or platform.machine()}, {counted(threads, 'thread')}"


def accelerator_on(device: torch.device, *, board: str | Path | None = None) -> Accelerator:
    """An Accelerator on `device`, with a TensorBoard in the folder `board`, if one is given.

    Autocast is chosen per call (`Forward`), so it knows nothing of precision.
    """
    if PartialState._shared_state and PartialState().device.type != device.type and PartialState().num_processes == 1:
        # accelerate keeps one device per process; a notebook may train on one device after the other.
        AcceleratorState._reset_state(reset_partial_state=True)
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)
    return Accelerator(
        cpu=device.type == "cpu",
        mixed_precision="no",
        log_with=None if board is None else "tensorboard",
        project_dir=board,
    )


@contextmanager
def fast_convolutions(device: torch.device, fast: bool = True) -> Iterator[None]:
    """Let cuDNN try its algorithms and keep the fastest, since clips all have one shape; nothing else is changed.

    `torch.backends.cudnn.flags` would not do: what it is not given goes to its own defaults, and it turns cuDNN off.
    """
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = fast and device.type == "cuda"
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
