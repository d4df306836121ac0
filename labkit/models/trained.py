"""A trained network from its file of weights: the file says which network it is, its classes and its clips.

Files that labkit writes say all of this. Of another file the caller says which network it is, and gives the names of its
classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from labkit.clip import ClipSpec
from labkit.counting import counted
from labkit.models.weight_files import WeightsError, read_weights
from labkit.models.weights import NETWORK, class_count, load_weights
from labkit.models.zoo import create_model

WEIGHTS = "weights.safetensors"  # in the folder that `labkit train` leaves
MOST_CLASSES = 100_000  # a larger head in a file is damage


@dataclass(frozen=True)
class Trained:
    """A network with its weights, in evaluation mode, and what its file says of it."""

    network: nn.Module
    model: str  # its name in the zoo
    classes: tuple[str, ...]
    clip: ClipSpec
    protocol: str  # empty if the file names none
    path: Path


def open_trained(
    path: str | Path,
    *,
    model: str = "",
    classes: Sequence[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Trained:
    """Build the network of a file of weights, and load them. A folder of `labkit train` stands for the file in it.

    `model`, `classes` and `overrides` (such as `width`) take the place of what the file says; published files say none of
    these. The clip is the file's, or the zoo's, following the release.

    Raises `WeightsError` for a file that cannot be read, does not fit the network, or does not say enough; the message
    names the way out. Raises `ValueError` for an unknown network or override.
    """
    path = weights_file(path)
    contents = read_weights(path)
    inside = contents.metadata.get(NETWORK)
    about = {**contents.metadata, **(inside if isinstance(inside, dict) else {})}
    name = model or _text(about.get("model"))
    if not name:
        raise WeightsError(path, "it does not say of which network it is: name the network, as in --model resnet18")
    said = about.get("overrides") if name == about.get("model") else None
    chosen: dict[str, Any] = {**(said if isinstance(said, dict) else {}), **(overrides or {})}
    clip = _clip(about.get("clip"), path)
    if clip is not None:
        chosen["clip"] = clip
    with torch.device("meta"):
        count = class_count(create_model(name, **chosen), path)
    names = _names(path, classes if classes is not None else about.get("classes"), min(count, MOST_CLASSES))
    _check_size(path, name, len(names), chosen, contents.tensors)
    network = create_model(name, num_classes=len(names), **chosen).eval()
    load_weights(network, path, new_head=False)
    return Trained(network, name, names, network.clip, _text(about.get("protocol")), path)  # type: ignore[arg-type]


def weights_file(path: str | Path) -> Path:
    """The file of weights; of a folder, the one that `labkit train` left in it. Raises `WeightsError`."""
    path = Path(path)
    if not path.is_dir():
        return path
    if not (path / WEIGHTS).is_file():
        raise WeightsError(path, f"this folder has no {WEIGHTS}: `labkit train` leaves one when it is done")
    return path / WEIGHTS


def same_classes(ours: Sequence[str], theirs: Sequence[str], who: str, whose: str) -> None:
    """Check that two lists of classes are the same, in the same order. `who` and `whose` are their names in the message.

    Raises `ValueError` with both counts, and the first class that differs.
    """
    if tuple(ours) == tuple(theirs):
        return
    most = max(len(ours), len(theirs))
    first = next(n for n in range(most) if [*ours[n : n + 1]] != [*theirs[n : n + 1]])
    words = [repr(names[first]) if first < len(names) else "nothing" for names in (ours, theirs)]
    raise ValueError(
        f"{who} have {counted(len(ours), 'class', 'classes')} and {whose} has {len(theirs)}; the lists differ first at "
        f"class {first + 1}: {words[0]} in the first, {words[1]} in the second"
    )


def _names(path: Path, classes: Any, count: int) -> tuple[str, ...]:
    """The names of the classes, checked against the number of answers."""
    if not isinstance(classes, list | tuple) or not all(isinstance(each, str) for each in classes):
        raise WeightsError(
            path,
            f"it does not name its {counted(count, 'class', 'classes')}: give a file with a name in each line, --classes",
        )
    if len(classes) != count:
        raise WeightsError(path, f"its network tells {count} classes apart, and the list of classes has {len(classes)}")
    return tuple(classes)


def _clip(said: Any, path: Path) -> ClipSpec | None:
    """The clip as a file of weights has it. None if it has none."""
    if not isinstance(said, dict):
        return None
    known = {each.name for each in fields(ClipSpec)}
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in said.items() if key in known}
    try:
        return ClipSpec(**values)
    except (TypeError, ValueError) as error:
        raise WeightsError(path, f"the clip that it names cannot be read: {error}") from None


def _check_size(path: Path, name: str, classes: int, chosen: Mapping[str, Any], tensors: Mapping[str, Any]) -> None:
    """Raise `WeightsError` before memory is taken for a network that is far larger than its file."""
    with torch.device("meta"):
        wanted = sum(
            tensor.numel() for tensor in create_model(name, num_classes=classes, **chosen).state_dict().values()
        )
    held = sum(tensor.numel() for tensor in tensors.values())
    if wanted > 2 * held + 1_000_000:
        raise WeightsError(
            path, f"{name} needs {wanted:,} numbers, and the file has {held:,}: it is of another network"
        )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
