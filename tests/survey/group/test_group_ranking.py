"""Who wrote how many cards in a week or a month, by which clock; and who has grown quieter than they were."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from season import TOKYO

from labkit.survey.group.care import care_notes, kind_words
from labkit.survey.group.events import Event, make_event
from labkit.survey.group.ranking import Ranking, month, month_of, placed, ranking, week, week_of
from labkit.survey.group.settings import zone_of
from labkit.survey.group.state import fold
from labkit.survey.group.timer import minutes_between

UTC = zone_of("UTC")


def done(person: str, when: str, paper: str = "a-paper") -> Event:
    return make_event(person, dt.datetime.fromisoformat(when), "done", paper=paper, card=f"en-{person}.md")


def joined(person: str, institution: str, when: str = "2018-01-01T00:00:00+09:00") -> Event:
    return make_event(person, dt.datetime.fromisoformat(when), "join", institution=institution)


def cards(person: str, count: int) -> list[Event]:
    """So many papers, spread over March 2018."""
    start = dt.datetime(2018, 3, 1, 8, tzinfo=TOKYO)
    times = [start + dt.timedelta(hours=n * 700 / count) for n in range(count)]
    return [done(person, at.isoformat(), f"paper-{n}") for n, at in enumerate(times)]


def people(ranked: Ranking) -> list[tuple[int, str, int]]:
    return [(one.place, one.person, one.cards) for one in ranked.people]


def in_march(events: list[Event]) -> Ranking:
    return ranking(fold(events), month("2018-03", TOKYO))


# Cards by each member. The tutorial gives the totals, the members and the three first readers.
MARCH_2018 = {
    "AIST": (80, 45, 20, 10, 5, 2, 1, 0),
    "WASEDA": (68, 15, 8, 4, 0),
    "TDU": (40, 25, 12, 7, 3),
}


def test_the_ranking_of_march_2018_is_the_tutorials():
    events = []
    for institution, counts in MARCH_2018.items():
        for number, count in enumerate(counts):
            person = f"{institution.lower()}-{number}"
            events += [joined(person, institution), *cards(person, count)]
    ranked = in_march(events)
    assert [one.cards for one in ranked.people[:3]] == [80, 68, 45]
    told = [(one.institution, f"{one.cards}/{one.members}", f"{one.per_head:.3f}") for one in ranked.institutions]
    assert told == [("AIST", "163/8", "20.375"), ("WASEDA", "95/5", "19.000"), ("TDU", "87/5", "17.400")]
    assert [one.place for one in ranked.institutions] == [1, 2, 3]


def test_equal_scores_share_a_place_and_the_next_is_further_down():
    assert placed([(1, "d"), (3, "b"), (5, "c"), (3, "a")]) == [(1, 5, "c"), (2, 3, "a"), (2, 3, "b"), (4, 1, "d")]


def test_institutions_that_are_equal_per_head_share_a_place():
    events = [joined(f"small-{n}", "Small") for n in range(3)] + [joined(f"large-{n}", "Large") for n in range(6)]
    events += cards("small-0", 1) + cards("large-0", 2)
    assert [(one.place, one.institution) for one in in_march(events).institutions] == [(1, "Large"), (1, "Small")]


def test_a_paper_counts_once_for_a_person_and_for_each_who_wrote_a_card():
    events = [done("reader-a", "2018-03-02T10:00+09:00"), done("reader-a", "2018-03-09T10:00+09:00")]
    events += [done("reader-b", "2018-03-09T10:00+09:00")]
    assert people(in_march(events)) == [(1, "reader-a", 1), (1, "reader-b", 1)]


def test_a_month_without_cards_has_an_empty_ranking():
    ranked = in_march([joined("reader-a", "A")])
    assert (ranked.people, ranked.institutions) == ((), ())


# Clocks


@pytest.mark.parametrize(
    ("when", "zone", "expected"),
    [
        ("2018-03-31T23:59:59.999+09:00", "Asia/Tokyo", "2018-03"),
        ("2018-04-01T00:00:00+09:00", "Asia/Tokyo", "2018-04"),
        ("2018-04-01T00:30:00+09:00", "UTC", "2018-03"),  # still March in Greenwich
        ("2018-03-31T16:00:00+00:00", "Asia/Tokyo", "2018-04"),
        ("2018-12-31T20:00:00-05:00", "Europe/Berlin", "2019-01"),
        ("2019-01-01T00:30:00+09:00", "America/New_York", "2018-12"),
        ("2018-02-28T23:30:00+00:00", "UTC", "2018-02"),
        ("2016-02-29T12:00:00+00:00", "UTC", "2016-02"),
    ],
)
def test_a_card_counts_in_the_month_that_the_groups_clock_says(when, zone, expected):
    group, clock = fold([done("reader-a", when)]), zone_of(zone)
    assert month_of(dt.datetime.fromisoformat(when), clock).name == expected
    assert len(ranking(group, month(expected, clock)).people) == 1
    year, number = map(int, expected.split("-"))
    before = f"{year - (number == 1)}-{(number - 2) % 12 + 1:02}"
    after = f"{year + (number == 12)}-{number % 12 + 1:02}"
    for other in (before, after):
        assert ranking(group, month(other, clock)).people == ()


def test_the_first_week_of_a_year_can_begin_in_december():
    eve = dt.datetime(2018, 12, 31, 12, tzinfo=TOKYO)
    period = week_of(eve, TOKYO)
    assert (period.name, period.first, period.last) == ("2019-W01", dt.date(2018, 12, 31), dt.date(2019, 1, 6))
    assert eve in period
    assert week_of(dt.datetime(2021, 1, 3, tzinfo=TOKYO), TOKYO).name == "2020-W53"
    group = fold([done("reader-a", eve.isoformat())])
    assert len(ranking(group, week("2019-W01", TOKYO)).people) == 1
    assert ranking(group, week("2018-W52", TOKYO)).people == ()


def test_a_week_ends_at_the_midnight_after_sunday():
    sunday, monday = "2018-03-11T23:59:59+09:00", "2018-03-12T00:00:00+09:00"
    period = week("2018-W10", TOKYO)
    assert dt.datetime.fromisoformat(sunday) in period
    assert dt.datetime.fromisoformat(monday) not in period


def test_days_on_which_clocks_change_count_whole():
    berlin = ZoneInfo("Europe/Berlin")
    spring, autumn = month("2018-03", berlin), month("2018-10", berlin)
    assert dt.datetime(2018, 3, 31, 21, 59, tzinfo=dt.UTC) in spring  # 23:59 in summer time
    assert dt.datetime(2018, 3, 31, 22, 0, tzinfo=dt.UTC) not in spring
    assert dt.datetime(2018, 10, 31, 22, 59, tzinfo=dt.UTC) in autumn  # 23:59 in winter time
    assert dt.datetime(2018, 10, 31, 23, 0, tzinfo=dt.UTC) not in autumn
    for fold_ in (0, 1):  # half past two comes twice
        assert dt.datetime(2018, 10, 28, 2, 30, tzinfo=berlin, fold=fold_) in week("2018-W43", berlin)


def test_a_stopwatch_measures_what_passed_when_the_clocks_change():
    new_york = ZoneInfo("America/New_York")
    start = dt.datetime(2018, 3, 11, 1, 50, tzinfo=new_york)
    assert minutes_between(start, dt.datetime(2018, 3, 11, 3, 10, tzinfo=new_york)) == 20.0
    start = dt.datetime(2018, 11, 4, 1, 50, tzinfo=new_york, fold=0)
    assert minutes_between(start, dt.datetime(2018, 11, 4, 1, 10, tzinfo=new_york, fold=1)) == 20.0


@pytest.mark.parametrize("name", ["2018-13", "2018-3", "March", "2018-00", "０１２３-01", "", "2018-03-01"])
def test_what_is_no_month_is_refused(name):
    with pytest.raises(ValueError, match="write it as 2018-03"):
        month(name, UTC)


@pytest.mark.parametrize("name", ["2018-W54", "2018-W00", "W10", "2018-10", "2018-W53"])
def test_what_is_no_week_is_refused(name):
    with pytest.raises(ValueError, match="write it as 2018-W10"):
        week(name, UTC)


@given(
    st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2090, 1, 1)),
    st.sampled_from(("UTC", "Asia/Tokyo", "Europe/Berlin")),
)
def test_every_moment_is_in_one_month_and_one_week(moment, zone):
    clock = zone_of(zone)
    at = moment.replace(tzinfo=dt.UTC)
    for named, of in ((month, month_of), (week, week_of)):
        own = of(at, clock)
        assert at in own
        assert own == named(own.name, clock)
        assert at not in of(at + dt.timedelta(days=(own.last - own.first).days + 2), clock)


# Institutions


def test_who_left_before_the_month_is_no_head_of_it_and_who_left_in_it_is():
    before = [joined("reader-a", "A"), joined("reader-b", "A"), *cards("reader-a", 4)]
    left = make_event("reader-b", dt.datetime(2018, 2, 20, tzinfo=TOKYO), "leave")
    assert in_march([*before, left]).institutions[0].per_head == 4.0
    left = make_event("reader-b", dt.datetime(2018, 3, 20, tzinfo=TOKYO), "leave")
    assert in_march([*before, left]).institutions[0].per_head == 2.0


def test_who_changed_institution_counts_for_the_last_one_of_the_month():
    events = [joined("reader-a", "A"), *cards("reader-a", 3), joined("reader-a", "B", "2018-03-20T00:00+09:00")]
    assert [(one.institution, one.cards, one.members) for one in in_march(events).institutions] == [("B", 3, 1)]
    events += [joined("reader-a", "C", "2018-04-01T00:00:00+09:00")]
    assert [one.institution for one in in_march(events).institutions] == ["B"]


def test_who_joined_only_later_counts_with_what_they_said_then():
    events = [*cards("reader-a", 3), joined("reader-a", "A", "2018-05-01T00:00+09:00")]
    assert [(one.institution, one.cards, one.members) for one in in_march(events).institutions] == [("A", 3, 1)]


def test_who_belongs_nowhere_is_ranked_as_a_person_alone():
    ranked = in_march([*cards("reader-a", 3), joined("reader-b", "B"), *cards("reader-b", 1)])
    assert people(ranked) == [(1, "reader-a", 3), (2, "reader-b", 1)]
    assert [one.institution for one in ranked.institutions] == ["B"]


# Care


NOW = dt.datetime(2018, 3, 31, 12, tzinfo=TOKYO)


def active(person: str, days_ago: range) -> list[Event]:
    return [make_event(person, NOW - dt.timedelta(days=days), "claim", paper=f"paper-{days}") for days in days_ago]


def test_who_falls_below_half_of_their_own_past_is_asked_after():
    group = fold(active("reader-a", range(16, 80, 3)) + active("reader-b", range(0, 80, 3)))
    notes = care_notes(group, NOW)
    assert [(note.person, note.recent) for note in notes] == [("reader-a", 0)]
    assert "reader-a has been quieter" in kind_words(notes[0], "reader-b")
    assert kind_words(notes[0], "reader-a").startswith("You have been quieter")


def test_everybody_is_compared_with_nobody_but_themselves():
    slow, fast = active("reader-a", range(0, 90, 6)), active("reader-b", range(0, 90))
    assert care_notes(fold(slow + fast), NOW) == ()
    assert care_notes(fold(slow), NOW) == care_notes(fold(slow + fast), NOW)


@pytest.mark.parametrize(
    "events",
    [
        active("reader-a", range(1)),  # came today
        active("reader-a", range(16, 20)),  # one fortnight is no past
        active("reader-a", range(20, 90, 14)),  # once a fortnight: a fortnight without says nothing
        [],
    ],
)
def test_little_is_not_taken_for_less(events):
    assert care_notes(fold(events), NOW) == ()


def test_who_has_left_is_left_in_peace():
    events = [joined("reader-a", "A", "2017-12-01T00:00+09:00"), *active("reader-a", range(16, 80, 3))]
    assert len(care_notes(fold(events), NOW)) == 1
    events.append(make_event("reader-a", NOW - dt.timedelta(days=15), "leave"))
    assert care_notes(fold(events), NOW) == ()


def test_the_words_of_care_name_no_number_and_no_fault():
    note = care_notes(fold(active("reader-a", range(16, 80, 3))), NOW)[0]
    for asked_by in ("reader-a", "reader-b"):
        said = kind_words(note, asked_by).lower()
        assert not any(letter.isdigit() for letter in said)
        assert not any(word in said for word in ("only", "should", "must", "fail", "behind", "lazy", "less than"))
