"""A member of the group claims, reads with the stopwatch, finishes with a card, has ideas and praises; mistakes are told."""

import datetime as dt
import json
import threading

import pytest
from season import QUO_VADIS, RETRACE, TOKYO, TSN, TSN_2018, at, write_card

from labkit.cli.group.messages import goal as goal_words
from labkit.survey.card.file import read_card
from labkit.survey.card.new import new_card
from labkit.survey.group.claiming import claim, known_papers, pick, release
from labkit.survey.group.events import make_event, parse_event
from labkit.survey.group.finishing import done
from labkit.survey.group.goals import Progress, progress, set_goal
from labkit.survey.group.log import log_path, own_log, read_events
from labkit.survey.group.overview import overview, titles
from labkit.survey.group.ranking import month
from labkit.survey.group.settings import local_now, new_group, read_settings, who_am_i
from labkit.survey.group.speaking import judge_idea, note_idea, praise
from labkit.survey.group.state import Goal, read_group
from labkit.survey.group.timer import ForgottenTimer, band, start, stop
from labkit.survey.publication.problems import Problem, SummaryError

pytestmark = pytest.mark.usefixtures("library")


def lines(reader: str) -> list[dict]:
    return [json.loads(line) for line in log_path(reader).read_text(encoding="utf-8").splitlines()]


# Claims


def test_a_claim_is_one_line_with_a_time_that_knows_its_zone():
    claim(RETRACE, reader="reader-a", now=at())
    assert lines("reader-a") == [{"at": "2018-03-05T09:00:00.000+09:00", "kind": "claim", "paper": RETRACE}]
    assert read_group().holders(RETRACE)[0].since == at()


def test_two_may_hold_one_paper_and_each_is_told_of_the_other():
    assert claim(RETRACE, reader="reader-a", now=at()).others == ()
    second = claim(RETRACE, reader="reader-b", now=at(1))
    assert [(one.person, one.since) for one in second.others] == [("reader-a", at())]
    assert [one.person for one in read_group().holders(RETRACE)] == ["reader-a", "reader-b"]


def test_claiming_what_one_holds_writes_nothing_and_keeps_the_first_time():
    claim(RETRACE, reader="reader-a", now=at())
    again = claim(RETRACE, reader="reader-a", now=at(60))
    assert not again.new
    assert again.reading.since == at()
    assert len(lines("reader-a")) == 1


def test_an_unknown_paper_is_answered_with_the_nearest():
    with pytest.raises(LookupError, match="did you mean 'hara-2018-retrace'"):
        claim("hara-2018-retrase", reader="reader-a", now=at())
    assert not log_path("reader-a").exists()


def test_a_paper_of_a_queue_can_be_claimed_before_the_library_has_it(library):
    (library / "queue").mkdir()
    (library / "queue" / "cvpr-2018.csv").write_text("id,title\nnew-2018-one,A new one\n", encoding="utf-8")
    assert "new-2018-one" in known_papers()
    assert claim("new-2018-one", reader="reader-a", now=at()).new
    with pytest.raises(FileNotFoundError, match=r"queued, but the library has no folder.*paper\.yaml"):
        done("new-2018-one", reader="reader-a", now=at())


