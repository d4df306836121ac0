"""Commands for a network of your own: train it on a dataset, and test what came out."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labkit.cli.app import console, plainly
from labkit.cli.network_options import Classes, Device, Model, Parameters, Workers, class_names, overrides_of

if TYPE_CHECKING:
    from labkit.data.video_dataset import VideoDataset
    from labkit.records import History, Level, Predictions
    from labkit.training.job import Job


@plainly
def train(
    out: Annotated[Path, typer.Option(help="The folder for weights, history, page and checkpoint.")],
    data: Annotated[
        str | None, typer.Option(help="The kind of dataset: `folder`, `ucf101`, `hmdb51`, … [default: folder]")
    ] = None,
    root: Annotated[Path | None, typer.Option(help="The dataset's folder.")] = None,
    model: Annotated[
        str | None, typer.Option(help="The network. `labkit models` lists all. [default: resnet18]")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="How to train: a row of docs/protocols.md. [default: phone]")
    ] = None,
    parameter: Parameters = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Length. Default: the protocol's.")] = None,
    updates: Annotated[int | None, typer.Option(min=1, help="Length in updates, instead of epochs.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Clips in an update. Default: the protocol's.")] = None,
    lr: Annotated[float | None, typer.Option(help="The highest learning rate. Default: the protocol's.")] = None,
    flip: Annotated[
        float | None, typer.Option(min=0, max=1, help="The share of clips that are mirrored. Default: the protocol's.")
    ] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="Frames in a clip. Default: the protocol's.")] = None,
    stride: Annotated[int | None, typer.Option(min=1, help="From one frame of a clip to the next.")] = None,
    size: Annotated[int | None, typer.Option(min=1, help="Height and width of a clip in pixels.")] = None,
    fps: Annotated[float | None, typer.Option(help="Read videos at this rate first.")] = None,
    split: Annotated[int | None, typer.Option(help="The number of the dataset's split. [default: 1]")] = None,
    val: Annotated[str | None, typer.Option(help="As in `labkit data check`. [default: test]")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Training videos in a class, at most.")] = None,
    seed: Annotated[int | None, typer.Option(help="The seed of every random choice. [default: 0]")] = None,
    cached: Annotated[
        bool | None, typer.Option("--cached", help="Decode all frames once into the cache: faster, for small sets.")
    ] = None,
    device: Device = "auto",
    workers: Workers = 0,
    resume: Annotated[bool, typer.Option(help="Go on where the folder's training was stopped.")] = True,
) -> None:
    """Train a network on a dataset, and leave weights that say what they are.

    All names and numbers, and the data, are checked before the work starts. The folder gets `weights.safetensors` (with
    classes, clip and protocol inside), `history.jsonl`, `index.html` with the curves, and a checkpoint. After Ctrl-C or a
    kill, the same command goes on; so does `labkit train --out DIR` alone.

    Example: `labkit train --root my_videos -p width=16 --cached --out wave`
    """
    from labkit.course.training_page import write_page
    from labkit.training.interrupt import TrainingInterrupted
    from labkit.training.job import run_job

    changes = {"epochs": epochs, "updates": updates, "batch_size": batch_size, "lr": lr, "flip": flip}
    clip = {"frames": frames, "stride": stride, "size": size, "fps": fps}
    folder = root and str(root.expanduser().resolve())
    given: dict[str, Any] = {"data": data, "root": folder, "model": model, "protocol": protocol}
    given |= {"split": split, "val": val, "limit": limit, "seed": seed, "cached": cached}
    given |= {"changes": _given(changes), "clip": _given(clip), "overrides": overrides_of(parameter)}
    job = _job(out, {name: value for name, value in _given(given).items() if value != {}}, resume=resume)
    try:
        history = run_job(job, out, device=device, workers=workers, resume=resume)
    except TrainingInterrupted as stop:
        where = str(stop).partition(" To go on")[0]
        raise KeyboardInterrupt(f"{where} `labkit train --out {out}` goes on from there") from None
    print(_accuracies(history))
    print(f"curves: {write_page(out, _asked(job))}")
    print(f"next: labkit evaluate {out}\n      labkit predict VIDEO --weights {out}")


def _accuracies(history: "History") -> str:
    """The last accuracies of a training in one line."""
    last = history.table.dropna(subset=["top1"]).groupby("split")["top1"].last()
    measured = ", ".join(f"{name} {top1:.0%}" for name, top1 in last.items())
    return f"top-1 at clip level after {history.table['epoch'].max()} epochs: {measured or 'not measured'}"


@plainly
def evaluate(
    folder: Annotated[Path | None, typer.Argument(help="A folder of `labkit train`.")] = None,
    weights: Annotated[Path | None, typer.Option(help="A file of weights instead.")] = None,
    data: Annotated[str | None, typer.Option(help="The kind of dataset. Default: the training's, or `folder`.")] = None,
    root: Annotated[Path | None, typer.Option(help="The dataset's folder. Default: the training's.")] = None,
    subset: Annotated[str, typer.Option(help="The subset: `train`, `val` or `test`.")] = "test",
    split: Annotated[int | None, typer.Option(help="The number of the dataset's split.")] = None,
    model: Model = "",
    classes: Classes = None,
    parameter: Parameters = None,
    out: Annotated[Path | None, typer.Option(help="The folder for the predictions. Default: FOLDER.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Clips that are scored together.")] = 32,
    device: Device = "auto",
    workers: Workers = 0,
) -> None:
    """Test a network: top-1 and top-5 at clip level and at video level, and class by class.

    A video is scored as the protocol says, and its score is the mean of its clips. The predictions are kept as
    `predictions-clip.parquet` and `predictions-video.parquet`, and the folder's page gets two figures. The classes of the
    dataset must be those of the weights.

    Examples: `labkit evaluate wave`, `labkit evaluate --weights r50.pth --model resnet50 --classes names.txt --root videos`
    """
    from dataclasses import replace

    from labkit.course.training_page import write_page
    from labkit.models.trained import open_trained
    from labkit.training.job import JOB, Job, evaluate_job

    if (folder is None) == (weights is None):
        raise ValueError("name a folder of `labkit train`, or --weights FILE: one of the two")
    trained = open_trained(
        folder or weights or "", model=model, classes=class_names(classes), overrides=overrides_of(parameter)
    )
    job = Job.read(folder) if folder and (folder / JOB).is_file() else Job()
    given = {"data": data, "root": root and str(root.expanduser()), "split": split}
    job = replace(job, **_given(given))
    dataset, found = evaluate_job(
        trained,
        job,
        subset,  # type: ignore[arg-type]
        device=device,
        batch_size=batch_size,
        workers=workers,
    )
    _show(dataset, found)
    if place := out or folder:
        for level, predictions in found.items():
            print(predictions.save(place / f"predictions-{level}.parquet"))
        if (place / "history.jsonl").is_file():
            print(f"figures: {write_page(place, _asked(job))}")


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _job(out: Path, given: dict[str, Any], *, resume: bool) -> "Job":
    """The job that is asked for; of a folder with a job, that one, if nothing else is asked for."""
    from labkit.training.job import JOB, Job

    if out.exists() and not out.is_dir():
        raise FileExistsError(f"{out} is a file: name a folder for the training")
    if not (resume and (out / JOB).is_file()):
        if not {"data", "root"} & {*given}:
            raise ValueError("name the dataset: --root FOLDER, or --data KIND with --root")
        return Job(**given)
    there = Job.read(out)
    other = [
        f"{name} {getattr(there, name)} there, {value} here"
        for name, value in given.items()
        if value != getattr(there, name)
    ]
    if other:
        raise ValueError(
            f"{out} holds another training ({'; '.join(other)}): choose another folder, or --no-resume to start over"
        )
    return there


def _asked(job: "Job") -> list[tuple[str, str]]:
    """The job in words, without places on this machine."""
    choices = ", ".join(f"{name}={value}" for name, value in job.overrides.items())
    rows = [("data", job.data), ("network", f"{job.model} {choices}".strip()), ("protocol", job.protocol)]
    return [*rows, *((what, value) for what, value, _ in job.recipe.rows())]


def _show(dataset: "VideoDataset", found: "Mapping[Level, Predictions]") -> None:
    """Print both levels, and the classes."""
    from labkit.intervals import wilson
    from labkit.survey.publication.problems import plain_lines
    from labkit.terminal import table

    print(plain_lines(dataset.describe()))
    rows = []
    for level, one in found.items():
        low, high = (float(end) for end in wilson(one.confusion().diagonal().sum(), one.confusion().sum()))
        top5 = f"{one.accuracy(5):.1%}" if len(one.classes) > 5 else "–"
        rows.append((level, f"{one.accuracy():.1%}", f"{low:.0%} to {high:.0%}", top5, len(one.videos)))
    console().print(table(("level", "top-1", "95 % interval", "top-5", "rows"), rows, right=("top-1", "top-5", "rows")))
    print("clip level: each clip by itself; video level: the mean of a video's clips. Compare like with like")
    classes = [
        (row["name"], row["videos"], row["correct"], f"{row['top1']:.0%}" if row["videos"] else "–")
        for row in found["video"].per_class().to_dict("records")
    ]
    console().print(table(("class", "videos", "right", "top-1"), classes, right=("videos", "right", "top-1")))
