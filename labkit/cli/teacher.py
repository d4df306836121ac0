"""Commands for a teacher: notebooks to hand out, slides, and the marks of a class."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labkit.cli.app import console, plainly, say

if TYPE_CHECKING:
    from labkit.course.grading.classroom import Progress


@plainly
def build(
    out: Annotated[Path, typer.Argument(help="A new folder for the notebooks or slides.")],
    student: Annotated[bool, typer.Option("--student", help="Notebooks to hand out, without answers.")] = False,
    instructor: Annotated[bool, typer.Option("--instructor", help="Notebooks with answers and notes.")] = False,
    slides: Annotated[bool, typer.Option("--slides", help="Slides for a lecture, which need no network.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="The start of a notebook's name, `05`. Repeat for more.")
    ] = None,
) -> None:
    """Write notebooks to hand out to a class, the teacher's notebooks, or slides.

    The student's notebooks are an assignment for nbgrader: stubs stand in place of our answers, and locked cells give
    the points. The instructor's have the answers and a note behind each exercise. Slides show the results of the last
    `labkit course`. The last line printed is the folder's path.

    Examples:

    - `labkit course build --student class/release`
    - `labkit course build --instructor teacher --only 05`
    - `labkit course build --slides lecture --only 05`
    """
    chosen = [kind for kind, wanted in (("student", student), ("instructor", instructor), ("slides", slides)) if wanted]
    if len(chosen) != 1:
        raise ValueError("say what to build: one of --student, --instructor and --slides")
    if slides:
        from labkit.course.slides import write_lecture

        print(write_lecture(out, only or []))
    else:
        from labkit.course.handout import write_handout

        print(write_handout(chosen[0], out, only or []))


@plainly
def grade(
    folder: Annotated[Path, typer.Argument(help="The class: a folder for each student, or nbgrader's `submitted/`.")],
    release: Annotated[
        Path | None,
        typer.Option(help="The notebooks that were handed out. Default: `release/` in the folder, else the course."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder for marks and feedback. Default: `graded/`.")] = None,
    cell_limit: Annotated[float, typer.Option(min=1, help="Most seconds for one cell.")] = 120,
    time_limit: Annotated[float, typer.Option(min=0.1, help="Most minutes for one student's notebook.")] = 15,
) -> None:
    """Grade what a class handed in, and write marks and feedback.

    It runs the students' code on this machine, with nbgrader (`pip install "labkit-video[grading]"`), on short
    parameters. Deleted or doubled cells and lost metadata are put in order first. A notebook that cannot be graded is
    listed as not marked, not as 0, and the exit code is 1. Start it again after an interruption: it goes on. The last
    line printed is the path of the table.

    Examples:

    - `labkit course grade class`
    - `labkit course grade handed-in --release class/release --out marks`
    """
    from labkit.course.grading.classroom import grade_class
    from labkit.terminal import table

    marks = grade_class(
        folder, release=release, out=out, cell_limit=cell_limit, limit=time_limit * 60, on_mark=_say_progress
    )
    rows = [(one.student, one.notebook, f"{one.points:g}", f"{one.most:g}") for one in marks if one.points is not None]
    console().print(table(("student", "notebook", "points", "of"), rows, right=["points", "of"]))
    unmarked = [one for one in marks if one.points is None]
    for one in unmarked:
        say(f"not marked: {one.student} {one.notebook}: {'; '.join(one.notes)}")
    print((out or folder / "graded") / "marks.csv")
    if unmarked:
        raise typer.Exit(1)


def _say_progress(progress: "Progress") -> None:
    """One line for each notebook that is done."""
    mark = progress.mark
    got = "not marked" if mark.points is None else f"{mark.points:g} of {mark.most:g}"
    left = "" if not progress.left_s else f", about {max(1, round(progress.left_s / 60))} min left"
    say(f"{progress.done}/{progress.all} {mark.student} {mark.notebook}: {got}{left}")
    for note in mark.notes:
        say(f"    {note}")


COMMANDS = (build, grade)