def test_notes_that_are_no_paper_cannot_be_claimed(library):
    (library / "datasets").mkdir()
    text = "id: datasets\nkind: notes\ntitles: {en: Numbers of datasets}\n"
    (library / "datasets" / "paper.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(LookupError, match="notes"):
        claim("datasets", reader="reader-a", now=at())
    assert {pick(read_group(), ["datasets", TSN], seed=seed) for seed in range(8)} == {TSN}


def test_a_released_paper_is_free_and_releasing_it_again_says_what_one_holds():
    claim(RETRACE, reader="reader-a", now=at())
    claim(TSN, reader="reader-a", now=at(1))
    release(RETRACE, reader="reader-a", now=at(2))
    assert read_group().holders(RETRACE) == ()
    with pytest.raises(ValueError, match=f"you do not hold {RETRACE}; you hold {TSN}"):
        release(RETRACE, reader="reader-a", now=at(3))


def test_a_paper_that_is_being_read_is_not_released_by_the_way():
    start(RETRACE, reader="reader-a", now=at())
    with pytest.raises(ValueError, match="labkit group stop"):
        release(RETRACE, reader="reader-a", now=at(1))


def test_the_undecided_get_a_paper_that_nobody_has_touched():
    claim(RETRACE, reader="reader-a", now=at())
    start(QUO_VADIS, reader="reader-b", now=at())
    write_card(TSN, "reader-c")
    done(TSN, reader="reader-c", now=at())
    assert {pick(read_group(), known_papers(), seed=seed) for seed in range(20)} == {TSN_2018}
    claim(TSN_2018, reader="reader-a", now=at(1))
    with pytest.raises(LookupError, match="every paper is held or done"):
        pick(read_group(), known_papers())


def test_a_seed_picks_the_same_paper_and_seeds_differ():
    picked = [pick(read_group(), known_papers(), seed=seed) for seed in range(20)]
    assert picked == [pick(read_group(), reversed(known_papers()), seed=seed) for seed in range(20)]
    assert len(set(picked)) > 1


# The stopwatch


def test_starting_claims_and_stopping_adds_up():
    assert start(RETRACE, reader="reader-a", now=at()).new
    first = stop(reader="reader-a", now=at(12))
    assert (first.minutes, first.total) == (12.0, 12.0)
    assert not start(RETRACE, reader="reader-a", now=at(100)).new
    second = stop(reader="reader-a", now=at(110.5))
    assert (second.minutes, second.total, second.verdict) == (10.5, 22.5, "within a skim (15-30 minutes)")
    assert read_group().reading(RETRACE, "reader-a").minutes == 22.5


@pytest.mark.parametrize(
    ("minutes", "mode", "said"),
    [
        (14.9, "skim", "short of a skim"),
        (15, "skim", "within a skim"),
        (30, "skim", "within a skim"),
        (30.1, "skim", "past a skim: between"),
        (59.9, "close", "on the way: between"),
        (60, "close", "a close reading (60 minutes or more)"),
        (60, "skim", "meant as a skim, and became more"),
        (20, "close", "within a skim (15-30 minutes); a close reading takes 60 or more"),
    ],
)
def test_the_bands_are_a_skim_of_15_to_30_minutes_and_a_close_reading_of_an_hour(minutes, mode, said):
    assert said in band(minutes, mode)


def test_the_mode_of_last_time_is_the_default():
    start(RETRACE, reader="reader-a", mode="close", now=at())
    stop(reader="reader-a", now=at(20))
    assert start(RETRACE, reader="reader-a", now=at(30)).reading.mode == "close"
    with pytest.raises(ValueError, match="neither skim nor close"):
        start(TSN, reader="reader-b", mode="deep", now=at())


def test_two_starts_are_refused_and_the_first_goes_on():
    start(RETRACE, reader="reader-a", now=at())
    with pytest.raises(ValueError, match=f"has run for {RETRACE} for 7 minutes; stop it first"):
        start(TSN, reader="reader-a", now=at(7))
    with pytest.raises(ValueError, match="it goes on"):
        start(RETRACE, reader="reader-a", now=at(8))
    assert stop(reader="reader-a", now=at(20)).minutes == 20.0


def test_stopping_without_a_start_says_how_to_start():
    claim(TSN, reader="reader-a", now=at())
    with pytest.raises(ValueError, match=rf"labkit group start PAPER` \(you hold {TSN}\)"):
        stop(reader="reader-a", now=at())


def test_a_forgotten_stopwatch_needs_what_its_reader_remembers():
    start(RETRACE, reader="reader-a", now=at())
    with pytest.raises(ForgottenTimer, match="that is too long for one reading"):
        stop(reader="reader-a", now=at(600))
    with pytest.raises(ForgottenTimer, match="it seems forgotten"):
        start(TSN, reader="reader-a", now=at(600))
    assert stop(reader="reader-a", minutes=25, now=at(601)).total == 25.0


def test_a_forgotten_stopwatch_can_be_forgotten_for_good():
    start(RETRACE, reader="reader-a", now=at())
    assert stop(reader="reader-a", forget=True, now=at(600)).total == 0.0
    with pytest.raises(ValueError, match="your stopwatch is not running"):
        stop(reader="reader-a", now=at(601))


@pytest.mark.parametrize("minutes", [-1, 1441, float("nan"), float("inf")])
def test_minutes_that_cannot_be_are_refused(minutes):
    start(RETRACE, reader="reader-a", now=at())
    with pytest.raises(ValueError, match="not a time for one reading"):
        stop(reader="reader-a", minutes=minutes, now=at(5))


# Done


def test_a_paper_is_checked_off_only_with_a_card_that_has_words():
    claim(RETRACE, reader="reader-a", now=at())
    with pytest.raises(FileNotFoundError, match=f"labkit card new {RETRACE} --reader reader-a"):
        done(RETRACE, reader="reader-a", now=at(1))
    empty = new_card(RETRACE, format="ochiai", language="en", reader="reader-a")
    before = empty.read_bytes()
    with pytest.raises(SummaryError, match="no words below its headings"):
        done(RETRACE, reader="reader-a", now=at(2))
    assert empty.read_bytes() == before
    assert read_group().finished(RETRACE) == ()
    empty.unlink()
    write_card(RETRACE, "reader-a")
    done(RETRACE, reader="reader-a", now=at(3))
    assert read_group().finished(RETRACE)[0].done == at(3)
    assert read_group().holders(RETRACE) == ()


def test_done_stops_the_stopwatch_and_writes_status_and_minutes_into_the_card_alone():
    path = write_card(RETRACE, "reader-a")
    before = path.read_text(encoding="utf-8")
    start(RETRACE, reader="reader-a", now=at())
    finished = done(RETRACE, reader="reader-a", now=at(22))
    assert finished.stopped is not None
    assert finished.stopped.minutes == 22.0
    about = read_card(path).about
    assert (about.status, about.minutes.spent, about.minutes.budget) == ("done", 22, 30)
    after = path.read_text(encoding="utf-8")
    changed = [pair for pair in zip(before.splitlines(), after.splitlines(), strict=True) if pair[0] != pair[1]]
    assert [old.split(":")[0] for old, _ in changed] == ["minutes", "status"]
    assert read_group().running("reader-a") is None


def test_a_card_that_cannot_be_read_is_named_with_its_line():
    path = write_card(RETRACE, "reader-a")
    path.write_text(path.read_text(encoding="utf-8").replace("mode: skim", "mode: skimm"), encoding="utf-8")
    with pytest.raises(SummaryError, match=r"en-reader-a\.md, line \d+: mode"):
        done(RETRACE, reader="reader-a", now=at())


def test_somebody_elses_card_under_ones_own_name_does_not_count():
    path = write_card(RETRACE, "reader-a")
    path.write_text(path.read_text(encoding="utf-8").replace("reader: reader-a", "reader: reader-b"), encoding="utf-8")
    with pytest.raises(SummaryError, match="reader is 'reader-b', not 'reader-a'"):
        done(RETRACE, reader="reader-a", now=at())


def test_a_card_with_a_dead_link_is_not_done_and_nothing_is_written():
    path = write_card(RETRACE, "reader-a")
    text = path.read_text(encoding="utf-8").replace(
        "next: []", "next: [{text: Quo Vadis, paper: carreira-2017-quo-vadiz}]"
    )
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SummaryError, match=r"(?s)not done yet:.*line \d+: .*did you mean carreira-2017-quo-vadis"):
        done(RETRACE, reader="reader-a", now=at())
    assert path.read_text(encoding="utf-8") == text
    assert not log_path("reader-a").exists()


