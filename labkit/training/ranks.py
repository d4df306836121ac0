"""The processes that train one network together: sums, decisions and messages among them.

`torchrun` starts them, and each calls the same functions with the same arguments. All messages here go over gloo, between
processors, so that no process waits for its GPU. torch's `DistributedDataParallel` averages the gradients.
"""

import functools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from accelerate.state import PartialState
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from labkit.training.sharing import Share


class ProcessLostError(RuntimeError):
    """Another process of this training has ended. The message says how to go on."""


@dataclass(frozen=True)
class Processes(Share):
    """All processes of a training, seen from one of them. With a single process, every call returns its own values."""

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0

    @property
    def several(self) -> bool:
        """Whether there is more than one."""
        return self.processes > 1

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, on the device of `values`; the same on each."""
        if not self.several:
            return values
        total = values.detach().cpu().clone()
        dist.all_reduce(total, group=_group())
        return total.to(values.device)

    def total(self, number: int) -> int:
        """The sum of one number each."""
        return int(self.sum(torch.tensor(number)).item()) if self.several else number

    def anyone(self, says: bool) -> bool:
        """Whether at least one process says yes. All get the same answer."""
        return self.total(int(says)) > 0

    def told(self, message: bytes) -> bytes:
        """The first process's `message`, on all of them."""
        if not self.several:
            return message
        return self.gathered(np.frombuffer(message if self.first else b"", np.uint8)).tobytes()

    def told_values(self, values: Any) -> Any:
        """The first process's plain `values` (what JSON can hold), on all of them."""
        return json.loads(self.told(json.dumps(values).encode("utf-8"))) if self.several else values

    def gathered(self, values: np.ndarray) -> np.ndarray:
        """The rows of all processes, in the order of the processes; all have the same columns."""
        if not self.several:
            return values
        counts = self.sum(torch.tensor([len(values) if i == self.rank else 0 for i in range(self.processes)])).tolist()
        parts = []
        for rank, count in enumerate(counts):
            part = values.copy() if rank == self.rank else np.empty((count, *values.shape[1:]), values.dtype)
            if count:
                dist.broadcast(torch.from_numpy(part), rank, group=_group())
            parts.append(part)
        return np.concatenate(parts)

    def same_buffers(self, model: nn.Module) -> None:
        """Give all processes the buffers of the first: running statistics, which each process took from its own clips."""
        if self.several:
            with torch.no_grad():
                for buffer in model.buffers():
                    value = buffer.detach().cpu()
                    dist.broadcast(value, 0, group=_group())
                    buffer.copy_(value)

    def apart(self) -> Any:
        """A group of this process alone, for layers that otherwise wait for the others."""
        return _groups_of_one(self.processes)[self.rank] if self.several else None

    def draw_apart(self, seed: int, update: int) -> None:
        """Start torch's random numbers for one update: dropout draws differently in each process, and again after a resume."""
        if self.several:
            state = np.random.SeedSequence((seed, update, self.rank)).generate_state(1, np.uint64)
            torch.manual_seed(int(state[0]))

    @contextmanager
    def together(self, advice: str) -> Iterator[None]:
        """Inside, losing another process raises `ProcessLostError`, with what to do: `advice`."""
        try:
            yield
        except RuntimeError as error:
            if self.several and _is_of_a_connection(error):
                raise ProcessLostError(f"another of the {self.processes} processes has ended. {advice}") from None
            raise


ONE_PROCESS = Processes()


def these_processes(device: torch.device) -> Processes:
    """The processes that `torchrun` started, this one among them; one process alone elsewhere."""
    if not started_by_torchrun():
        return ONE_PROCESS
    state = PartialState(cpu=device.type == "cpu")  # joins the others, once
    return Processes(rank=state.process_index, processes=state.num_processes)


def started_by_torchrun() -> bool:
    """Whether this is one of several processes of one training."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def check_batch(batch_size: int, processes: int) -> None:
    """Raises `ValueError` where a batch has less than a clip for each process."""
    if batch_size < processes:
        raise ValueError(
            f"batches of {batch_size} cannot be split among {processes} processes: batch_size is the number of clips of an "
            f"update over all processes. Give at least {processes}, or start fewer processes"
        )


def check_sync_batchnorm(wanted: bool, device: torch.device) -> None:
    """Raises `ValueError` where it cannot be had."""
    if wanted and device.type != "cuda":
        raise ValueError(
            f"sync_batchnorm=True works on GPUs (CUDA) alone, not on {device.type}: torch's SyncBatchNorm has no other "
            "implementation. Leave it out; frozen batch norms need none (docs/processes.md)"
        )


@contextmanager
def synced(model: nn.Module, wanted: bool) -> Iterator[None]:
    """Inside, the batch norms of `model` are torch's `SyncBatchNorm`, if that is wanted: the same layers, of another class."""
    norms: list[Any] = [module for module in model.modules() if wanted and isinstance(module, _BatchNorm)]
    before = [type(norm) for norm in norms]
    for norm in norms:
        norm.__class__, norm.process_group = nn.SyncBatchNorm, None
    try:
        yield
    finally:
        for norm, kind in zip(norms, before, strict=True):
            norm.__class__ = kind
            del norm.process_group


@functools.cache
def _group() -> Any:
    return dist.new_group(backend="gloo")


@functools.cache
def _groups_of_one(processes: int) -> list[Any]:
    return [dist.new_group([rank], backend="gloo") for rank in range(processes)]


def _is_of_a_connection(error: RuntimeError) -> bool:
    return isinstance(error, dist.DistError) or any(word in str(error) for word in ("gloo", "NCCL", "by peer"))
