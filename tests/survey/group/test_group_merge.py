"""Clones of one library merge without conflict, and the group that comes out does not depend on who merged whom."""

import contextlib
import datetime as dt
import os
import random
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from season import QUO_VADIS, RETRACE, TSN, TSN_2018, at, write_card

from labkit.survey.group.claiming import claim, release
from labkit.survey.group.events import Event, in_order, make_event, parse_event
from labkit.survey.group.finishing import done
from labkit.survey.group.goals import set_goal
from labkit.survey.group.log import read_events
from labkit.survey.group.ranking import month_of, ranking
from labkit.survey.group.settings import zone_of
from labkit.survey.group.speaking import join, judge_idea, leave, note_idea, praise
from labkit.survey.group.state import fold, read_group
from labkit.survey.group.timer import start, stop

PAPERS = (RETRACE, QUO_VADIS, TSN, TSN_2018)
PEOPLE = ("reader-a", "reader-b", "reader-c")

times = st.integers(0, 60 * 24 * 40).map(at)  # few enough that some are equal
papers = st.sampled_from(PAPERS)
idea_ids = st.sampled_from(("3f2a0011", "00000000"))
_KINDS = {
    "join": st.fixed_dictionaries({"institution": st.sampled_from(("A", "B"))}),
    "leave": st.just({}),
    "claim": st.fixed_dictionaries({"paper": papers}),
    "release": st.fixed_dictionaries({"paper": papers}),
    "start": st.fixed_dictionaries({"paper": papers, "mode": st.sampled_from(("skim", "close"))}),
    "stop": st.fixed_dictionaries({"paper": papers, "minutes": st.sampled_from((0, 12.5, 40, 0.1))}),
    "done": st.fixed_dictionaries({"paper": papers, "card": st.sampled_from(("en-x.md", "ja-x.md"))}),
    "goal": st.fixed_dictionaries(
        {"month": st.sampled_from(("2018-03", "2018-04")), "skims": st.integers(0, 50), "close": st.just(3)}
    ),
    "idea": st.fixed_dictionaries({"text": st.text(min_size=1).filter(str.strip)}),
    "keep": st.fixed_dictionaries({"idea": idea_ids, "reason": st.just("why")}),
    "reject": st.fixed_dictionaries({"idea": idea_ids, "reason": st.just("why not")}),
    "praise": st.fixed_dictionaries({"to": st.sampled_from(PEOPLE), "text": st.just("Good.")}),
    "of-a-later-version": st.dictionaries(st.sampled_from(("mood", "paper")), st.integers()),
}


@st.composite
def events(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from(sorted(_KINDS)))
    return make_event(draw(st.sampled_from(PEOPLE)), draw(times), kind, **draw(_KINDS[kind]))


