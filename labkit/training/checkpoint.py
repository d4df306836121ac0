"""Checkpoints without pickle: one safetensors file whose header holds the rest as JSON.

The file is written under another name and renamed: a reader finds the old checkpoint or the new one, never half a file.
It holds the model, the optimiser, the schedule, the random state of Python, NumPy and torch, and the caller's own values
(the position of the run, its settings).
"""

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from labkit.atomic import write_atomically
from labkit.models.weights import NETWORK, description

KIND = "labkit checkpoint 1"


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be written, read, or used for this model. The message says what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """The contents of a file. Reading it changes nothing; `restore` does."""

    path: Path
    about: Mapping[str, Any]  # the caller's own values: position, settings
    tensors: Mapping[str, Tensor]
    parts: Mapping[str, Any] = field(default_factory=dict)  # optimiser, schedule and random state, beside tensors

    def section(self, name: str) -> dict[str, Tensor]:
        """The tensors whose names start with `name.`, without that."""
        return {
            key.removeprefix(f"{name}."): value for key, value in self.tensors.items() if key.startswith(f"{name}.")
        }


def save(
    path: str | Path,
    model: nn.Module,
    optimiser: Optimizer,
    scheduler: LRScheduler,
    *,
    about: Mapping[str, Any],
    tensors: Mapping[str, Tensor] | None = None,
) -> Path:
    """Write a checkpoint. Raises `CheckpointError` where that fails; the file from before then stays as it was."""
    kept: dict[str, Tensor] = {f"model.{key}": value for key, value in model.state_dict().items()}
    moments, optimiser_part = _without_tensors(optimiser)
    randoms, random_part = random_state()
    kept |= moments | {f"random.{key}": value for key, value in randoms.items()}
    kept |= {f"more.{key}": value for key, value in (tensors or {}).items()}
    # MultiStepLR keeps its steps in a Counter, which JSON cannot hold. They never change: the new schedule has them.
    schedule = {key: value for key, value in scheduler.state_dict().items() if not isinstance(value, Counter)}
    parts = {"optimiser": optimiser_part, "schedule": schedule, "random": random_part}
    header = json.dumps({"kind": KIND, "about": about, "parts": parts})
    return _write(Path(path), kept, {"labkit": header})


def save_best(path: str | Path, model: nn.Module, **about: Any) -> Path:
    """Write the weights, with the network's description and `about`, as `labkit.models.open_trained` reads them."""
    # Under one key: safetensors writes several in any order, and the same weights shall be the same file.
    return _write(Path(path), model.state_dict(), {NETWORK: json.dumps(description(model, **about))})


