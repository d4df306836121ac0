"""Commands for the meetings of a group: ideas, goals, the ranking, praise, care; and a made-up group to try them on."""

from pathlib import Path
from typing import Annotated

import typer

from labkit.cli.app import console, plainly, say
from labkit.cli.group.options import About, Reader, group_app, the_group


@group_app.command("idea")
@plainly
def group_idea(
    text: Annotated[str | None, typer.Argument(help="The new idea. Without it, all ideas are listed.")] = None,
    paper: About = "",
    keep: Annotated[str, typer.Option(help="Keep the idea with this id. Its first letters are enough.")] = "",
    reject: Annotated[str, typer.Option(help="Reject the idea with this id. It stays on the list.")] = "",
    because: Annotated[str, typer.Option(help="The reason for keeping or rejecting it.")] = "",
    reader: Reader = None,
) -> None:
    """Write an idea down, keep or reject an idea with a reason, or list all ideas.

    Examples: `labkit group idea "Train on half the frames" --paper hara-2018-retrace`,
    `labkit group idea --reject 3f2a --because "the clips are too short"`, `labkit group idea`
    """
    from labkit.cli.group import messages
    from labkit.survey.group.settings import group_zone, who_am_i
    from labkit.survey.group.speaking import judge_idea, note_idea
    from labkit.terminal import table

    if sum((text is not None, bool(keep), bool(reject))) > 1:
        raise ValueError("give only one of a new idea, --keep and --reject")
    if keep or reject:
        judged = judge_idea(keep or reject, keep=bool(keep), reason=because, reader=who_am_i(reader))
        print(f"{judged.id} {'kept' if keep else 'rejected'}: {messages.clean(judged.text)}")
    elif text is not None:
        print(f"{note_idea(text, paper=paper, reader=who_am_i(reader)).id} noted")
    elif ideas := the_group().ideas:
        columns = ("id", "", "idea", "paper", "from", "why")
        console().print(table(columns, [messages.idea(one, group_zone()) for one in ideas]))
    else:
        print('no ideas yet; `labkit group idea "..."` writes one down')


@group_app.command("ranking")
@plainly
def group_ranking(
    month: Annotated[str | None, typer.Option(help="The month, 2018-03. Default: this month.")] = None,
    week: Annotated[str | None, typer.Option(help="The week from Monday to Sunday, 2018-W10.")] = None,
    this_week: Annotated[bool, typer.Option("--this-week", help="The present week.")] = False,
    zone: Annotated[
        str | None, typer.Option(help="The time zone in which days begin and end. Default: the group's.")
    ] = None,
) -> None:
    """Rank readers by cards, and institutions by cards per member, in a month or a week. Shows the praise of that time too.

    Examples: `labkit group ranking`, `labkit group ranking --month 2018-03 --zone Asia/Tokyo`, `labkit group ranking --this-week`
    """
    from labkit.cli.group import messages
    from labkit.survey.group import ranking as made
    from labkit.survey.group.settings import group_zone, local_now
    from labkit.terminal import table

    if sum((month is not None, week is not None, this_week)) > 1:
        raise ValueError("give only one of --month, --week and --this-week")
    clock = group_zone(zone)
    if month or week:
        period = made.month(month, clock) if month else made.week(week or "", clock)
    else:
        period = (made.week_of if this_week else made.month_of)(local_now(), clock)
    state = the_group()
    ranked = made.ranking(state, period)
    print(f"{period.name}: {period.first} to {period.last}, by the clock of {clock.key}\n")
    if not ranked.people:
        print("no cards were done in that time")
    for columns, rows, right in messages.ranking(ranked):
        if rows:
            console().print(table(columns, rows, right=right))
            print()
    for one in state.praise:
        if one.at in period:
            print(messages.praise(one, clock))


