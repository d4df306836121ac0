"""Commands for the data: one video file, the embedded dataset, a dataset of your own."""

from pathlib import Path
from typing import Annotated

import typer

from labkit.cli.app import console, group, plainly

data_app = group("data", "Make the embedded dataset, check a dataset of your own, or compute its optical flow.")


@plainly
def video(path: Annotated[Path, typer.Argument(help="A video file.")]) -> None:
    """Show what a video file holds: frames, rate, size, codec, damage.

    Example: `labkit video me.mp4`
    """
    from dataclasses import asdict

    from labkit.data.video import VideoReader
    from labkit.terminal import table

    with VideoReader(path) as reader:
        rows = [(name, "" if value is None else value) for name, value in asdict(reader.info).items()]
    console().print(table(("of the file", "value"), rows))


@data_app.command("motion")
@plainly
def data_motion(
    root: Annotated[Path | None, typer.Option(help="The folder to make. Default: one in the cache.")] = None,
    videos: Annotated[int, typer.Option(min=1, help="The number of videos, over all classes.")] = 2880,
    seed: Annotated[int, typer.Option(help="The seed of every random choice.")] = 0,
    difficulty: Annotated[float, typer.Option(help="How many times smaller the movement is.")] = 1.0,
    noise: Annotated[float, typer.Option(help="The noise of each pixel, as a share of white.")] = 0.02,
    bias: Annotated[float, typer.Option(help="The share of training videos whose colour tells the motion.")] = 0.0,
) -> None:
    """Make the embedded dataset: H.264 files in UCF-101's layout. Prints the folder.

    Example: `labkit data motion --videos 400 --root /tmp/motion`
    """
    from labkit.data.motion import generate

    print(generate(root, videos=videos, seed=seed, difficulty=difficulty, noise=noise, bias=bias))


@data_app.command("check")
@plainly
def data_check(
    name: Annotated[str, typer.Argument(help="The kind of dataset: `ucf101`, `hmdb51`, `folder` or `motion`.")],
    root: Annotated[Path | None, typer.Argument(help="The dataset's folder.")] = None,
    subset: Annotated[str, typer.Option(help="The subset: `train`, `val` or `test`.")] = "train",
    split: Annotated[int, typer.Option(help="The number of the dataset's split.")] = 1,
    val: Annotated[
        str,
        typer.Option(
            help="What stands in for `val` in a dataset without one: `test`, or `split` (a part of training)."
        ),
    ] = "test",
) -> None:
    """Index a dataset and list the videos that cannot be read. The exit code is 1 if there are any.

    Files that are not videos, and folders without a video, are listed too. For a wrong folder, the expected layout is
    shown. The index is kept, so that the next call is quick.

    Examples: `labkit data check ucf101 ~/UCF-101`, `labkit data check folder my_videos`
    """
    from labkit.clip import ClipSpec
    from labkit.data.datasets import open_dataset
    from labkit.data.video_file import shown
    from labkit.survey.publication.problems import plain_lines
    from labkit.terminal import table

    dataset = open_dataset(name, root, subset, spec=ClipSpec(), split=split, val=val)  # type: ignore[arg-type]
    print(plain_lines(dataset.describe()))
    if len(dataset.report):
        rows = [(shown(path), *more) for path, *more in dataset.report.itertuples(index=False)]
        console().print(table(tuple(dataset.report.columns), rows))
        raise typer.Exit(int((dataset.report["what"] != "passed over").any()))


@data_app.command("flow")
@plainly
def data_flow(
    name: Annotated[str, typer.Argument(help="`ucf101`, `hmdb51`, `folder` or `motion`.")],
    root: Annotated[Path | None, typer.Argument(help="The dataset's folder.")] = None,
    subset: Annotated[str, typer.Option(help="`train`, `val` or `test`.")] = "train",
    split: Annotated[int, typer.Option(help="The dataset's own split.")] = 1,
    val: Annotated[str, typer.Option(help="As in `labkit data check`.")] = "test",
    method: Annotated[
        str, typer.Option(help="`dis` is fast; `tvl1` is the papers', and takes some hundred times as long.")
    ] = "dis",
    bound: Annotated[float, typer.Option(help="Pixels: longer movements are cut to it.")] = 20.0,
    short_side: Annotated[int, typer.Option(min=1, help="Larger frames are reduced to it first.")] = 256,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes. Default: one per core.")] = None,
) -> None:
    """Compute the optical flow of a dataset and keep it, so that training on pairs of frames and flow can start at once.

    Flow says how far each pixel moves until the next frame: the second input of a two-stream network. It is kept as one
    file a video in labkit's cache, 2 bytes a pixel, and found there by `open_dataset(..., flow="dis")` with the same
    settings. What is done stays done: a call that was stopped or killed goes on with the videos that are missing. Needs
    OpenCV's contrib wheel: `pip install opencv-contrib-python-headless`. The exit code is 1 if a video has no flow.

    Examples: `labkit data flow motion`, `labkit data flow ucf101 ~/UCF-101 --subset test --short-side 128`
    """
    from labkit.clip import ClipSpec
    from labkit.counting import counted
    from labkit.data.datasets import open_dataset
    from labkit.data.flow import FlowSettings
    from labkit.data.flow_cache import cache_flow

    settings = FlowSettings(method, bound, short_side)  # type: ignore[arg-type]
    dataset = open_dataset(name, root, subset, spec=ClipSpec(), split=split, val=val)  # type: ignore[arg-type]
    kept = cache_flow(dataset.table, settings, on_error="skip", workers=workers)
    files = {place.file for place in kept.places.values()}
    size = sum(file.stat().st_size for file in files)
    print(f"{dataset.name}: flow of {counted(len(kept.places), 'video')} ({method}, up to ±{bound:g} pixels)")
    print(f"{size / 1e6:,.1f} MB in {next(iter(files)).parent}")
    lost = len(dataset.table["path"].unique()) > len(kept.places) or (dataset.report["what"] != "passed over").any()
    raise typer.Exit(int(lost))
