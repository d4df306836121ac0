"""Work where disk, memory or rights are missing, then once more where they are there.

As a script: `python hardship_trial.py SUBJECT HARDSHIP FOLDER` prints what was said and what was left. A hardship that
mounts something wants `unshare --mount` before it, so that nobody else sees it.
"""

import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import kills_trial
import torch
from broken_videos import FORMATS, write_source

VIDEOS = 12
MIB = 2**20


class Hardship(NamedTuple):
    """What is missing: mounted before the work, lifted after it, or a limit on the process alone."""

    begin: Callable[[Path, int], object] = lambda place, size: None
    lift: Callable[[Path], object] = lambda place: None
    inside: Callable[[int], object] = lambda size: None


def mount(*words: object) -> None:
    subprocess.run(["mount", *map(str, words)], check=True, capture_output=True)


def own_disk(place: Path, size: int) -> None:
    mount("-t", "tmpfs", "-o", f"size={size}", "none", place)


def limit(kind: int, size: int) -> None:
    resource.setrlimit(kind, (size, size))


def limit_memory(more: int) -> None:
    """So many bytes more than the process has now."""
    import psutil

    limit(resource.RLIMIT_AS, psutil.Process().memory_info().vms + more)


HARDSHIPS = {
    "none": Hardship(),
    "full disk": Hardship(own_disk, lambda place: mount("-o", "remount,size=256m", place)),
    "read-only folder": Hardship(
        lambda place, size: mount("-o", "remount,ro,bind", place),
        lambda place: mount("-o", "remount,rw,bind", place),
    ),
    "limit on files": Hardship(inside=lambda size: limit(resource.RLIMIT_FSIZE, size)),
    "no memory": Hardship(inside=limit_memory),
    "small /dev/shm": Hardship(
        lambda place, size: own_disk(Path("/dev/shm"), size), lambda place: mount("-o", "remount,size=256m", "/dev/shm")
    ),
}


def train_with_workers(videos: Path, folder: Path) -> None:
    """Clips of a size that a small /dev/shm does not hold."""
    from tiny_training import SPEC, Tiny, tiny_model

    from labkit.training import fit

    spec = SPEC.but(frames=16, size=112)
    options = {"epochs": 1, "batch_size": 6, "workers": 2, "device": "cpu", "progress": False}
    fit(tiny_model(clip=spec), Tiny(24, spec=spec), folder=folder / "run", **options)


def write_toy(folder: Path) -> None:
    """A small course, written before the hardship begins."""
    from toy_course import write_course

    if not (folder / "project").exists():
        write_course(folder / "project")


def command(*words: str) -> Callable[[Path, Path], None]:
    """A labkit command in the folder of the toy course. It takes the place of this process."""

    def work(videos: Path, folder: Path) -> None:
        os.chdir(folder / "project")
        os.execve(sys.executable, [sys.executable, "-m", "labkit", *words], dict(os.environ))

    return work


def build(videos: Path, folder: Path) -> None:
    """The first lesson of the toy course and all pages; `labkit course` would first generate clips that this needs not."""
    from labkit.course.build import build_course

    assert not build_course(["00"], folder=folder / "project").failed


def runs(folder: Path) -> dict[str, Any]:
    """Each run's status and results."""
    found = {}
    for file in sorted((folder / "project").rglob("runs/*/run.json")):
        about = json.loads(file.read_text(encoding="utf-8"))
        if about["status"] == "done":
            found[about["notebook"]] = "done"
    return found


SUBJECTS = {
    **kills_trial.SUBJECTS,
    "training with workers": kills_trial.Subject(
        train_with_workers, lambda folder: {"rows": (folder / "run" / "history.jsonl").read_text().count("\n")}
    ),
    "labkit run": kills_trial.Subject(command("run", "00"), runs),
    "building the course": kills_trial.Subject(build, runs),
    "labkit course": kills_trial.Subject(command("course", "00"), runs),
}


def attempt(
    subject: kills_trial.Subject, videos: Path, folder: Path, hardship: Hardship, size: int
) -> tuple[int, list[str]]:
    """Do the work in a process of its own; its exit status, and the lines it wrote to stderr."""
    heard, said = os.pipe()  # not a file, which a limit would reach
    pid = os.fork()
    if pid == 0:
        os.dup2(said, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.closerange(3, 64)
        signal.alarm(240)
        os.environ["LABKIT_CACHE"] = str(folder / "cache")
        torch.set_num_threads(1)
        warnings.showwarning = lambda message, *_, **__: os.write(2, f"warning: {message}\n".encode())
        try:
            hardship.inside(size)
            subject.work(videos, folder)
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
        os._exit(0)
    os.close(said)
    with os.fdopen(heard, errors="replace") as file:
        lines = file.read().splitlines()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), lines


def load() -> None:
    """Import all that the work needs: with little memory, an import would be the first to fail."""
    for name in ("accelerate", "pyarrow.parquet", "tiny_training", "labkit.data.flow_cache", "labkit.training"):
        importlib.import_module(name)


def main(name: str, trouble: str, folder: Path, size: int) -> dict[str, Any]:
    """The exit status and messages under the hardship and after it, and what was left."""
    subject, hardship = SUBJECTS[name], HARDSHIPS[trouble]
    if trouble == "no memory":
        load()
    videos, place = folder / "videos", folder / "work"
    for one in (videos, place):
        one.mkdir(parents=True)
    for number in range(VIDEOS):
        write_source(videos / f"{number:02d}.avi", FORMATS["MJPEG"])
    if trouble == "read-only folder":
        own_disk(place, 256 * MIB)
    elif trouble == "full disk":
        hardship.begin(place, size)
    if name.startswith(("labkit", "building")):
        write_toy(place)
    if trouble != "full disk":
        hardship.begin(place, size)
    status, said = attempt(subject, videos, place, hardship, size)
    hardship.lift(place)
    after, then_said = attempt(subject, videos, place, HARDSHIPS["none"], size)
    left = subject.left(place) if after == 0 else None
    return {"status": status, "said": said, "after": after, "said_after": then_said, "left": left}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))))
