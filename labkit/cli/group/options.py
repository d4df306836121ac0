"""What all commands of `labkit group` share: the group they belong to, their options, the group as it stands."""

from typing import TYPE_CHECKING, Annotated

import typer

from labkit.cli.app import group, say

if TYPE_CHECKING:
    from labkit.survey.group.state import Group
    from labkit.survey.publication.problems import SummaryError

group_app = group(
    "group",
    "Read together: claim papers, read with a stopwatch, check them off, see how it goes.\n\n"
    "Each member writes one file, `summaries/group/log/<reader>.jsonl`; commit it with your cards, and pull others'. "
    "Say once who you are, in the clone you stand in: `git config labkit.reader reader-a`.\n\n"
    "A session: `labkit group claim --random`, `labkit group start PAPER`, read, `labkit group stop`, "
    "`labkit card new PAPER --reader reader-a`, write, `labkit group done PAPER`.",
)

Reader = Annotated[str | None, typer.Option("--reader", help="Who you are. Default: LABKIT_READER, git config.")]
Paper = Annotated[str, typer.Argument(help="The paper's id, as `labkit group list` shows it.")]
About = Annotated[str, typer.Option("--paper", help="The paper it is about.")]
Minutes = Annotated[float | None, typer.Option(help="How long you remember reading, in place of the stopwatch.")]
Forget = Annotated[bool, typer.Option("--forget", help="The stopwatch was forgotten: count nothing.")]


def the_group() -> "Group":
    """The group as it is; lines of logs that cannot be used are named on stderr."""
    from labkit.survey.group.log import read_events
    from labkit.survey.group.state import fold

    def tell(error: "SummaryError") -> None:
        say(f"labkit: warning: {error}")

    return fold(read_events(on_error=tell))
