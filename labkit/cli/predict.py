"""The command that names what is in videos, over their time."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labkit.cli.app import console, plainly, say, tell
from labkit.cli.network_options import Classes, Device, Model, Parameters, class_names, overrides_of

if TYPE_CHECKING:
    from labkit.course.predict_page import Row
    from labkit.models.trained import Trained
    from labkit.timeline import Timeline

MOST_LETTERS = 80  # of a file's name
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


@plainly
def predict(
    videos: Annotated[list[str], typer.Argument(help="Videos, and folders of videos.")],
    weights: Annotated[Path, typer.Option(help="A folder of `labkit train`, or a file of weights.")],
    out: Annotated[Path, typer.Option(help="The folder for pages and CSV files.")] = Path("predictions"),
    top: Annotated[int, typer.Option(min=1, help="Classes that are shown.")] = 5,
    every: Annotated[str, typer.Option(help="From the start of a window to the next: `0.5s`.")] = "0.5s",
    model: Model = "",
    classes: Classes = None,
    parameter: Parameters = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Windows that are scored together.")] = 8,
    device: Device = "auto",
) -> None:
    """Score videos over time: a table here, and for each video a CSV file and a page.

    The page plays the video beside the curve of its scores; a click in the curve jumps there. `index.html` lists all videos.
    Each window is a clip of the network's length. Videos may be long: they are read once, in constant memory. What
    `labkit train` left needs no other option. A video that cannot be read is named, the others go on, and the exit code
    is 1.

    Examples: `labkit predict holiday.mp4 --weights wave`, `labkit predict videos/ --weights r50.pth --model resnet50
    --classes names.txt`
    """
    from labkit.course.predict_page import write_index
    from labkit.models.trained import open_trained

    step = _seconds(every)
    found, refused = _files(videos, out)
    trained = open_trained(weights, model=model, classes=class_names(classes), overrides=overrides_of(parameter))
    rows: list[Row] = []
    about = f"{trained.model} with the weights {trained.path.name}, {len(trained.classes)} classes"
    for line in refused:
        say(f"labkit: {line}")
    stems = _stems(found)
    try:
        with _progress(len(found)) as told:
            for number, (path, stem) in enumerate(zip(found, stems, strict=True), start=1):
                try:
                    row = _one(path, stem, trained, out, about, step, top, batch_size, device, told(number, path.name))
                except (OSError, ValueError, _video_error()) as error:
                    refused.append(_line(error))
                    tell(error)
                    continue
                rows.append(row)
    finally:  # after Ctrl-C too: the pages that are done are listed
        page = write_index(out, rows, refused, about=f"{about}.")
    print(page)
    if refused:
        raise typer.Exit(1)


def _video_error() -> type[Exception]:
    from labkit.data.video_file import VideoError

    return VideoError


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _one(
    path: Path,
    stem: str,
    trained: "Trained",
    out: Path,
    about: str,
    every: float,
    top: int,
    batch_size: int,
    device: str,
    told: Callable[[float, float], None],
) -> "Row":
    """Score one video, write its files, and print its table."""
    from labkit.course.predict_page import write_page
    from labkit.data.playable import playable
    from labkit.training.predict import over_time

    timeline = over_time(
        trained.network,
        path,
        trained.classes,
        trained.clip,
        every=every,
        batch_size=batch_size,
        device=device,
        told=told,
    )
    timeline.write_csv(out / f"{stem}.csv")
    shown = playable(path, out / "media", stem)
    sentence = f"Scores of {about}; a window of {timeline.window:.1f} s every {every:g} s."
    row = write_page(timeline, out, stem, shown, source=path, about=sentence, top=top)
    _show(timeline, top)
    return row


def _show(timeline: "Timeline", top: int) -> None:
    from labkit.survey.publication.problems import plain_lines
    from labkit.terminal import table
    from labkit.timeline import clock

    print(plain_lines(f"{timeline.video}: {clock(timeline.seconds)}, {len(timeline.starts)} windows"))
    if timeline.damage:
        say(f"labkit: warning: {timeline.video}: read up to {clock(timeline.seconds)} only ({timeline.damage})")
    rows = [(one.name, f"{one.mean:.0%}", f"{one.best:.0%}", clock(one.start)) for one in timeline.top(top)]
    console().print(table(("class", "mean score", "highest", "at"), rows, right=("mean score", "highest", "at")))


def _seconds(text: str) -> float:
    """`0.5s`, `0.5` or `500ms` as seconds. Raises `ValueError`."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(s|ms|)\s*", text)
    seconds = float(found[1]) * (0.001 if found[2] == "ms" else 1) if found else 0.0
    if not seconds > 0:
        raise ValueError(f"--every is a time above 0, such as 0.5s, not {text!r}")
    return seconds


def _files(names: Sequence[str], out: Path) -> tuple[list[Path], list[str]]:
    """The videos that are named, or lie in named folders, each once, and a line for each other name. Those of `out` are copies."""
    from labkit.data.video_file import shown
    from labkit.data.videos_below import videos_below

    found: dict[Path, Path] = {}
    refused = []
    for name in names:
        path = Path(name).expanduser()
        if ADDRESS.match(name):
            refused.append(f"{shown(name)}: labkit reads files of this machine: download the video first")
        elif path.is_dir():
            below = [each for each in videos_below(path).videos if out.resolve() not in each.resolve().parents]
            found |= {each.resolve(): each for each in below if each.resolve() not in found}
            refused += [] if below else [f"{shown(path)}: there is no video in this folder"]
        else:
            found.setdefault(path.resolve(), path)
    return list(found.values()), refused


def _stems(paths: Sequence[Path]) -> list[str]:
    """Names for the files of each video: letters and digits of its own name, each name once on any disk."""
    taken, stems = {"index"}, []
    for path in paths:
        base = (
            re.sub(r"[^\w.-]+", "_", path.stem.encode("utf-8", "replace").decode()).strip("._")[:MOST_LETTERS]
            or "video"
        )
        stem, number = base, 1
        while stem.casefold() in taken:
            number += 1
            stem = f"{base}-{number}"
        taken.add(stem.casefold())
        stems.append(stem)
    return stems


@contextmanager
def _progress(videos: int) -> Iterator[Callable[[int, str], Callable[[float, float], None]]]:
    """A bar over the seconds of each video, with the time left. On a terminal alone."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from labkit.survey.publication.problems import plain
    from labkit.timeline import clock

    screen = console(error=True)
    columns: list[Any] = [
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[at]}"),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("", total=None, at="")

        def begin(number: int, name: str) -> Callable[[float, float], None]:
            progress.reset(task, total=None, description=f"{number} of {videos}: {plain(name)[:40]}", at="")

            def told(seconds: float, of: float) -> None:
                progress.update(task, completed=seconds, total=of or None, at=clock(seconds))

            return told

        yield begin
