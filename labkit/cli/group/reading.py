"""Commands of a reader in the group: take a paper, read it with the stopwatch, check it off with a card; `meeting` has the others'."""

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
    zone: Annotated[str, typer.Option(help="Whose midnight ends the group's day: Asia/Tokyo, Europe/Berlin.")],
    name: Annotated[str, typer.Option(help="What the group is called.")] = "",
) -> None:
    """Begin a group: write `summaries/group/group.yaml` and print its path. Without it days are counted in UTC.

    Example: `labkit group init --zone Asia/Tokyo`
    """
    from labkit.survey.group.settings import new_group

    print(new_group(zone, name=name))


@group_app.command("join")
@plainly
def group_join(
    institution: Annotated[str, typer.Argument(help="Where you are from: it gets your cards, and one head more.")],
    reader: Reader = None,
) -> None:
    """Say of which institution you are, for the ranking per head.

    Example: `labkit group join "Group A" --reader reader-a`
    """
    from labkit.survey.group.settings import who_am_i
    from labkit.survey.group.speaking import join

    me = who_am_i(reader)
    join(institution, reader=me)
    print(f"{me} is of {institution}")


@group_app.command("leave")
@plainly
def group_leave(reader: Reader = None) -> None:
    """Leave your institution: from the next period on you are none of its heads. Your cards stay.

    Example: `labkit group leave`
    """
    from labkit.survey.group.settings import who_am_i
    from labkit.survey.group.speaking import leave

    me = who_am_i(reader)
    print(f"{me} has left {leave(reader=me)}; thank you for reading with us")


@group_app.command("list")
@plainly
def group_list(
    everything: Annotated[bool, typer.Option("--all", help="Every paper, those that are done and left too.")] = False,
    mine: Annotated[bool, typer.Option("--mine", help="Only what you hold or have done.")] = False,
    reader: Reader = None,
) -> None:
    """Show how many papers there are, are done and are left, who holds which since when, and how far your goal is.

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
    paper: Annotated[str | None, typer.Argument(help="The paper's id. Not needed with --random.")] = None,
    random: Annotated[bool, typer.Option("--random", help="Any that nobody holds and nobody has done.")] = False,
    seed: Annotated[int | None, typer.Option(help="With --random: the same seed, the same paper.")] = None,
    reader: Reader = None,
) -> None:
    """Take a paper. Others may hold it too; you are told who, and whose cards of it are done.

    Examples: `labkit group claim hara-2018-retrace`, `labkit group claim --random`
    """
    from labkit.survey.group.claiming import claim, known_papers, pick
    from labkit.survey.group.settings import who_am_i

    me = who_am_i(reader)
    if (paper is None) != random:
        raise ValueError("name a paper, or say --random; `labkit group list` shows what is left")
    if paper is None:
        paper = pick(the_group(), known_papers(), seed=seed)
    taken = claim(paper, reader=me)
    _tell_claim(taken)


@group_app.command("release")
@plainly
def group_release(paper: Paper, reader: Reader = None) -> None:
    """Give a paper back, so that somebody else takes it.

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
    mode: Annotated[str | None, typer.Option(help="skim (15-30 minutes) or close (an hour or more).")] = None,
    reader: Reader = None,
) -> None:
    """Start the stopwatch, and show where to look first. Claims the paper if you do not hold it.

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
    """Stop the stopwatch, and say whether that was a skim or a close reading.

    Examples: `labkit group stop`, `labkit group stop --minutes 25` (when it ran on through lunch)
    """
    from labkit.cli.group.messages import stopped
    from labkit.survey.group.settings import who_am_i
    from labkit.survey.group.timer import stop

    print(stopped(stop(reader=who_am_i(reader), minutes=minutes, forget=forget)))


@group_app.command("timer")
@plainly
def group_timer(
    watch: Annotated[bool, typer.Option("--watch", help="Keep it on the screen until Ctrl-C.")] = False,
    reader: Reader = None,
) -> None:
    """Show how long your stopwatch has run.

    Examples: `labkit group timer`, `labkit group timer --watch`
    """
    from labkit.cli.group.messages import running
    from labkit.survey.group.settings import local_now, who_am_i

    me = who_am_i(reader)
    own = the_group().running(me)
    if own is None:
        print("no stopwatch of yours runs; `labkit group start PAPER` starts one")
    elif watch and sys.stdout.isatty():
        _watch(lambda: running(own, local_now()))
    else:
        print(running(own, local_now()))


@group_app.command("done")
@plainly
def group_done(
    paper: Paper,
    language: Annotated[str | None, typer.Option(help="Which of your cards, where you have several.")] = None,
    minutes: Minutes = None,
    forget: Forget = False,
    reader: Reader = None,
) -> None:
    """Check a paper off. Your card of it must exist and check; it gets the status done. A running stopwatch stops.

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
    """The asking reader's goal, where they are known and have one."""
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
    """Show a line anew every second until Ctrl-C, which only ends the showing."""
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