def test_what_the_check_only_warns_of_is_told_and_the_card_is_done():
    path = write_card(RETRACE, "reader-a")
    warning = Problem(path, 3, "warning", "a-rule", "Hm.")
    assert done(RETRACE, reader="reader-a", check=lambda card: [warning], now=at()).problems == (warning,)


def test_of_cards_in_two_languages_one_says_which():
    write_card(RETRACE, "reader-a")
    write_card(RETRACE, "reader-a", "ja")
    with pytest.raises(ValueError, match="cards of hara-2018-retrace in en, ja"):
        done(RETRACE, reader="reader-a", now=at())
    assert done(RETRACE, reader="reader-a", language="ja", now=at()).card.name == "ja-reader-a.md"


def test_claiming_what_is_done_says_so():
    write_card(RETRACE, "reader-a")
    done(RETRACE, reader="reader-a", now=at())
    with pytest.raises(ValueError, match=r"is done: your card en-reader-a\.md is from 2018-03-05"):
        claim(RETRACE, reader="reader-a", now=at(1))
    other = claim(RETRACE, reader="reader-b", now=at(2))
    assert [(one.person, one.card) for one in other.finished] == [("reader-a", "en-reader-a.md")]


def test_done_twice_counts_once_and_from_the_first_time():
    write_card(RETRACE, "reader-a")
    assert not done(RETRACE, reader="reader-a", now=at()).again
    written = log_path("reader-a").read_bytes()
    assert done(RETRACE, reader="reader-a", now=at(day=20)).again
    assert log_path("reader-a").read_bytes() == written
    assert read_group().finished(RETRACE)[0].done == at()


