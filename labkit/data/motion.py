"""`motion`, the embedded dataset: small real video files whose classes differ by movement alone.

A video shows one shape on a plain dark ground. Its class is how the shape moves; shape, texture and colour are drawn
independently of it. The classes come in pairs that are each other's reversal in time, so that no single frame, and no
set of frames without their order, tells a class from its twin: a network must use time.

Every quantity moves as an odd function of time around a middle state that is drawn alike for all classes. A clip with
given draws, reversed, is then exactly its twin's clip with the same draws (before noise and coding).
Files are H.264 in UCF-101's layout, and read like any other dataset (`labkit.data.datasets.open_dataset("motion")`).
"""

import csv
import errno
import hashlib
import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from labkit.atomic import create_folder, is_vacant
from labkit.cache import cache_folder
from labkit.clip import ClipSpec
from labkit.data.encode import write_video
from labkit.data.glyphs import COLOURS, SHAPES, TEXTURES

ABOUT = "motion.json"  # the settings; where it is, the folder is whole
FORMAT = 3  # raise it when the same settings would give other files


@dataclass(frozen=True, kw_only=True)
class Motion:
    """The change of each quantity per step of time; lengths are in pixels of a 32x32 frame, angles in radians.

    Image coordinates: x to the right, y down, so a positive angle turns clockwise.
    """

    about: str  # the motion in words
    x: float = 0.0
    y: float = 0.0
    turn: float = 0.0  # of the shape around its own centre
    grow: float = 0.0  # log of the radius
    orbit: float = 0.0  # of the centre on a circle of radius ORBIT
    open: float = 0.0  # log of the width; the height changes the other way


ORBIT = 5.0
STEPS = 7.0  # steps of time from a video's first frame to its last, whatever its number of frames

# How far each moves was set on seed 100 alone, so that a ResNet-18 of width 16 learns 2,400 clips in 600 updates and
# gains a lot from every doubling of a smaller set. Findings are measured on seeds 0 to 4.
MOTIONS: dict[str, Motion] = {
    "MoveLeft": Motion(about="moves to the left", x=-1.15),
    "MoveRight": Motion(about="moves to the right", x=1.15),
    "MoveUp": Motion(about="moves up", y=-1.15),
    "MoveDown": Motion(about="moves down", y=1.15),
    "TurnClockwise": Motion(about="turns clockwise", turn=0.17),
    "TurnCounterclockwise": Motion(about="turns counter-clockwise", turn=-0.17),
    "Grow": Motion(about="grows", grow=0.06),
    "Shrink": Motion(about="shrinks", grow=-0.06),
    "OrbitClockwise": Motion(about="circles clockwise, without turning", orbit=0.3),
    "OrbitCounterclockwise": Motion(about="circles counter-clockwise, without turning", orbit=-0.3),
    "Open": Motion(about="opens: gets wider and lower", open=0.07),
    "Close": Motion(about="closes: gets narrower and taller", open=-0.07),
}

PAIRS: tuple[tuple[str, str], ...] = (
    ("MoveLeft", "MoveRight"),
    ("MoveUp", "MoveDown"),
    ("TurnClockwise", "TurnCounterclockwise"),
    ("Grow", "Shrink"),
    ("OrbitClockwise", "OrbitCounterclockwise"),
    ("Open", "Close"),
)

# Class -> the class that one sees when the video is played backwards.
TWINS: dict[str, str] = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}

# Class -> the class that one sees in a mirror (a horizontal flip).
FLIPS: dict[str, str] = {name: name for name in MOTIONS} | {
    name: TWINS[name]
    for name in (
        *("MoveLeft", "MoveRight"),
        *("TurnClockwise", "TurnCounterclockwise"),
        *("OrbitClockwise", "OrbitCounterclockwise"),
    )
}

FRAMES = 16  # of a video
SIZE = 64  # of a video, pixels
FPS = 25
QP = 24  # x264's quantiser, see `_write`

