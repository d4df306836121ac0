"""Commands for a person who works through the course, and for the teacher: get, reset, new, progress."""

from pathlib import Path
from typing import Annotated

import typer

from labkit.cli.app import console, plainly, say


@plainly
def progress(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Progress files of learners, or folders with them. Default: your own file."),
    ] = None,
) -> None:
    """Show what was done in the course: exercises, quizzes and guesses, with tries and minutes.

    A learner's progress is one file on the learner's machine, and nothing is sent. Without FILES this shows your own, and the
    last line is its path: give the file to your teacher if you want to. With the files of a class it shows where many fail.
    Minutes are the times between two tries; a longer pause does not count.

    Examples: `labkit course progress`, `labkit course progress handed-in/`, `labkit course progress a.json b.json`
    """
    from labkit.course.progress import progress_file
    from labkit.course.tally import items, learners, read_files
    from labkit.terminal import table

    own = progress_file()
    if not files and not own.is_file():
        print(f"nothing done yet; your progress will be kept in {own}")
        return
    read, wrong = read_files(files or [own])
    screen = console()
    if files:
        rows = [
            (
                one.file,
                *(f"{one.done[kind]} of {one.tried[kind]}" for kind in ("exercise", "quiz")),
                f"{one.minutes:.0f}",
            )
            for one in learners(read)
        ]
        screen.print(table(("file", "exercises right", "questions right", "min"), rows, right=["min"]))
    rows = [
        (
            one.notebook,
            one.kind,
            one.name,
            f"{one.done} of {one.tried}",
            f"{one.tries:g}",
            f"{one.minutes:.1f}",
            one.remark,
        )
        for one in items(read)
    ]
    columns = ("notebook", "kind", "name", "done", "tries", "min", "remark")
    screen.print(table(columns, rows, right=["tries", "min"]))
    for line in wrong:
        say(f"left out: {line}")
    if not files:
        print(own)
    if wrong:
        raise typer.Exit(1)


@plainly
def new(
    name: Annotated[
        str, typer.Argument(help="The title, `My topic`, or a file's name with its number, `12_my_topic`.")
    ],
    card: Annotated[str, typer.Option(help="The id of the paper that it belongs to.")] = "hara-2018-retrace",
) -> None:
    """Start a notebook of your own in the course here, with all the parts that a notebook of the course has.

    It is listed in `notebooks/course.toml` and has a quiz in `notebooks/quiz/`. It runs as it is: replace its words, a cell at
    a time. The line printed is its path. `labkit course get DIR` makes a course to work in.

    Examples: `labkit course new "Camera motion"`, `labkit course new 12_camera_motion`
    """
    from labkit.course.start import start_notebook
    from labkit.runs.project import project_folder

    print(start_notebook(project_folder(), name, card=card))


@plainly
def get(
    folder: Annotated[Path, typer.Argument(help="A new folder to work in.")],
    student: Annotated[
        bool, typer.Option("--student/--instructor", help="Without our answers, or with answers and notes.")
    ] = True,
) -> None:
    """Get the notebooks of the course to work in. A folder that holds something already is refused.

    The folder holds `notebooks/`, with the plan, the quizzes, and the files that the notebooks link to. Go there and type
    `labkit lab`. The exercises answer, and your progress is kept on this machine. The line printed is the folder's path.

    Examples: `labkit course get my-course`, `labkit course get teaching --instructor`
    """
    from labkit.course.copies import get_course

    print(get_course(folder, "student" if student else "instructor"))
    say(f"go there and open the notebooks: cd {folder} && labkit lab")


@plainly
def reset(
    notebook: Annotated[str, typer.Argument(help="The notebook: a path, or the start of its name, `05`.")],
) -> None:
    """Bring back a fresh copy of a notebook. The old one stays, in the folder `kept` beside it.

    In JupyterLab choose File, Reload Notebook from Disk. The line printed is the path of the fresh copy.

    Example: `labkit course reset 05`
    """
    from labkit.course.copies import reset_notebook

    path, kept = reset_notebook(notebook)
    if kept:
        say(f"the old one is {kept}")
    print(path)


COMMANDS = (get, reset, new, progress)
