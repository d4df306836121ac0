"""Commands for the data: one video file, the embedded dataset, real datasets, and the cache."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labkit.cli.app import console, group, plainly, say
from labkit.data.dataset_kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labkit.data.kept_files import Named
    from labkit.data.report_lines import Line

NAMES = ", ".join(f"`{name}`" for name in KINDS)
SHOWN = 20  # faults that a command prints


def _where_from() -> str:
    """A list of the datasets: where each comes from, its licence and its size."""
    lines = []
    for name, kind in KINDS.items():
        facts = (kind.source, kind.licence and f"licence: {kind.licence}", kind.size and f"size: {kind.size}")
        lines.append(f"- `{name}`, {kind.title}: {'; '.join(filter(None, facts))}")
    return "\n".join(lines)


data_app = group(
    "data",
    "Make the embedded dataset, prepare and check real ones, compute optical flow, clear the cache.\n\n"
    "labkit downloads no dataset: some have a licence that a person must accept. Get the files from the dataset's own "
    "page, then type `labkit data prepare`:\n\n" + _where_from(),
)
cache_app = group("cache", "List what labkit keeps in its cache folder, or remove it.", otherwise="list")
data_app.add_typer(cache_app)


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
    name: Annotated[str, typer.Argument(help=f"The kind of dataset: {NAMES}.")],
    root: Annotated[str | None, typer.Argument(help="The dataset's folder; for `csv` also the file itself.")] = None,
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

    Examples: `labkit data check ucf101 ~/UCF-101`, `labkit data check csv my_list.csv`
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


@data_app.command("prepare")
@plainly
def data_prepare(
    name: Annotated[str, typer.Argument(help=f"The kind of dataset: {NAMES}.")],
    source: Annotated[
        str, typer.Argument(help="The folder with the files you downloaded: archives, folders, or both.")
    ],
    dest: Annotated[Path, typer.Argument(help="The new folder, or one that such a call began.")],
    short_side: Annotated[
        int | None, typer.Option(min=16, help="Pixels: larger frames are reduced to it. Default: the papers'.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the videos as they are: unpack, count, write the index.")
    ] = False,
    shards: Annotated[
        Path | None, typer.Option(help="A folder beside the new one: write the videos there too, in tar files.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes. Default: one per core.")] = None,
) -> None:
    """Make a downloaded dataset ready for training: unpacked, its videos small and quick to read, all frames counted.

    Unpacks zip and tar, and rar with `unrar`, `unar`, `bsdtar` or `7z`. Videos become H.264 with a keyframe every 16
    frames, without sound; every frame keeps its place and time. The new folder has the dataset's own layout. A call that
    was stopped goes on where it was. `report.csv` in the new folder names what is missing or broken; the exit code is then 1.

    With `--shards` the videos are packed into tar files as well, in WebDataset's layout, for object storage:
    `open_dataset("shards", FOLDER_OR_ADDRESS)` reads them. docs/shards.md has more.

    Examples: `labkit data prepare ucf101 ~/Downloads/ucf ~/data/ucf101`,
    `labkit data prepare kinetics400 /media/k400 /data/k400 --short-side 128`
    """
    from labkit.counting import counted
    from labkit.data.prepare import REPORT, prepare

    done = prepare(name, source, dest, short_side=short_side, keep=keep, workers=workers)
    print(
        f"{name}: {counted(done.videos, 'video')}, {done.size / 1e6:,.1f} MB in {done.folder}, {done.made:,} made now"
    )
    if expected := KINDS[name].videos:
        print(f"{expected:,} videos were published")
    if done.problem:
        say(f"labkit: the videos are ready, but the folder cannot be opened yet: {done.problem}")
    elif shards is not None:
        from labkit.data.packing import pack

        print(f"shards: {pack(name, done.folder, shards, workers=workers)}")
    _show_faults(done.lines, done.folder / REPORT, whole=done.is_whole)


@data_app.command("verify")
@plainly
def data_verify(
    name: Annotated[str, typer.Argument(help=f"The kind of dataset: {NAMES}.")],
    root: Annotated[str, typer.Argument(help="The dataset's folder.")],
    decode: Annotated[
        bool, typer.Option("--decode", help="Decode every frame, not the first and the last alone.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="A CSV file for the list of faults.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes. Default: one per core.")] = None,
) -> None:
    """Compare a dataset with what is expected: numbers of videos and classes, durations, whether videos can be decoded.

    The exit code is 1 if anything is missing or broken. Videos that were taken off the web (Kinetics) are listed, and are
    no fault.

    Examples: `labkit data verify ucf101 ~/data/ucf101`, `labkit data verify kinetics400 /data/k400 --decode --out bad.csv`
    """
    from labkit.data.report_lines import write_lines
    from labkit.data.verify import verify
    from labkit.terminal import table

    found = verify(name, root, decode=decode, workers=workers)
    rows = [("videos", found.videos, found.expected_videos), ("classes", found.classes, found.expected_classes)]
    rows += [(what, number, None) for what, number in found.counted()]
    shown = [(what, f"{number:,}", "" if expected is None else f"{expected:,}") for what, number, expected in rows]
    console().print(table(("what", "here", "published"), shown, right=("here", "published")))
    if out is not None:
        write_lines(out, found.lines)
    _show_faults(found.lines, out, whole=found.is_whole)


def _show_faults(lines: "Sequence[Line]", file: Path | None, *, whole: bool) -> None:
    """Show the first faults, say where all are listed, and exit with 1 unless all is well."""
    from labkit.counting import counted
    from labkit.terminal import table

    faults = [line for line in lines if line.is_fault]
    if faults:
        console().print(table(("video", "reason", "what"), faults[:SHOWN]))
        rest = f"; all {len(faults):,} are in {file}" if file is not None else "; --out FILE lists all"
        number = counted(len(faults), "video is", "videos are")
        say(f"labkit: {number} missing or broken{rest if file is not None or len(faults) > SHOWN else ''}")
    raise typer.Exit(int(not whole))


@data_app.command("index")
@plainly
def data_index(
    name: Annotated[str, typer.Argument(help=f"The kind of dataset: {NAMES}.")],
    root: Annotated[str, typer.Argument(help="The dataset's folder.")],
    exact: Annotated[
        bool, typer.Option("--exact", help="Decode each video to count its frames, whatever its header says.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes. Default: one per core.")] = None,
) -> None:
    """Look into every video of a dataset again and keep what is found: frames, rate, size. Needed after files changed.

    Large datasets are counted by the headers of their files; a wrong header is corrected when the video is read.
    `labkit data index shards FOLDER_OR_ADDRESS` makes the index of tar files, those of other programs too.

    Examples: `labkit data index kinetics400 /data/k400 --exact`, `labkit data index shards s3://bucket/kinetics700`
    """
    from labkit.counting import counted
    from labkit.terminal import table

    if name == "shards":
        from labkit.data.shards import index_shards

        indexed = index_shards(root, workers=workers)
        if len(indexed.report):
            console().print(table(tuple(indexed.report.columns), indexed.report.head(SHOWN).itertuples(index=False)))
        print(f"{root}: {counted(len(indexed.table), 'video')} in {counted(indexed.shards, 'shard')}")
        raise typer.Exit(int((indexed.report["what"] == "unreadable").any()))
    from labkit.data.dataset_index import rebuild

    found = rebuild(name, root, exact=exact, workers=workers)
    broken = found[found["reason"] != ""]
    counts = counted(int(found["exact"].sum()), "video is counted", "videos are counted")
    print(f"{name}: {counted(len(found), 'video')}, {found['frames'].sum():,} frames; {counts} exactly")
    if len(broken):
        console().print(table(("video", "reason"), broken[["path", "reason"]].head(SHOWN).itertuples(index=False)))
    raise typer.Exit(int(len(broken) > 0))


@data_app.command("where")
@plainly
def data_where() -> None:
    """Say where each dataset comes from, its licence, its size, and how many videos and classes were published.

    Example: `labkit data where`
    """
    from labkit.terminal import table

    rows = [
        (
            name,
            kind.source,
            kind.licence,
            kind.size,
            *("" if n is None else f"{n:,}" for n in (kind.videos, kind.classes)),
        )
        for name, kind in KINDS.items()
    ]
    console().print(
        table(("dataset", "from", "licence", "size", "videos", "classes"), rows, right=("videos", "classes"))
    )


@cache_app.command("list")
@plainly
def cache_list() -> None:
    """List what the cache keeps: name, content, size, last use.

    Example: `labkit data cache`
    """
    from labkit.data.kept_files import kept_files

    _show_kept(kept_files())


@cache_app.command("clear")
@plainly
def cache_clear(
    name: Annotated[str | None, typer.Argument(help="One of the names that the list shows. Default: all.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove files from the cache. labkit makes them again when it needs them. Exit code 1 if some stay, because in use.

    Examples: `labkit data cache clear frames`, `labkit data cache clear --yes`
    """
    from labkit.counting import counted
    from labkit.data.kept_files import chosen, clear, kept_files

    rows = chosen(kept_files(), name)
    _show_kept(rows)
    if rows and (yes or typer.confirm("Remove these?", err=True)):
        left = clear(rows)
        if left:
            say(f"labkit: {counted(len(left), 'file is', 'files are')} in use and stay; the first is {left[0]}")
            raise typer.Exit(1)


def _show_kept(rows: "Sequence[Named]") -> None:
    from datetime import datetime

    from labkit.cache import cache_folder
    from labkit.terminal import table

    lines = [
        (row.name, row.kept.what, f"{row.kept.size / 1e6:,.1f}", f"{datetime.fromtimestamp(row.kept.used):%Y-%m-%d}")
        for row in rows
    ]
    console().print(table(("name", "what", "MB", "last used"), lines, right=("MB",)))
    print(f"{sum(row.kept.size for row in rows) / 1e6:,.1f} MB in {cache_folder()}")


@data_app.command("flow")
@plainly
def data_flow(
    name: Annotated[str, typer.Argument(help=f"The kind of dataset: {NAMES}.")],
    root: Annotated[str | None, typer.Argument(help="The dataset's folder.")] = None,
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
