"""Commands for one reader in a group: claim a paper, read it with the stopwatch, check it off with a card."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labkit.cli.app import console, plainly, say
from labkit.cli.group.options import Forget, Minutes, Paper, Reader, group_app, the_group

if TYPE_CHECKING:
    from labkit.survey.group.claiming import Claimed
    from labkit.survey.group.state import Group


@group_app.command("init")
@plainly
def group_init(
    zone: Annotated[
        str, typer.Option(help="The group's time zone: Asia/Tokyo, Europe/Berlin. A day ends at its midnight.")
    ],
    name: Annotated[str, typer.Option(help="The group's name.")] = "",
) -> None:
    """Start a group: write `summaries/group/group.yaml` and print its path. Without this file, days are counted in UTC.

    Example: `labkit group init --zone Asia/Tokyo`
    """
    from labkit.survey.group.settings import new_group

    print(new_group(zone, name=name))


@group_app.command("join")
@plainly
def group_join(
    institution: Annotated[
        str, typer.Argument(help="Your institution. The ranking counts your cards for it, and you as a member.")
    ],
    reader: Reader = None,
) -> None:
    """Name your institution, for the ranking by cards per member.

    Example: `labkit group join "Group A" --reader reader-a`
    """
    from labkit.survey.group.settings import who_am_i
    from labkit.survey.group.speaking import join

    me = who_am_i(reader)
    join(institution, reader=me)
    print(f"{me} is a member of {institution}")


@group_app.command("leave")
@plainly
def group_leave(reader: Reader = None) -> None:
    """Leave your institution. From the next month or week on, you do not count as a member. Your cards stay.

    Example: `labkit group leave`
    """
    from labkit.survey.group.settings import who_am_i
    from labkit.survey.group.speaking import leave

    me = who_am_i(reader)
    print(f"{me} has left {leave(reader=me)}; thank you for reading with us")


@group_app.command("list")
@plainly
def group_list(
    everything: Annotated[bool, typer.Option("--all", help="List every paper, with done and free ones.")] = False,
    mine: Annotated[bool, typer.Option("--mine", help="List only papers that you hold or have done.")] = False,
    reader: Reader = None,
) -> None:
    """List the papers: how many are done and free, who holds which since when. Shows the progress of your goal too.

    Examples: `labkit group list`, `labkit group list --all`, `labkit group list --mine`
    """
    from labkit.cli.group import messages
    from labkit.survey.group.overview import overview, titles
    from labkit.survey.group.settings import local_now, who_am_i
    from labkit.terminal import table

    now, state = local_now(), the_group()
    listed = overview(state, titles())
    rows = listed.of(who_am_i(reader)) if mine else listed.rows
    shown = rows if everything or mine else messages.first_rows(rows)
    print(messages.totals(listed))
    _tell_goal(state, reader)
    columns = ("", "paper", "title", "who")
    console().print(table(columns, [messages.row(one, now) for one in shown]))
    if len(shown) < len(rows):
        print(f"… and {len(rows) - len(shown)} more: `labkit group list --all`")


@group_app.command("claim")
@plainly
def group_claim(
    paper: Annotated[str | None, typer.Argument(help="The paper's id. Leave it out with --random.")] = None,
    random: Annotated[
        bool, typer.Option("--random", help="Pick a paper that nobody holds and nobody has done.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="With --random: the same seed picks the same paper.")] = None,
    reader: Reader = None,
) -> None:
    """Claim a paper. Others may hold it too. Names the readers who hold it or have done a card of it.

    Examples: `labkit group claim hara-2018-retrace`, `labkit group claim --random`
    """
    from labkit.survey.group.claiming import claim, known_papers, pick
    from labkit.survey.group.settings import who_am_i

    me = who_am_i(reader)
    if (paper is None) != random:
        raise ValueError("give either a paper or --random; `labkit group list` shows the free papers")
    if paper is None:
        paper = pick(the_group(), known_papers(), seed=seed)
    taken = claim(paper, reader=me)
    _tell_claim(taken)


@group_app.command("release")
@plainly
def group_release(paper: Paper, reader: Reader = None) -> None:
    """Give a paper back, so that somebody else can claim it.

    Example: `labkit group release hara-2018-retrace`
    """
    from labkit.survey.group.claiming import release
    from labkit.survey.group.settings import who_am_i

    release(paper, reader=who_am_i(reader))
    print(f"{paper} is free again")


@group_app.command("start")
@plainly
def group_start(
    paper: Paper,
    mode: Annotated[
        str | None,
        typer.Option(help="How you read: skim (15-30 minutes) or close (an hour or more). Default: as last time."),
    ] = None,
    reader: Reader = None,
) -> None:
    """Start the stopwatch, and show what to look at first. If you do not hold the paper, this claims it.

    Examples: `labkit group start hara-2018-retrace`, `labkit group start hara-2018-retrace --mode close`
    """
    from labkit.survey.group.settings import local_now, who_am_i
    from labkit.survey.group.timer import LOOK_HERE_FIRST, band_of, start

    asked: Any = mode
    taken = start(paper, reader=who_am_i(reader), mode=asked, now=local_now())
    _tell_claim(taken)
    reading = taken.reading
    print(f"\nThe stopwatch runs. Meant as: {reading.mode}, {band_of(reading.mode)}.")
    print("Look here first:")
    for number, line in enumerate(LOOK_HERE_FIRST[reading.mode], start=1):
        print(f"  {number}. {line}")


@group_app.command("stop")
@plainly
def group_stop(minutes: Minutes = None, forget: Forget = False, reader: Reader = None) -> None:
    """Stop the stopwatch. Says how long you read, and whether that was a skim or a close reading.

    Examples: `labkit group stop`, `labkit group stop --minutes 25` (if it ran on through lunch)
    """
    from labkit.cli.group.messages import stopped
    from labkit.survey.group.settings import who_am_i
    from labkit.survey.group.timer import stop

    print(stopped(stop(reader=who_am_i(reader), minutes=minutes, forget=forget)))


@group_app.command("timer")
@plainly
def group_timer(
    watch: Annotated[bool, typer.Option("--watch", help="Keep showing it until Ctrl-C.")] = False,
    reader: Reader = None,
) -> None:
    """Show the time on your stopwatch.

    Examples: `labkit group timer`, `labkit group timer --watch`
    """
    from labkit.cli.group.messages import running
    from labkit.survey.group.settings import local_now, who_am_i

    me = who_am_i(reader)
    own = the_group().running(me)
    if own is None:
        print("your stopwatch does not run; `labkit group start PAPER` starts it")
    elif watch and sys.stdout.isatty():
        _watch(lambda: running(own, local_now()))
    else:
        print(running(own, local_now()))


@group_app.command("done")
@plainly
def group_done(
    paper: Paper,
    language: Annotated[str | None, typer.Option(help="The language of the card, if you have several.")] = None,
    minutes: Minutes = None,
    forget: Forget = False,
    reader: Reader = None,
) -> None:
    """Check a paper off. Your card must be without errors; it gets the status done. A running stopwatch stops.

    Example: `labkit group done hara-2018-retrace`
    """
    from labkit.cli.group.messages import stopped
    from labkit.survey.group.finishing import done
    from labkit.survey.group.settings import who_am_i

    me = who_am_i(reader)
    finished = done(paper, reader=me, language=language, minutes=minutes, forget=forget)
    if finished.stopped:
        print(stopped(finished.stopped))
    for problem in finished.problems:
        say(str(problem))
    print(f"{paper} is {'still ' if finished.again else ''}done. Commit your card and your log together:")
    print(finished.card)
    _tell_goal(the_group(), me)


def _tell_goal(state: "Group", reader: str | None) -> None:
    """Print the progress of the reader's goal, if the reader is known and has a goal."""
    from labkit.cli.group.messages import goal
    from labkit.survey.group.goals import progress
    from labkit.survey.group.ranking import month_of
    from labkit.survey.group.settings import group_zone, local_now, who_am_i

    try:
        me = who_am_i(reader)
    except ValueError:
        return
    own = progress(state, me, month_of(local_now(), group_zone()))
    if own:
        print(f"{me}, {goal(own, local_now())}")


def _tell_claim(taken: "Claimed") -> None:
    from labkit.cli.group.messages import claim
    from labkit.survey.group.settings import group_zone

    print("\n".join(claim(taken, group_zone())))


def _watch(line: Any) -> None:
    """Show a line anew every second until Ctrl-C. The stopwatch runs on."""
    import time

    from rich.live import Live

    with Live(line(), console=console(), auto_refresh=False) as live:
        try:
            while True:
                time.sleep(1)
                live.update(line(), refresh=True)
        except KeyboardInterrupt:
            pass
    print("the stopwatch runs on; `labkit group stop` stops it")