# The course's clip: every second frame of a video, at half its size. A video holds two of them, frames 0, 2, ... 14
# and 1, 3, ... 15, and reversal turns one into the other; drawn at random, neither tells anything about the class.
# Mean and standard deviation are those of the pixels of seed 100.
CLIP = ClipSpec(frames=8, stride=2, size=32, mean=(35.0, 34.5, 33.9), std=(42.8, 39.6, 40.6))


@dataclass(frozen=True)
class Scene:
    """All random draws for one video except its motion: appearance, and the state in the middle of the video.

    Lengths are in pixels of a 32x32 frame, from its centre.
    """

    shape: str
    texture: str
    colour: str
    mirrored: bool  # the shape is its own mirror image
    ground: float  # grey of the background, 0-255
    x: float
    y: float
    angle: float
    radius: float
    phase: tuple[float, float]  # where on its circle an orbiting shape is, as a unit vector
    speed: float

    def in_mirror(self) -> "Scene":
        """The mirror image of the scene."""
        phase = (-self.phase[0], self.phase[1])
        return replace(self, mirrored=not self.mirrored, x=-self.x, angle=-self.angle, phase=phase)


def draw_scene(rng: np.random.Generator, *, colour: str | None = None) -> Scene:
    """A random scene, alike for all motions. `colour` replaces the drawn one and changes nothing else."""
    shape = list(SHAPES)[rng.integers(len(SHAPES))]
    texture = list(TEXTURES)[rng.integers(len(TEXTURES))]
    drawn = list(COLOURS)[rng.integers(len(COLOURS))]
    phase = rng.uniform(0, 2 * np.pi)
    return Scene(
        shape=shape,
        texture=texture,
        colour=colour or drawn,
        mirrored=bool(rng.integers(2)),
        ground=rng.uniform(5, 40),
        x=rng.uniform(-3, 3),
        y=rng.uniform(-3, 3),
        angle=rng.uniform(0, 2 * np.pi),
        radius=rng.uniform(7, 9.5),
        phase=(float(np.cos(phase)), float(np.sin(phase))),
        speed=rng.uniform(0.8, 1.2),
    )


