"""Videos as phones leave them: H.264, 30 or 60 frames a second, upright only through their metadata, names with spaces."""

from pathlib import Path

import numpy as np

from labkit.data.encode import write_video

MOVES = ("jump", "turn around", "wave")  # up and down, around, left and right
TALL, WIDE = 192, 108  # pixels of the upright video
MATRIX = 44  # bytes from the word tkhd to the matrix of the track, in version 0


def phone_video(path: Path, move: str, *, seed: int, seconds: float = 2.0, portrait: bool = True) -> Path:
    """One video of a move. A portrait video is stored lying, as phones do, and turned by its metadata."""
    fps = 60 if seed % 2 else 30
    return write_phone(
        path, film(move, seed=seed, count=round(seconds * fps), fps=fps, portrait=portrait), fps, portrait
    )


def write_phone(path: Path, frames: np.ndarray, fps: float, portrait: bool) -> Path:
    """Write upright frames `(T, H, W, 3)` as a phone does, under any suffix."""
    stored = np.ascontiguousarray(np.rot90(frames, axes=(1, 2))) if portrait else frames
    made = write_video(path.with_suffix(".writing.mp4"), stored, fps, gop=fps)
    if portrait:
        turn(made)
    return made.rename(path)


def turn(path: Path) -> None:
    """Let players show the video turned by 90 degrees clockwise."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + MATRIX
    one = 1 << 16  # 16.16 fixed point
    content[at : at + 20] = b"".join(value.to_bytes(4, "big", signed=True) for value in (0, one, 0, -one, 0))
    path.write_bytes(content)


def film(move: str, *, seed: int, count: int, fps: float, portrait: bool = True) -> np.ndarray:
    """Upright frames `(T, H, W, 3)`: a bright disc with a dark spot moves over a still background."""
    rng = np.random.default_rng((MOVES.index(move), seed))
    height, width = (TALL, WIDE) if portrait else (WIDE, TALL)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    ground = rng.integers(30, 90, 3) + 15 * np.sin(
        x[..., None] / rng.uniform(6, 20, 3) + y[..., None] / rng.uniform(6, 20, 3)
    )
    colour, short = rng.integers(150, 255, 3), min(height, width)
    phase, turns = rng.uniform(0, 2 * np.pi), rng.uniform(0.9, 1.3)
    frames = np.empty((count, height, width, 3), np.uint8)
    for number in range(count):
        angle = phase + 2 * np.pi * turns * number / fps
        swing, lift = 0.28 * short * np.cos(angle), 0.28 * short * np.sin(angle)
        down = lift if move in ("jump", "turn around") else 0
        across = swing if move in ("wave", "turn around") else 0
        inside = (x - width / 2 - across) ** 2 + (y - height / 2 - down) ** 2 < (0.16 * short) ** 2
        frames[number] = np.where(inside[..., None], colour, ground)
    return frames


def phone_folder(root: Path, *, videos: int, seconds: float = 2.0) -> Path:
    """`root/move/IMG 0001.MOV` and so on: so many videos of each move, portrait and landscape in turn."""
    for move in MOVES:
        (root / move).mkdir(parents=True)
        for seed in range(videos):
            suffix = ".MOV" if seed % 2 else ".mp4"
            phone_video(
                root / move / f"IMG {seed:04d}{suffix}", move, seed=seed, seconds=seconds, portrait=seed % 3 < 2
            )
    return root