@given(st.lists(events(), max_size=40), st.randoms(use_true_random=False))
def test_the_group_is_a_function_of_the_set_of_events(told, chance):
    once = fold(told)
    again = [*told, *chance.sample(told, k=len(told) // 2)]
    chance.shuffle(again)
    assert fold(again) == once
    assert fold(fold(told).events) == once
    assert once.events == tuple(in_order(told))


@given(st.lists(events(), max_size=40))
def test_every_event_survives_its_file(told):
    assert [parse_event(event.person, event.line) for event in told] == told


@given(st.lists(events(), max_size=40))
def test_whatever_happened_nobody_reads_two_papers_at_once_and_no_done_paper_is_counted_twice(told):
    group = fold(told)
    for person in PEOPLE:
        assert sum(one.running is not None for one in group.readings.values() if one.person == person) <= 1
        assert all(one.since is not None for one in group.readings.values() if one.running is not None)
    said = {(event.person, event["paper"]) for event in told if event.kind == "done"}
    assert {(one.person, one.paper) for one in group.readings.values() if one.done} == said


# Real git


@dataclass
class Clone:
    """A working copy; its people work in it while `$LABKIT_SUMMARIES` points there."""

    folder: Path
    people: tuple[str, ...]

    def git(self, *arguments: str, fails: bool = False) -> str:
        command = ["git", "-C", str(self.folder), "-c", "commit.gpgsign=false", *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=_GIT)
        assert fails or ran.returncode == 0, f"{arguments}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "A day of reading")
        return self.git("rev-parse", "HEAD").strip()

    def merge(self, other: "Clone", commit: str) -> None:
        self.git("fetch", "-q", str(other.folder), commit)
        self.git("merge", "-q", "--no-edit", commit)  # fails where there is a conflict


_GIT = os.environ | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
BOTH = "reader-c"  # works in both clones: on a laptop and on a desk


@pytest.fixture
def clones(library, tmp_path):
    """Two clones of the library; reader-a is in the first, reader-b in the second, one more in both."""
    origin = Clone(library, ())
    origin.git("init", "-q")
    origin.commit()
    made = []
    for name, people in (("first", ("reader-a", BOTH)), ("second", ("reader-b", BOTH))):
        origin.git("clone", "-q", str(library), str(tmp_path / name))
        made.append(Clone(tmp_path / name, people))
    return made


def act(chance: random.Random, person: str, now: dt.datetime) -> None:
    """One thing that a member may do; some are refused, as they would be."""
    paper = chance.choice(PAPERS)
    ideas = [idea.id for idea in read_group().ideas] or ["none"]
    # Who works in two clones writes no card in either: that would be one file with two contents.
    write = (lambda: write_card(paper, person)) if person != BOTH else (lambda: None)
    acts = [
        lambda: claim(paper, reader=person, now=now),
        lambda: release(paper, reader=person, now=now),
        lambda: start(paper, reader=person, now=now),
        lambda: stop(reader=person, now=now),
        lambda: stop(reader=person, minutes=20, now=now),
        write,
        lambda: done(paper, reader=person, now=now),
        lambda: done(paper, reader=person, forget=True, now=now),
        lambda: note_idea(f"Idea {chance.random()}", reader=person, now=now),
        lambda: judge_idea(chance.choice(ideas), keep=chance.random() < 0.5, reason="So.", reader=person, now=now),
        lambda: praise(chance.choice(PEOPLE), "Good.", reader=person, now=now),
        lambda: join(chance.choice("AB"), reader=person, now=now),
        lambda: leave(reader=person, now=now),
        lambda: set_goal(chance.randrange(50), chance.randrange(10), reader=person, now=now),
    ]
    with contextlib.suppress(ValueError, LookupError, OSError):
        chance.choice(acts)()


@needs_git
@pytest.mark.parametrize("seed", range(8))
def test_two_clones_merge_without_conflict_and_agree(clones, monkeypatch, seed):
    chance = random.Random(seed)
    minute = 0.0
    for _ in range(3):
        commits, told = [], set()
        for clone in clones:
            monkeypatch.setenv("LABKIT_SUMMARIES", str(clone.folder))
            minute -= chance.choice((0, 300))  # the second clone's people work at the same time as the first one's
            for _ in range(25):
                minute += chance.choice((0, 0.01, 7, 45, 400))
                act(chance, chance.choice(clone.people), at(minute))
            told |= set(read_events())
            commits.append(clone.commit())
        first, second = clones
        first.merge(second, commits[1])
        second.merge(first, commits[0])
        groups = []
        for clone in clones:
            monkeypatch.setenv("LABKIT_SUMMARIES", str(clone.folder))
            errors: list[Exception] = []
            merged = read_events(on_error=errors.append)
            assert errors == []
            assert set(merged) == told  # nothing lost, nothing made up
            groups.append(read_group())
        assert groups[0] == groups[1] == fold(told)
        assert {one.person for one in groups[0].readings.values() if one.done} <= {"reader-a", "reader-b"}
        second.merge(first, first.commit())  # the next day begins in the same state
        monkeypatch.setenv("LABKIT_SUMMARIES", str(second.folder))
        assert read_group() == groups[0]
    period = month_of(at(), zone_of("Asia/Tokyo"))
    assert ranking(groups[0], period) == ranking(fold(reversed(groups[1].events)), period)


@needs_git
def test_a_line_cut_short_in_one_clone_spoils_no_line_of_the_other(clones, monkeypatch):
    first, second = clones
    commits = []
    for clone, paper in zip(clones, (RETRACE, TSN), strict=True):
        monkeypatch.setenv("LABKIT_SUMMARIES", str(clone.folder))
        claim(paper, reader=BOTH, now=at())
        if clone is first:
            log = first.folder / "group" / "log" / f"{BOTH}.jsonl"
            log.write_bytes(log.read_bytes() + b'{"at": "2018-03-05T09:01')
        commits.append(clone.commit())
    first.merge(second, commits[1])
    monkeypatch.setenv("LABKIT_SUMMARIES", str(first.folder))
    assert {one.paper for one in read_group().held_by(BOTH)} == {RETRACE, TSN}


@needs_git
def test_three_clones_agree_in_whatever_order_they_merge(library, tmp_path, monkeypatch):
    origin = Clone(library, ())
    origin.git("init", "-q")
    origin.commit()
    clones, commits = [], []
    for number, person in enumerate(PEOPLE):
        origin.git("clone", "-q", str(library), str(tmp_path / person))
        clones.append(Clone(tmp_path / person, (person,)))
        monkeypatch.setenv("LABKIT_SUMMARIES", str(clones[-1].folder))
        claim(RETRACE, reader=person, now=at(10 - number))
        write_card(TSN, person)
        done(TSN, reader=person, now=at(20))
        commits.append(clones[-1].commit())
    groups = []
    for number, clone in enumerate(clones):
        for step in (1, 2) if number != 1 else (2, 1):
            clone.merge(clones[(number + step) % 3], commits[(number + step) % 3])
        monkeypatch.setenv("LABKIT_SUMMARIES", str(clone.folder))
        groups.append(read_group())
    assert groups[0] == groups[1] == groups[2]
    assert [one.person for one in groups[0].holders(RETRACE)] == ["reader-c", "reader-b", "reader-a"]
    assert len(groups[0].finished(TSN)) == 3