# The goal of a month

MARCH = month("2018-03", TOKYO)
APRIL = month("2018-04", TOKYO)


@pytest.fixture
def in_tokyo(library):
    new_group("Asia/Tokyo")


@pytest.mark.usefixtures("in_tokyo")
def test_a_goal_is_shown_beside_what_was_done_and_goes_on_until_the_next():
    assert progress(read_group(), "reader-a", MARCH) is None
    set_goal(50, 10, reader="reader-a", now=at())
    for paper, mode in ((RETRACE, "close"), (TSN, "skim")):
        write_card(paper, "reader-a")
        start(paper, reader="reader-a", mode=mode, now=at(1))
        done(paper, reader="reader-a", minutes=20, now=at(90))
    own = progress(read_group(), "reader-a", MARCH)
    assert (own.goal, own.skims, own.close, own.reached) == (Goal(50, 10), 1, 1, False)
    assert progress(read_group(), "reader-a", APRIL).goal == Goal(50, 10)
    set_goal(2, 0, reader="reader-a", month_name="2018-04", now=at(100))
    assert progress(read_group(), "reader-a", MARCH).goal == Goal(50, 10)
    assert progress(read_group(), "reader-a", APRIL).goal == Goal(2, 0)
    assert progress(read_group(), "reader-b", MARCH) is None


@pytest.mark.usefixtures("in_tokyo")
def test_a_goal_of_nothing_is_none():
    set_goal(5, 1, reader="reader-a", now=at())
    set_goal(0, 0, reader="reader-a", now=at(1))
    assert progress(read_group(), "reader-a", MARCH) is None


@pytest.mark.usefixtures("in_tokyo")
def test_a_skimmed_paper_that_is_read_closely_later_counts_as_both():
    set_goal(1, 1, reader="reader-a", now=at())
    path = write_card(RETRACE, "reader-a")
    done(RETRACE, reader="reader-a", now=at())
    path.write_bytes(path.read_bytes().replace(b"mode: skim", b"mode: close"))
    for minutes in (1, 2):
        done(RETRACE, reader="reader-a", now=at(minutes))
    own = progress(read_group(), "reader-a", MARCH)
    assert (own.skims, own.close, own.reached) == (1, 1, True)
    assert [one["mode"] for one in lines("reader-a") if one["kind"] == "done"] == ["skim", "close"]


@pytest.mark.usefixtures("in_tokyo")
def test_a_goals_month_is_that_of_the_groups_clock():
    evening = at().replace(day=31, hour=15).astimezone(dt.UTC)  # six in the morning in UTC
    midnight = dt.datetime(2018, 3, 31, 16, 0, tzinfo=dt.UTC)  # April has come in Tokyo
    assert set_goal(1, 0, reader="reader-a", now=evening).period.name == "2018-03"
    assert set_goal(1, 0, reader="reader-a", now=midnight).period.name == "2018-04"
    write_card(RETRACE, "reader-a")
    done(RETRACE, reader="reader-a", now=midnight)
    assert progress(read_group(), "reader-a", MARCH).skims == 0
    assert progress(read_group(), "reader-a", APRIL).skims == 1


def test_the_words_about_a_goal_blame_nobody():
    own = Progress("reader-a", MARCH, Goal(50, 10), 12, 3)
    assert goal_words(own, at(day=22)) == "2018-03: 12 of 50 skims, 3 of 10 close readings; 10 days left"
    assert goal_words(own, at(day=31)).endswith("; 1 day left")
    assert goal_words(own, at().replace(month=4)) == "2018-03: 12 of 50 skims, 3 of 10 close readings"
    assert goal_words(own, at().replace(month=2)).endswith("; 31 days left")
    assert goal_words(Progress("reader-a", MARCH, Goal(2, 1), 3, 1), at()).endswith("; reached")


