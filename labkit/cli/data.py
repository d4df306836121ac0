"""Commands of the data: one video file, the embedded dataset, a dataset of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from labkit.cli.app import console, group, plainly

data_app = group("data", "Make the embedded dataset, or look at a dataset of your own.")


@plainly
def video(path: Annotated[Path, typer.Argument(help="A video file.")]) -> None:
    """Say what a video file holds: frames, rate, size, codec, damage.

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
    root: Annotated[Path | None, typer.Option(help="The folder to make. Default: in the cache.")] = None,
    videos: Annotated[int, typer.Option(min=1, help="How many, over all classes.")] = 2880,
    seed: Annotated[int, typer.Option(help="Of everything drawn.")] = 0,
    difficulty: Annotated[float, typer.Option(help="The movement is this many times smaller.")] = 1.0,
    noise: Annotated[float, typer.Option(help="Of each pixel, as a share of white.")] = 0.02,
    bias: Annotated[float, typer.Option(help="Share of training videos whose colour tells the motion.")] = 0.0,
) -> None:
    """Generate the embedded dataset, real H.264 files in UCF-101's layout, and print its folder.

    Example: `labkit data motion --videos 400 --root /tmp/motion`
    """
    from labkit.data.motion import generate

    print(generate(root, videos=videos, seed=seed, difficulty=difficulty, noise=noise, bias=bias))


@data_app.command("check")
@plainly
def data_check(
    name: Annotated[str, typer.Argument(help="`ucf101`, `hmdb51`, `folder` or `motion`.")],
    root: Annotated[Path | None, typer.Argument(help="The dataset's folder.")] = None,
    subset: Annotated[str, typer.Option(help="`train`, `val` or `test`.")] = "train",
    split: Annotated[int, typer.Option(help="The dataset's own split.")] = 1,
    val: Annotated[
        str, typer.Option(help="What `val` is where there is no such list: `test`, or `split` for a part of training.")
    ] = "test",
) -> None:
    """Index a dataset and report the videos that cannot be read; the exit code is 1 if there are any.

    What was passed over is listed too: pictures, texts, folders without a video. A wrong folder is answered with the
    layout expected. The index is kept: a later call is quick.

    Examples: `labkit data check ucf101 ~/UCF-101`, `labkit data check folder my_videos`
    """
    from labkit.clip import ClipSpec
    from labkit.data.datasets import open_dataset
    from labkit.survey.publication.problems import plain_lines
    from labkit.terminal import table

    dataset = open_dataset(name, root, subset, spec=ClipSpec(), split=split, val=val)  # type: ignore[arg-type]
    print(plain_lines(dataset.describe()))
    if len(dataset.report):
        rows = list(dataset.report.itertuples(index=False))
        console().print(table(tuple(dataset.report.columns), rows))
        raise typer.Exit(int((dataset.report["what"] != "passed over").any()))