def render(motion: str, scene: Scene, *, frames: int = FRAMES, size: int = SIZE, difficulty: float = 1.0) -> np.ndarray:
    """The clean video: float32 `(T, H, W, 3)` in 0-255, before noise and coding.

    `render(motion, scene)[::-1]` equals `render(TWINS[motion], scene)`, and mirrored left to right it equals
    `render(FLIPS[motion], scene.in_mirror())`, to the last bit.
    """
    how = MOTIONS[motion]
    # Odd around the middle, exactly: negating t negates k, bit by bit.
    step = STEPS / max(frames - 1, 1) * scene.speed / difficulty
    k = ((np.arange(frames) - (frames - 1) / 2) * step)[:, None, None]
    place = np.arange(size, dtype=np.float64) - (size - 1) / 2
    scale = size / 32
    sin, cos = np.sin(how.orbit * k), np.cos(how.orbit * k)
    circle = ORBIT if how.orbit else 0.0
    dx = place[None, None, :] / scale - (scene.x + how.x * k + circle * (scene.phase[0] * cos - scene.phase[1] * sin))
    dy = place[None, :, None] / scale - (scene.y + how.y * k + circle * (scene.phase[0] * sin + scene.phase[1] * cos))
    dx, dy = dx * np.exp(-how.open * k), dy * np.exp(how.open * k)

    radius = scene.radius * np.exp(how.grow * k)
    sin, cos = np.sin(scene.angle + how.turn * k) / radius, np.cos(scene.angle + how.turn * k) / radius
    u, v = (cos * dx + sin * dy).astype(np.float32), (cos * dy - sin * dx).astype(np.float32)
    if scene.mirrored:
        u = -u

    distance = SHAPES[scene.shape](u, v) * (radius * scale).astype(np.float32)
    covered = np.clip(0.5 - distance, 0, 1)
    cells = np.array(TEXTURES[scene.texture], dtype=np.float32)
    row, column = (np.clip((w + 1) * 1.5, 0, 2).astype(np.intp) for w in (v, u))
    lit = cells[row, column][..., None] * np.array(COLOURS[scene.colour], dtype=np.float32)
    return np.float32(scene.ground) + covered[..., None] * (lit - np.float32(scene.ground))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings that decide every pixel of a generated folder. Kept in it as `motion.json`."""

    seed: int = 0
    videos: int = 2880
    frames: int = FRAMES
    size: int = SIZE
    difficulty: float = 1.0
    noise: float = 0.02
    bias: float = 0.0

    def __post_init__(self) -> None:
        whole = {
            "seed": (0, 2**32 - 1),
            "videos": (2 * len(MOTIONS), 1_000_000),
            "frames": (2, 1000),
            "size": (16, 1024),
        }
        for name, (low, high) in whole.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise ValueError(f"motion: {name} must be a whole number from {low} to {high}, not {value!r}")
        for name, least, most in (("difficulty", 0.25, 10.0), ("noise", 0.0, 0.5), ("bias", 0.0, 1.0)):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int | float) or not least <= number <= most:
                raise ValueError(f"motion: {name} must be a number from {least} to {most}, not {number!r}")
            object.__setattr__(self, name, float(number))  # 1 and 1.0 are the same setting
        if self.size % 2:
            raise ValueError(f"motion: size must be even, as H.264 wants it, not {self.size}")

    @property
    def key(self) -> str:
        """A folder name: the main settings to read, and a hash of all of them and of the format."""
        text = json.dumps(_described(self), sort_keys=True)
        return (
            f"seed{self.seed}-{self.videos}x{self.frames}x{self.size}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        )


@dataclass(frozen=True)
class _Video:
    """One video to make. Groups are numbers only: unlike UCF-101's, a group's clips share no scene."""

    motion: str
    number: int  # from 0, within its class

    GROUPS = 24  # groups 1, 7, 13 and 19 are for testing: a sixth of the videos, at least one of each class

    @property
    def group(self) -> int:
        return self.number % self.GROUPS + 1

    @property
    def subset(self) -> str:
        return "test" if self.group % 6 == 1 else "train"

    @property
    def path(self) -> str:
        clip = self.number // self.GROUPS + 1
        return f"{self.motion}/v_{self.motion}_g{self.group:02d}_c{clip:02d}.mp4"


def _plan(videos: int) -> list[_Video]:
    names = list(MOTIONS)
    return [_Video(names[i % len(names)], i // len(names)) for i in range(videos)]


def scene_of(video: _Video, settings: Settings) -> tuple[Scene, np.random.Generator]:
    """The video's scene, and the generator to draw its noise from: a function of the seed, its class and number."""
    index = list(MOTIONS).index(video.motion)
    rng = np.random.default_rng([settings.seed, index, video.number])
    tied = rng.random() < settings.bias and video.subset == "train"
    scene = draw_scene(rng, colour=list(COLOURS)[index % len(COLOURS)] if tied else None)
    return scene, rng


def _write(video: _Video, settings: Settings, folder: Path) -> Scene:
    scene, rng = scene_of(video, settings)
    clean = render(video.motion, scene, frames=settings.frames, size=settings.size, difficulty=settings.difficulty)
    noisy = clean + rng.standard_normal(clean.shape, dtype=np.float32) * np.float32(settings.noise * 255)
    # Every frame is a keyframe of the same quantiser, so that a decoded frame depends on its own pixels alone and the
    # files of twins are each other's reversal too. x264's usual settings (crf, keyframes with predicted frames between)
    # code the first frame better than the rest, which tells a frame's time, and time and state together the class.
    write_video(folder / video.path, np.clip(np.rint(noisy), 0, 255).astype(np.uint8), FPS, qp=QP, gop=1)
    return scene