def _write(path: Path, tensors: Mapping[str, Tensor], header: dict[str, str]) -> Path:
    # Two names of one tensor would be stored twice, which safetensors refuses: each gets memory of its own.
    plain = {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
    try:
        return write_atomically(path, lambda temporary: save_file(plain, temporary, header))
    except (OSError, SafetensorError) as error:
        before = " The one before is still in place." if path.exists() else ""
        raise CheckpointError(f"{path} could not be written: {error}. Is the disk full?{before}") from error


def load(path: str | Path) -> Checkpoint:
    """Read a checkpoint; nothing else changes. Raises `CheckpointError` for a truncated or foreign file."""
    path = Path(path)
    advice = "Delete it, or pass resume=False, to start over."
    try:
        with safe_open(path, "pt") as file:
            header = (file.metadata() or {}).get("labkit")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is not a whole checkpoint ({error}). {advice}") from error
    content = json.loads(header) if header else {}
    if content.get("kind") != KIND:
        raise CheckpointError(f"{path} holds weights alone, not the checkpoint of a training run. {advice}")
    return Checkpoint(path, content["about"], tensors, content["parts"])


def restore(checkpoint: Checkpoint, model: nn.Module, optimiser: Optimizer, scheduler: LRScheduler) -> None:
    """Put model, optimiser, schedule and random state back to the checkpoint.

    Raises `CheckpointError`, before anything is changed, for the checkpoint of another model.
    """
    weights = checkpoint.section("model")
    _check_same_model(checkpoint.path, weights, model)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            value.copy_(weights[name])  # in place: the model's device and memory layout stay
    _restore_optimiser(checkpoint, optimiser)
    scheduler.load_state_dict(checkpoint.parts["schedule"])
    restore_random_state(checkpoint.section("random"), checkpoint.parts["random"])


def _check_same_model(path: Path, weights: Mapping[str, Tensor], model: nn.Module) -> None:
    own = model.state_dict()
    wrong = [f"it lacks {name}" for name in own if name not in weights]
    wrong += [f"it has {name}, which the model lacks" for name in weights if name not in own]
    wrong += [
        f"{name} is {tuple(weights[name].shape)} there and {tuple(value.shape)} in the model"
        for name, value in own.items()
        if name in weights and weights[name].shape != value.shape
    ]
    if wrong:
        more = f"; and {len(wrong) - 2} more" if len(wrong) > 2 else ""
        raise CheckpointError(f"{path} is the checkpoint of another model: {'; '.join(wrong[:2])}{more}")


def _without_tensors(optimiser: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The optimiser's tensors by name, and the rest as plain JSON values."""
    state = optimiser.state_dict()
    tensors, rest = {}, {}
    for number, values in state["state"].items():
        for key, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"optimiser.{number}.{key}"] = value
            else:
                rest[f"{number}.{key}"] = value
    return tensors, {"groups": state["param_groups"], "rest": rest}


def _restore_optimiser(checkpoint: Checkpoint, optimiser: Optimizer) -> None:
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    part = checkpoint.parts["optimiser"]
    state: dict[int, dict[str, Any]] = {}
    for name, value in {**checkpoint.section("optimiser"), **part["rest"]}.items():
        number, key = name.split(".", 1)
        parameter = parameters[int(number)]
        if isinstance(value, Tensor) and value.shape == parameter.shape:
            value = torch.empty_like(parameter).copy_(value)  # the parameter's memory layout, as it had
        state.setdefault(int(number), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": part["groups"]})
    # Schedules warn where they step before the optimiser; an epoch resumed at its end has no step left to make.
    optimiser._opt_called = True  # type: ignore[attr-defined]


def random_state() -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The random state of Python, NumPy, torch and CUDA (where there is a device), as tensors and as JSON values."""
    version, numbers, gauss = random.getstate()
    numpy_state: Any = np.random.get_state(legacy=False)  # noqa: NPY002 (the global one, whoever uses it)
    inner = numpy_state["state"]
    tensors = {"torch": torch.get_rng_state(), "numpy": torch.from_numpy(inner["key"].astype(np.int64))}
    if torch.cuda.is_available():
        tensors["cuda"] = torch.cuda.get_rng_state()
    plain = {"position": int(inner["pos"]), "has_gauss": int(numpy_state["has_gauss"]), "gauss": numpy_state["gauss"]}
    return tensors, {"python": [version, list(numbers), gauss], "numpy": plain}


def restore_random_state(tensors: Mapping[str, Tensor], part: Mapping[str, Any]) -> None:
    """The opposite of `random_state`."""
    version, numbers, gauss = part["python"]
    random.setstate((version, tuple(numbers), gauss))
    keys, plain = tensors["numpy"].numpy().astype(np.uint32), part["numpy"]
    np.random.set_state(("MT19937", keys, plain["position"], plain["has_gauss"], plain["gauss"]))  # noqa: NPY002
    torch.set_rng_state(tensors["torch"])
    if "cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["cuda"])


@contextmanager
def own_random_state(seed: int) -> Iterator[None]:
    """Inside, everything random starts from `seed`; afterwards the caller's random state is as it was."""
    before = random_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 (the global one, whoever uses it)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        restore_random_state(*before)