@pytest.mark.parametrize(("skims", "close", "month_name"), [(-1, 0, None), (0, 1001, None), (1, 1, "March")])
def test_a_goal_that_cannot_be_is_refused_and_nothing_is_written(skims, close, month_name):
    with pytest.raises(ValueError, match=r"from 0 to 1000|not a month"):
        set_goal(skims, close, reader="reader-a", month_name=month_name, now=at())
    assert not log_path("reader-a").exists()


# The list


def test_the_list_has_total_done_remaining_and_claimed():
    claim(RETRACE, reader="reader-a", now=at())
    start(QUO_VADIS, reader="reader-b", now=at())
    write_card(TSN, "reader-c")
    done(TSN, reader="reader-c", now=at())
    listed = overview(read_group(), titles())
    assert (listed.total, listed.done, listed.remaining, listed.claimed) == (4, 1, 3, 2)
    assert {row.paper: row.standing for row in listed.rows} == {
        RETRACE: "claimed",
        QUO_VADIS: "reading",
        TSN: "done",
        TSN_2018: "left",
    }


def test_a_log_that_says_done_does_not_count_without_the_card():
    path = write_card(TSN, "reader-c")
    done(TSN, reader="reader-c", now=at())
    path.unlink()
    listed = overview(read_group(), titles())
    assert listed.done == 0
    assert [one.card for row in listed.rows for one in row.missing] == ["en-reader-c.md"]


@pytest.mark.parametrize("card", ["../paper.yaml", "/etc/hostname", "..\\paper.yaml"])
def test_a_log_cannot_check_a_paper_off_with_a_file_from_elsewhere(card):
    with own_log("reader-a", at()) as log:
        log.add("done", paper=TSN, card=card)
    assert overview(read_group(), titles()).done == 0


# Ideas and praise


def test_ideas_are_kept_and_so_are_rejects_with_their_reason():
    kept = note_idea("Train on half the frames.", reader="reader-a", paper=RETRACE, now=at())
    rejected = note_idea("  Use the sound.\n", reader="reader-a", now=at(1))
    judge_idea(kept.id[:4], keep=True, reason="cheap", reader="reader-b", now=at(2))
    judge_idea(rejected.id, keep=False, reason="half the clips have none", reader="reader-b", now=at(3))
    ideas = read_group().ideas
    assert [(one.text, one.verdicts[-1].kept, one.verdicts[-1].reason) for one in ideas] == [
        ("Train on half the frames.", True, "cheap"),
        ("Use the sound.", False, "half the clips have none"),
    ]
    judge_idea(rejected.id, keep=True, reason="a new dataset has sound", reader="reader-a", now=at(4))
    assert [one.kept for one in read_group().ideas[1].verdicts] == [False, True]


def test_a_verdict_needs_a_reason_and_an_idea():
    idea = note_idea("Use the sound.", reader="reader-a", now=at())
    with pytest.raises(ValueError, match="the reason needs words"):
        judge_idea(idea.id, keep=False, reason=" ", reader="reader-a", now=at(1))
    with pytest.raises(LookupError, match="no such idea"):
        judge_idea("zzz", keep=False, reason="why not", reader="reader-a", now=at(1))


def test_praise_is_for_a_member_and_not_for_oneself():
    claim(RETRACE, reader="reader-b", now=at())
    praise("reader-b", "A clear table.", reader="reader-a", paper=RETRACE, now=at(1))
    assert [(one.person, one.to, one.text) for one in read_group().praise] == [
        ("reader-a", "reader-b", "A clear table.")
    ]
    with pytest.raises(LookupError, match="did you mean 'reader-b'"):
        praise("reader-bb", "Good.", reader="reader-a", now=at(2))
    with pytest.raises(ValueError, match="somebody else"):
        praise("reader-a", "I am good.", reader="reader-a", now=at(2))


# Who, when


