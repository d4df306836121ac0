"""The commands of the group, from the claim to the ranking, and the made-up group to try them on."""

import datetime as dt
from pathlib import Path

import pytest
from season import QUO_VADIS, RETRACE, TSN, TSN_2018, at, write_card
from typer.testing import CliRunner

from labkit.cli import app
from labkit.survey.card.file import cards
from labkit.survey.check.report import check
from labkit.survey.group import read_group
from labkit.survey.group.care import care_notes
from labkit.survey.group.claiming import claim
from labkit.survey.group.demo import make_demo
from labkit.survey.group.log import own_log, read_events
from labkit.survey.group.overview import overview, titles
from labkit.survey.group.ranking import month, ranking
from labkit.survey.group.settings import zone_of
from labkit.survey.group.timer import start


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    """No name from the machine that the tests run on; messages are not broken at some width."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "no-git-config"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.delenv("LABKIT_READER", raising=False)


def group(*arguments: str, reader: str = "reader-a", fails: int = 0) -> str:
    ran = CliRunner().invoke(app, ["group", *arguments], env={"LABKIT_READER": reader})
    assert ran.exit_code == fails, ran.output
    return ran.output


def files(*folders: Path) -> dict[Path, tuple[bytes, int]]:
    found = [path for folder in folders for path in folder.rglob("*")]
    return {path: (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns) for path in found}


# A session


def test_a_session_from_the_claim_to_the_ranking(library):
    group("init", "--zone", "Asia/Tokyo")
    group("join", "Institute A")
    assert f"{RETRACE} is yours" in group("claim", RETRACE)
    assert f"warning: reader-a holds it too, since {dt.datetime.now(zone_of('Asia/Tokyo')):%Y}" in group(
        "claim", RETRACE, reader="reader-b"
    )
    said = group("start", RETRACE)
    assert "Meant as: skim, 15-30 minutes" in said
    assert "Look here first:\n  1. The abstract." in said
    assert "0:00:0" in group("timer")
    assert "reader-a (since" in group("list")
    assert "1 being read now" in group("list")
    assert "under a minute: short of a skim" in group("stop")
    assert "you have no card" in group("done", RETRACE, fails=2)
    card = write_card(RETRACE, "reader-a")
    assert group("done", RETRACE).splitlines()[-1] == str(card)
    assert "4 papers: 1 done, 3 remaining; of these 0 claimed and 3 free" in group("list")
    ranked = group("ranking")
    assert "by the clock of Asia/Tokyo" in ranked
    assert "1.000" in ranked


def test_the_checklist_of_a_close_reading_begins_with_what_one_wants(library):
    said = group("start", RETRACE, "--mode", "close")
    assert "60 minutes or more" in said
    assert "1. First say what you want from it" in said


def test_the_list_says_who_holds_what_since_when_and_shows_all_when_asked(library):
    claim(TSN, reader="reader-b", now=at())
    start(QUO_VADIS, reader="reader-c", now=at())
    said = group("list")
    assert "4 papers: 0 done, 4 remaining; of these 2 claimed (1 being read now) and 2 free" in said
    assert "reader-b (since 2018-03-05)" in said
    assert "stopwatch at" in said
    assert "forgotten?" in said
    mine = group("list", "--mine", reader="reader-b")
    assert TSN in mine
    assert RETRACE not in mine


def test_of_many_free_papers_the_list_shows_some_and_says_how_to_see_the_rest(library):
    (library / "queue").mkdir()
    rows = "".join(f"paper-{n},Title {n}\n" for n in range(40))
    (library / "queue" / "venue.csv").write_text(f"id,title\n{rows}", encoding="utf-8")
    assert "… and 29 more: `labkit group list --all`" in group("list")
    assert "paper-39" in group("list", "--all")


def test_a_random_claim_is_the_same_for_a_seed(library):
    first = group("claim", "--random", "--seed", "3")
    group("release", first.split()[0])
    assert group("claim", "--random", "--seed", "3") == first


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["claim"], "give either a paper or --random"),
        (["claim", RETRACE, "--random"], "give either a paper or --random"),
        (["claim", "hara-2018"], "did you mean 'hara-2018-retrace'?"),
        (["release", RETRACE], "you hold nothing"),
        (["stop"], "your stopwatch is not running; start it"),
        (["start", RETRACE, "--mode", "deep"], "neither skim nor close"),
        (["idea", "x", "--keep", "3f"], "give only one of a new idea"),
        (["idea", "--reject", "3f", "--because", "so"], "no such idea"),
        (["praise", "reader-z", "Good."], "no member 'reader-z'"),
        (["ranking", "--month", "2018-03", "--week", "2018-W10"], "one of --month, --week"),
        (["ranking", "--month", "March"], "write it as 2018-03"),
        (["ranking", "--zone", "Tokyo"], "did you mean 'Asia/Tokyo'"),
        (["ranking", "--zone", "Tokio"], "did you mean 'Asia/Tokyo'"),
        (["idea", ""], "an idea needs words"),
        (["demo", "demo", "--until", "31/3/2018"], "write it as 2018-03-31"),
        (["leave"], "has not joined an institution"),
        (["claim", RETRACE, "--reader", "読者"], "small ASCII letters"),
    ],
)
def test_what_cannot_be_is_told_in_one_line_and_writes_nothing(library, arguments, said):
    output = group(*arguments, fails=2)
    assert said in output
    assert output.startswith("labkit: ")
    assert output.count("\n") == 1
    assert read_events() == ()


def test_who_says_no_name_is_told_how_to(library):
    ran = CliRunner().invoke(app, ["group", "claim", RETRACE])
    assert ran.exit_code == 2
    assert "git config labkit.reader" in ran.output


def test_a_bad_line_of_somebodys_log_is_named_and_the_rest_is_shown(library):
    claim(RETRACE, reader="reader-b", now=at())
    log = library / "group" / "log" / "reader-b.jsonl"
    log.write_bytes(b"<<<<<<< HEAD\n" + log.read_bytes())
    said = group("list")
    assert "reader-b.jsonl, line 1: skipped: not a line of JSON" in said
    assert "reader-b (since 2018-03-05)" in said


def test_words_of_a_log_cannot_command_the_terminal(library):
    with own_log("reader-b", at()) as log:
        log.add("idea", text="\x1b[2J\x1b]0;owned\x07 [red]An idea[/red] \u202e")
        log.add("praise", to="reader-a", text="\x1b[31mGood.")
        log.add("join", institution="\x1b[2JInstitute")
    for said in (group("idea"), group("praise"), group("ranking", "--month", "2018-03")):
        assert "\x1b" not in said
        assert "\x07" not in said
    assert "[red]An idea[/red]" in group("idea")


def test_ideas_and_praise_are_listed_with_what_became_of_them(library):
    assert "no ideas yet" in group("idea")
    assert "no praise yet" in group("praise")
    key = group("idea", "Train on half the frames", "--paper", RETRACE).split()[0]
    assert f"{key} rejected: Train on half the frames" in group("idea", "--reject", key[:5], "--because", "too few")
    listed = group("idea")
    assert "rejected" in listed
    assert "too few (reader-a)" in listed
    assert "reader-b to reader-a: A fine idea." in group("praise", "reader-a", "A fine idea.", reader="reader-b")
    assert "A fine idea." in group("ranking")


# Care


def test_care_is_shown_and_no_file_anywhere_is_touched(library, tmp_path, monkeypatch):
    home, cache = tmp_path / "home", tmp_path / "cache"
    home.mkdir()
    for name, folder in (("HOME", home), ("XDG_CACHE_HOME", cache), ("LABKIT_CACHE", cache), ("TMPDIR", tmp_path)):
        monkeypatch.setenv(name, str(folder))
    now = dt.datetime.now(dt.UTC)
    for days in range(16, 80, 2):
        for reader in ("reader-a", "reader-b"):
            with own_log(reader, now - dt.timedelta(days=days)) as log:
                log.add("claim", paper=RETRACE)
    before = files(tmp_path)
    said = group("care")
    assert "You have been quieter" in said
    assert "reader-b has been quieter" in said
    assert said.index("You have") < said.index("reader-b")
    assert files(tmp_path) == before
    assert not any("care" in event.line for event in read_events())


def test_a_goal_is_set_shown_and_told_with_the_list_and_with_what_is_done(library):
    assert "no goal" in group("goal")
    assert "0 of 50 skims, 0 of 10 close readings" in group("goal", "--skims", "50", "--close", "10")
    assert "by the clock of UTC" in group("goal")
    write_card(RETRACE, "reader-a")
    assert "reader-a, " in (told := group("done", RETRACE))
    assert "1 of 50 skims" in told
    assert "1 of 50 skims" in group("list")
    assert "skims" not in group("list", reader="reader-b")
    assert "1 of 50 skims, 0 of 4 close" in group("goal", "--close", "4")
    assert "no goal" in group("goal", "--skims", "0", "--close", "0")
    assert "from 0 to 1000" in group("goal", "--skims", "-3", fails=2)


def test_care_asks_who_one_is(library):
    assert CliRunner().invoke(app, ["group", "care"]).exit_code == 2


def test_care_has_nothing_to_say_where_nobody_grew_quiet(library):
    assert group("care") == "nobody is quieter than usual\n"


# The made-up group


UNTIL = dt.date(2018, 3, 31)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return make_demo(tmp_path_factory.mktemp("demo") / "season", until=UNTIL)


def test_the_demo_is_the_same_for_a_seed_and_another_for_another(demo, tmp_path):
    same, other = make_demo(tmp_path / "same", until=UNTIL), make_demo(tmp_path / "other", until=UNTIL, seed=1)

    def read(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    assert read(same) == read(demo)
    assert read(other) != read(demo)


def test_the_demo_has_all_that_a_season_has(demo, monkeypatch):
    monkeypatch.setenv("LABKIT_SUMMARIES", str(demo))
    errors: list[Exception] = []
    assert read_events(on_error=errors.append)
    assert errors == []
    season = read_group()
    assert season.people == tuple(f"reader-{letter}" for letter in "abcdef")
    listed = overview(season, titles())
    assert listed.done > 10
    assert listed.claimed >= 2
    assert listed.count("left") > 2
    assert not any(row.missing for row in listed.rows)
    assert any(len(row.holders) == 2 for row in listed.rows)
    assert [one.running is not None for one in season.readings.values()].count(True) == 1
    assert {idea.verdicts[-1].kept for idea in season.ideas if idea.verdicts} == {True, False}
    assert len(season.praise) == 3
    ranked = ranking(season, month("2018-03", zone_of("Asia/Tokyo")))
    assert len(ranked.people) > 3
    assert len(ranked.institutions) == 3
    evening = dt.datetime.combine(UNTIL, dt.time(18), zone_of("Asia/Tokyo"))
    assert "reader-b" in [note.person for note in care_notes(season, evening)]
    assert season.events[-1].at <= evening


def test_the_demo_checks(demo, monkeypatch):
    monkeypatch.setenv("LABKIT_SUMMARIES", str(demo))
    assert len(list(cards())) == sum(event.kind == "done" for event in read_events())
    assert [str(problem) for problem in check().problems if problem.severity == "error"] == []


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("readers", [2, 9])
def test_a_demo_of_another_seed_or_size_is_whole_too(library, tmp_path, monkeypatch, seed, readers):
    made = make_demo(tmp_path / "demo", seed=seed, readers=readers, until=UNTIL)
    monkeypatch.setenv("LABKIT_SUMMARIES", str(made))
    errors: list[Exception] = []
    assert {event.person for event in read_events(on_error=errors.append)} == set(read_group().people)
    assert errors == []
    assert sorted(titles()) == sorted((RETRACE, QUO_VADIS, TSN, TSN_2018))


def test_a_demo_overwrites_nothing(library, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("words")
    with pytest.raises(FileExistsError, match="is not empty"):
        make_demo(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
    assert "labkit: " in group("demo", str(tmp_path / "mine"), fails=2)


def test_a_demo_of_now_has_nothing_in_the_future(library, tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_SUMMARIES", str(make_demo(tmp_path / "demo")))
    assert all(event.at <= dt.datetime.now(dt.UTC) for event in read_events())
