"""The command `labkit`: it parses and calls, and turns errors into one line.

Nothing heavy is imported until a command needs it, so that `labkit --help` answers at once. A command is a plain
function in the module of its subject; the table below is their order in the help.
"""

from labkit.cli import (
    cards,
    course,
    data,
    decks,
    export,
    learner,
    models,
    papers,
    predict,
    run,
    runs,
    sweep,
    teacher,
    train,
)
from labkit.cli.app import app
from labkit.cli.group import group_app

COMMANDS = (
    course.doctor,
    course.lab,
    run.run,
    sweep.sweep,
    course.findings,
    models.models,
    models.model,
    data.video,
    train.train,
    train.evaluate,
    predict.predict,
    export.export,
)
for _command in COMMANDS:
    app.command()(_command)
for _command in (*learner.COMMANDS, *teacher.COMMANDS):
    course.course_app.command()(_command)
for _group in (
    course.course_app,
    runs.runs_app,
    data.data_app,
    cards.card_app,
    decks.deck_app,
    papers.papers_app,
    group_app,
):
    app.add_typer(_group)


def main() -> None:
    """Run the command line."""
    app()