def generate(
    root: str | Path | None = None,
    *,
    seed: int = 0,
    videos: int = 2880,
    frames: int = FRAMES,
    size: int = SIZE,
    difficulty: float = 1.0,
    noise: float = 0.02,
    bias: float = 0.0,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Make the dataset, or find it made, and return its folder. The same settings always give the same files.

    - `root`: the folder to make; default: one in labkit's cache, named after the settings.
    - `seed`: of everything drawn. The first videos of a large set are those of a small one.
    - `videos`: how many in all, spread evenly over the twelve classes; one in six is for testing (2880: 2400 and 480).
    - `frames`, `size`: of a video. A longer video shows the same movement more slowly.
    - `difficulty`: the movement is this many times smaller.
    - `noise`: standard deviation of each pixel's noise, as a share of full white.
    - `bias`: share of the training videos whose colour is their motion's own; test videos never are tied.
    - `workers`: threads; default: one per processor. They change the speed, never the files.

    The folder holds `videos/<Class>/v_<Class>_gNN_cNN.mp4`, `splits/` as UCF-101's (`classInd.txt`, `trainlist01.txt`,
    `testlist01.txt`), `labels.csv` (appearance of each video) and `motion.json` (the settings). It appears whole or not
    at all, so an interrupted call leaves nothing half made. An empty folder, a mount point or a link to one will do.

    Raises `ValueError` for a setting out of range or a `root` that holds something else, `OSError` where it cannot be
    written (a full disk, say).
    """
    settings = Settings(
        seed=seed, videos=videos, frames=frames, size=size, difficulty=difficulty, noise=noise, bias=bias
    )
    if workers is not None and workers < 1:
        raise ValueError(f"motion: workers must be at least 1, not {workers}")
    folder = Path(root).expanduser() if root else cache_folder("motion") / settings.key
    if _is_made(folder, settings):
        return folder
    try:
        create_folder(
            folder, lambda place: _fill(place, settings, workers or os.cpu_count() or 1, progress), last=ABOUT
        )
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise OSError(errno.ENOSPC, f"the disk is full; {videos} motion videos did not fit", str(folder)) from error
        if not _is_made(folder, settings):  # else another process was first; its folder holds the same
            raise
    return folder


def _is_made(folder: Path, settings: Settings) -> bool:
    """Whether the folder holds these settings' videos. Raises `ValueError` if it holds anything else."""
    if is_vacant(folder):
        return False
    about = folder / ABOUT
    if not about.is_file():
        raise ValueError(f"{folder} is not empty and not a motion dataset; name a folder that does not exist yet")
    wanted = _described(settings)
    try:
        found = json.loads(about.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"{about} is damaged; name another folder")
    if found != wanted:
        other = ", ".join(f"{k} is {found.get(k)}, not {v}" for k, v in wanted.items() if found.get(k) != v)
        raise ValueError(f"{folder} holds motion videos of other settings ({other}); name another folder")
    return True


def _described(settings: Settings) -> dict[str, int | float]:
    return {"format": FORMAT, **asdict(settings)}


def _fill(folder: Path, settings: Settings, workers: int, progress: bool) -> None:
    from labkit.bars import tqdm

    plan = _plan(settings.videos)
    # Threads, not processes: drawing and coding leave Python's lock, and nothing has to be sent or started.
    with ThreadPoolExecutor(workers) as pool:
        try:
            made = pool.map(lambda video: _write(video, settings, folder / "videos"), plan)
            scenes = list(tqdm(made, total=len(plan), desc="motion videos", unit="video", disable=not progress))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    _write_lists(folder, plan, scenes)
    (folder / ABOUT).write_text(json.dumps(_described(settings), indent=2) + "\n", encoding="utf-8")


def _write_lists(folder: Path, plan: list[_Video], scenes: list[Scene]) -> None:
    ids = {name: i + 1 for i, name in enumerate(MOTIONS)}
    splits = folder / "splits"
    splits.mkdir()
    _lines(splits / "classInd.txt", (f"{i} {name}" for name, i in ids.items()))
    _lines(splits / "trainlist01.txt", (f"{v.path} {ids[v.motion]}" for v in plan if v.subset == "train"))
    _lines(splits / "testlist01.txt", (v.path for v in plan if v.subset == "test"))
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["video", "subset", "motion", "shape", "texture", "colour", "group"])
        writer.writerows(
            [v.path, v.subset, v.motion, s.shape, s.texture, s.colour, v.group]
            for v, s in zip(plan, scenes, strict=True)
        )


def _lines(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