def test_one_says_who_one_is_by_option_environment_or_git(library, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(library / "gitconfig"))
    monkeypatch.delenv("LABKIT_READER", raising=False)
    with pytest.raises(ValueError, match=r"--reader reader-a.*git config labkit\.reader.*LABKIT_READER"):
        who_am_i()
    (library / "gitconfig").write_text("[labkit]\n\treader = reader-g\n")
    assert who_am_i() == "reader-g"
    monkeypatch.setenv("LABKIT_READER", "reader-e")
    assert who_am_i() == "reader-e"
    assert who_am_i("reader-o") == "reader-o"


@pytest.mark.parametrize("name", ["Reader A", "読者", "../reader", "a--b", "-a", "x" * 81])
def test_a_reader_is_an_ascii_id(name, library):
    with pytest.raises(ValueError, match="small ASCII letters"):
        who_am_i(name)
    with pytest.raises(ValueError, match="small ASCII letters"):
        claim(RETRACE, reader=name, now=at())
    assert not (library / "group").exists()


def test_the_group_has_a_zone_and_events_are_written_by_it():
    assert read_settings().zone == "UTC"
    new_group("Asia/Tokyo")
    assert local_now().tzinfo == TOKYO
    claim(RETRACE, reader="reader-a")
    assert lines("reader-a")[0]["at"].endswith("+09:00")
    with pytest.raises(FileExistsError, match="exists already"):
        new_group("UTC")


@pytest.mark.parametrize(("zone", "meant"), [("tokyo", "Asia/Tokyo"), ("Europe/Berlim", "Europe/Berlin")])
def test_an_unknown_zone_is_answered_with_the_nearest(zone, meant):
    with pytest.raises(ValueError, match=f"did you mean '{meant}'"):
        new_group(zone)


def test_a_wrong_zone_in_the_settings_is_named_with_its_line():
    path = new_group("Asia/Tokyo", name="Ours")
    path.write_text("name: Ours\nzone: Tokio/Asia\n", encoding="utf-8")
    with pytest.raises(SummaryError, match=r"group\.yaml, line 2: zone: no time zone 'Tokio/Asia'"):
        read_settings()


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="has no zone"):
        claim(RETRACE, reader="reader-a", now=at().replace(tzinfo=None))


# The files


def test_a_last_line_that_was_cut_short_is_told_and_the_next_one_is_whole():
    claim(RETRACE, reader="reader-a", now=at())
    path = log_path("reader-a")
    path.write_bytes(path.read_bytes() + b'{"at": "2018-03-05T09:01:00+09:00", "kind": "cla')
    errors: list[SummaryError] = []
    assert len(read_events(on_error=errors.append)) == 1
    assert [(error.line, error.reason) for error in errors] == [(2, "the last line was cut short")]
    claim(TSN, reader="reader-a", now=at(2))
    assert [one.paper for one in read_group().held_by("reader-a")] == [RETRACE, TSN]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"<<<<<<< HEAD", "not a line of JSON"),
        (b"[1, 2]", "no kind"),
        (b"[" * 15_000, "not a line of JSON"),
        (b'{"kind": "claim", "paper": "' + b"a" * 30_000 + b'"}', "characters"),
        (b'{"at": "2018-03-05T09:00:00", "kind": "claim", "paper": "x"}', "has no zone"),
        (b'{"at": "yesterday", "kind": "claim", "paper": "x"}', "yesterday"),
        (b'{"at": 7, "kind": "claim", "paper": "x"}', "its time is 7"),
        (b'{"at": "0001-01-01T00:00:00+09:00", "kind": "leave"}', "time"),
        (b'{"at": "2018-03-05T09:00:00+09:00", "kind": "claim", "paper": "../x"}', "paper cannot be"),
        (b'{"at": "2018-03-05T09:00:00+09:00", "kind": "stop", "paper": "x", "minutes": NaN}', "minutes cannot be"),
        (b'{"at": "2018-03-05T09:00:00+09:00", "kind": "stop", "paper": "x", "minutes": 1e400}', "minutes cannot be"),
        (b'{"at": "2018-03-05T09:00:00+09:00", "kind": "idea", "text": "\\ud800"}', "half of a character"),
        (b"\xff\xfe", "not UTF-8"),
        (b"\x00\x00\x00", "not a line of JSON"),
    ],
)
def test_a_line_that_is_no_event_is_named_and_the_rest_goes_on(line, why):
    claim(RETRACE, reader="reader-a", now=at())
    path = log_path("reader-a")
    path.write_bytes(b"\xef\xbb\xbf" + line + b"\r\n\r\n" + path.read_bytes())
    errors: list[SummaryError] = []
    assert [event.kind for event in read_events(on_error=errors.append)] == ["claim"]
    assert [error.line for error in errors] == [1]
    assert why in errors[0].reason