@group_app.command("goal")
@plainly
def group_goal(
    skims: Annotated[int | None, typer.Option(help="The number of papers to skim in a month.")] = None,
    close: Annotated[int | None, typer.Option(help="The number of papers to read closely in a month.")] = None,
    month: Annotated[str | None, typer.Option(help="The month, 2018-03. Default: this month.")] = None,
    reader: Reader = None,
) -> None:
    """Set your goal for a month and the months after it, or show your progress. Two zeros remove the goal.

    The tutorial's goal is 50 skims and 10 close readings. A paper counts when its card is done. It counts as a close
    reading if the card or the stopwatch says so. `labkit group list` and `labkit group done` show your progress too.

    Examples: `labkit group goal --skims 50 --close 10`, `labkit group goal`, `labkit group goal --month 2018-03`
    """
    from labkit.cli.group import messages
    from labkit.survey.group import goals
    from labkit.survey.group import ranking as made
    from labkit.survey.group.settings import group_zone, local_now, who_am_i

    me, clock = who_am_i(reader), group_zone()
    if skims is not None or close is not None:
        before = goals.goal_of(the_group(), me, month or made.month_of(local_now(), clock).name)
        kept = before or goals.Goal(0, 0)
        wanted = (kept.skims if skims is None else skims, kept.close if close is None else close)
        goals.set_goal(*wanted, reader=me, month_name=month)
    period = made.month(month, clock) if month else made.month_of(local_now(), clock)
    own = goals.progress(the_group(), me, period)
    if own is None:
        print("no goal yet; `labkit group goal --skims 50 --close 10` sets the tutorial's goal")
    else:
        print(f"{messages.goal(own, local_now())}, by the clock of {clock.key}")


@group_app.command("praise")
@plainly
def group_praise(
    to: Annotated[
        str | None, typer.Argument(help="The reader who did well. Without one, all praise is listed.")
    ] = None,
    text: Annotated[str, typer.Argument(help="What they did well.")] = "",
    paper: About = "",
    reader: Reader = None,
) -> None:
    """Praise somebody for what they did well. Everybody sees it, here and below the ranking.

    Examples: `labkit group praise reader-b "The table of splits saved me an hour" --paper hara-2018-retrace`, `labkit group praise`
    """
    from labkit.cli.group import messages
    from labkit.survey.group import speaking
    from labkit.survey.group.settings import group_zone, who_am_i

    if to is not None:
        speaking.praise(to, text, paper=paper, reader=who_am_i(reader))
    said = the_group().praise
    for one in said[-1:] if to is not None else said:
        print(messages.praise(one, group_zone()))
    if not said:
        print('no praise yet; `labkit group praise READER "..."` writes the first')


@group_app.command("care")
@plainly
def group_care(reader: Reader = None) -> None:
    """Show the readers who have become quieter than they used to be, so that you can ask how they are.

    Each reader is compared only with themselves. Only you see this: nothing is written or sent.

    Example: `labkit group care`
    """
    from labkit.survey.group.care import care_notes, kind_words
    from labkit.survey.group.settings import local_now, who_am_i

    me = who_am_i(reader)
    notes = care_notes(the_group(), local_now())
    for note in sorted(notes, key=lambda note: note.person != me):
        print(kind_words(note, me))
    if not notes:
        print("nobody is quieter than usual")


@group_app.command("demo")
@plainly
def group_demo(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    seed: Annotated[int, typer.Option(help="The seed of every random choice.")] = 0,
    readers: Annotated[int, typer.Option(min=2, max=26, help="The number of readers: reader-a, reader-b, …")] = 6,
    until: Annotated[str | None, typer.Option(help="The last day, 2018-03-31. Default: today.")] = None,
    zone: Annotated[str, typer.Option(help="The group's time zone.")] = "Asia/Tokyo",
) -> None:
    """Make a made-up group to try the commands on: readers who read the library's papers for ten weeks.

    Example: `labkit group demo /tmp/season`, then `LABKIT_SUMMARIES=/tmp/season labkit group list`
    """
    from datetime import date

    from labkit.survey.group.demo import make_demo

    try:
        last = date.fromisoformat(until) if until else None
    except ValueError:
        raise ValueError(f"--until {until} is not a day; write it as 2018-03-31") from None
    made = make_demo(folder, seed=seed, readers=readers, until=last, zone=zone)
    print(made)
    say(f"try: LABKIT_SUMMARIES={made} labkit group list")
