"""Commands for the data: one video file, the embedded dataset, a dataset of your own."""

from pathlib import Path
from typing import Annotated

import typer

from labkit.cli.app import console, group, plainly

data_app = group("data", "Make the embedded dataset, or check a dataset of your own.")


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
    from labkit.survey.publication.problems import plain_lines
    from labkit.terminal import table

    dataset = open_dataset(name, root, subset, spec=ClipSpec(), split=split, val=val)  # type: ignore[arg-type]
    print(plain_lines(dataset.describe()))
    if len(dataset.report):
        rows = list(dataset.report.itertuples(index=False))
        console().print(table(tuple(dataset.report.columns), rows))
        raise typer.Exit(int((dataset.report["what"] != "passed over").any()))