def test_a_log_with_a_name_that_is_no_readers_is_left_out():
    claim(RETRACE, reader="reader-a", now=at())
    path = log_path("reader-a")
    path.with_name("読者.jsonl").write_bytes(path.read_bytes())
    errors: list[SummaryError] = []
    assert {event.person for event in read_events(on_error=errors.append)} == {"reader-a"}
    assert "a log is named after its reader" in errors[0].reason


def test_what_a_later_version_wrote_is_kept_and_nothing_is_concluded_from_it():
    claim(RETRACE, reader="reader-a", now=at())
    path = log_path("reader-a")
    later = b'{"at": "2018-03-05T10:00:00+09:00", "kind": "lend", "paper": ["x"], "mood": "good"}\n'
    path.write_bytes(path.read_bytes() + later)
    errors: list[SummaryError] = []
    events = read_events(on_error=errors.append)
    assert errors == []
    assert [event.kind for event in events] == ["claim", "lend"]
    group = read_group()
    assert list(group.readings) == [(RETRACE, "reader-a")]
    claim(TSN, reader="reader-a", now=at(120))
    assert later in path.read_bytes()


def test_only_lines_are_added_and_what_stands_there_stays():
    claim(RETRACE, reader="reader-a", now=at())
    before = log_path("reader-a").read_bytes()
    start(RETRACE, reader="reader-a", now=at(1))
    stop(reader="reader-a", now=at(20))
    assert log_path("reader-a").read_bytes().startswith(before)


def test_a_clock_that_was_set_back_a_little_keeps_the_order():
    start(RETRACE, reader="reader-a", now=at())
    assert stop(reader="reader-a", now=at(-1)).minutes == 0.0
    assert [event.kind for event in read_events()] == ["start", "stop"]
    assert read_group().running("reader-a") is None


def test_an_event_from_a_wrong_future_does_not_move_the_clock():
    path = log_path("reader-a")
    path.parent.mkdir(parents=True)
    event = make_event("reader-a", at(day=25), "claim", paper=TSN)
    path.write_text(event.line + "\n", encoding="utf-8")
    claim(RETRACE, reader="reader-a", now=at())
    assert read_group().reading(RETRACE, "reader-a").since == at()


def test_an_event_survives_being_written_and_read():
    event = make_event("reader-a", at(), "idea", text='読む "quoted" \u2028 line', paper=RETRACE)
    assert parse_event("reader-a", event.line) == event
    assert "\n" not in event.line


def test_of_two_terminals_that_start_at_once_one_is_refused_and_no_line_is_lost():
    refused, barrier = [], threading.Barrier(6)

    def race(number: int) -> None:
        barrier.wait()
        try:
            start([RETRACE, TSN][number % 2], reader="reader-a", now=at(number))
        except ValueError as error:
            refused.append(error)
        for count in range(10):
            note_idea(f"idea {number} {count}", reader="reader-a", now=at(number))

    threads = [threading.Thread(target=race, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 5
    errors: list[SummaryError] = []
    events = read_events(on_error=errors.append)
    assert errors == []
    assert len(events) == 61


def test_who_comes_while_the_log_is_being_written_waits():
    second = threading.Thread(target=lambda: claim(TSN, reader="reader-a", now=at(1)))
    with own_log("reader-a", at()) as log:
        second.start()
        second.join(0.3)
        assert second.is_alive()
        log.add("claim", paper=RETRACE)
    second.join()
    assert [event["paper"] for event in read_events()] == [RETRACE, TSN]


def test_a_line_is_not_lost_when_git_replaces_the_file_meanwhile():
    claim(RETRACE, reader="reader-a", now=at())
    path = log_path("reader-a")
    second = threading.Thread(target=lambda: claim(TSN, reader="reader-a", now=at(1)))
    with own_log("reader-a", at()):
        second.start()
        second.join(0.3)  # it has opened the old file by now, and waits
        path.with_suffix(".new").write_bytes(path.read_bytes())
        path.with_suffix(".new").replace(path)
    second.join()
    assert len(lines("reader-a")) == 2
