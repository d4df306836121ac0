"""Tiny datasets made with plain `write_video`: a frame's grey level tells its number, whatever is cropped or resized."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from labkit.data.encode import write_video

DARKEST, STEP = 20, 8  # frame n is grey 20 + 8 n: far enough apart to survive encoding
CLASSES = ("clap", "jump", "wave")


def frame_numbers(clip: np.ndarray) -> list[int]:
    """Which frames a clip (T, ...) of such a video shows."""
    levels = np.asarray(clip, dtype=np.float64).reshape(len(clip), -1).mean(axis=1)
    return [round((level - DARKEST) / STEP) for level in levels]


@pytest.fixture(scope="session")
def write_numbered() -> Callable[..., Path]:
    """`write_numbered(path, frames=20, height=48, width=64)` makes one such video."""

    def write(path: Path, frames: int = 20, height: int = 48, width: int = 64) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        levels = DARKEST + STEP * np.arange(frames, dtype=np.uint8)
        write_video(path, np.broadcast_to(levels[:, None, None, None], (frames, height, width, 3)).copy())
        return path

    return write


@pytest.fixture(scope="session")
def read_numbers() -> Callable[[np.ndarray], list[int]]:
    return frame_numbers


@pytest.fixture(scope="session")
def make_ucf101(write_numbered) -> Callable[..., Path]:
    """`make_ucf101(root, train=4, test=2)` makes three classes in UCF-101's layout."""

    def make(root: Path, *, train: int = 4, test: int = 2, frames: int = 20, videos: str = "videos") -> Path:
        lists: dict[str, list[str]] = {"train": [], "test": []}
        for number, name in enumerate(CLASSES, start=1):
            for i in range(train + test):
                file = f"{name}/v_{name}_g{i:02d}_c01.mp4"
                write_numbered(root / videos / file, frames=frames)
                # The lists on UCF-101's site give a label in the training list only.
                lists["train" if i < train else "test"].append(f"{file} {number}" if i < train else file)
        splits = root / "ucfTrainTestlist"
        splits.mkdir(parents=True)
        (splits / "classInd.txt").write_text("".join(f"{i} {name}\n" for i, name in enumerate(CLASSES, start=1)))
        for subset, lines in lists.items():
            (splits / f"{subset}list01.txt").write_text("\n".join(lines) + "\n")
        return root

    return make


@pytest.fixture(scope="session")
def tiny_ucf101(make_ucf101, tmp_path_factory) -> Path:
    """Three classes of four training and two test videos of 20 frames. Read only: shared by all tests."""
    return make_ucf101(tmp_path_factory.mktemp("tiny") / "ucf101")
