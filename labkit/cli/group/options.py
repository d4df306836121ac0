"""What all commands of `labkit group` share: the parent command, the options, the present state of the group."""

from typing import TYPE_CHECKING, Annotated

import typer

from labkit.cli.app import group, say

if TYPE_CHECKING:
    from labkit.survey.group.state import Group
    from labkit.survey.publication.problems import SummaryError

group_app = group(
    "group",
    "Read together: claim papers, read with a stopwatch, check papers off, see the group's progress.\n\n"
    "Each member has a log, `summaries/group/log/<reader>.jsonl`. Commit yours with your cards, and pull the others'. "
    "In your clone, say once who you are: `git config labkit.reader reader-a`.\n\n"
    "A session: `labkit group claim --random`, `labkit group start PAPER`, read, `labkit group stop`, "
    "`labkit card new PAPER --reader reader-a`, write, `labkit group done PAPER`.",
)

Reader = Annotated[
    str | None, typer.Option("--reader", help="Your reader id. Default: LABKIT_READER, then git config labkit.reader.")
]
Paper = Annotated[str, typer.Argument(help="The paper's id, as `labkit group list` shows it.")]
About = Annotated[str, typer.Option("--paper", help="The id of the paper that this is about.")]
Minutes = Annotated[
    float | None, typer.Option(help="The minutes that you read, as you remember them. They replace the stopwatch's.")
]
Forget = Annotated[bool, typer.Option("--forget", help="You forgot the stopwatch: count no time.")]


def the_group() -> "Group":
    """The present state of the group. Bad lines in the logs are named on stderr."""
    from labkit.survey.group.log import read_events
    from labkit.survey.group.state import fold

    def tell(error: "SummaryError") -> None:
        say(f"labkit: warning: {error}")

    return fold(read_events(on_error=tell))
