"""The split of videos into train, val and test: by names and a number alone, so that every machine splits the same way."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

Subset = Literal["train", "val", "test"]
Validation = Literal["test", "split"]  # the meaning of `val` for a dataset without validation videos

SUBSET_NAMES: Mapping[Subset, tuple[str, ...]] = {  # as people call them, in any case
    "train": ("train", "training"),
    "val": ("val", "valid", "validate", "validation", "dev"),
    "test": ("test", "testing"),
}
_SUBSETS = {name: subset for subset, names in SUBSET_NAMES.items() for name in names}


def subset_of(name: str) -> Subset | None:
    """The subset that a folder or list of this name holds; None for any other name."""
    return _SUBSETS.get(name.lower())


class Source(NamedTuple):
    """The place of a subset's videos in the dataset."""

    subset: Subset
    divided: bool  # whether they are a part of it: train without the held-out videos, or val, the held-out videos
    note: str  # a note for the reader


def source_of(subset: Subset, own: Mapping[Subset, str], val: Validation, what: str) -> Source:
    """The place of `subset` in a dataset with the subsets `own` (subset -> name). `what` is "list" or "folder"."""
    if "val" not in own and val == "split" and subset != "test":
        return Source("train", True, f"there is no validation {what}: val is a part of the training {what}, held out")
    if subset in own or subset == "train":
        return Source(subset, False, "")
    if subset == "test":
        other: Subset = "val" if "val" in own else "test"
        return Source(other, False, f"there is no test {what}: test is {own.get(other)}")
    advice = "a choice by val is then a choice by test videos; val='split' holds out training videos instead"
    return Source("test", False, f"there is no validation {what}: val is {own.get('test')} ({advice})")


def held_out(groups: Iterable[str], *key: object) -> set[str]:
    """The groups that go to `val`: one in five, at least one if there are two or more, and none of a single group."""
    order = shuffled(set(groups), *key, "val")
    return set(order[: max(1, len(order) // 5)]) if len(order) > 1 else set()


def three_parts(names: Iterable[str], *key: object) -> dict[Subset, set[str]]:
    """One class in three parts: of n videos n // 5 each to test and val, but at least one, and the rest to train.

    Of two videos one is for training, and the other is both `val` and `test`. A single one is for training.
    """
    order = shuffled(names, *key)
    part = max(1, len(order) // 5) if len(order) > 1 else 0
    after = part if len(order) > 2 else 0  # val begins here
    return {
        "test": set(order[:part]),
        "val": set(order[after : after + part]),
        "train": set(order[after + part :]),
    }


def shuffled(names: Iterable[str], *key: object) -> list[str]:
    """`names` in an order that depends on the names and the key alone: the same on every machine and in every version."""
    salt = "/".join(map(str, key))
    # A file's name need not be UTF-8: Python then keeps its bytes as lone surrogates.
    return sorted(names, key=lambda name: hashlib.sha256(f"{salt}/{name}".encode(errors="backslashreplace")).digest())
