"""One deck for a paper that several people improve: made from cards, changed in turn, merged by git, checked."""

import html
import os
import re
import threading
import time
from pathlib import Path

import pytest
from season import at
from test_group_merge import Clone, needs_git
from typer.testing import CliRunner, Result

from labkit.cli import app
from labkit.survey.check.report import check
from labkit.survey.library.deck_files import deck_problems, read_part
from labkit.survey.slides import slides_html
from labkit.survey.slides.shared_deck import new_deck, paper_deck, raise_version, versions

PAPER = "wang-2016-tsn"
MINE = """\
Read on a train.

# My name for it

## What is it?
Three segments, see [this][1].

## Method
### Sampling
Sparse.

![block](figures/block.png)

## A rainy day
Wet.

[1]: https://example.org/a
"""


def write_card(library: Path, body: str, reader="reader-a", language="en", more="") -> None:
    path = library / PAPER / "cards" / f"{language}-{reader}.md"
    path.parent.mkdir(exist_ok=True)
    front = f"paper: {PAPER}\nlanguage: {language}\nformat: ochiai\nreader: {reader}\n{more}"
    path.write_text(f"---\n{front}---\n\n{body}", encoding="utf-8")


def names(paths) -> list[str]:
    return [path.name for path in paths]


def labkit(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def said(deck) -> str:
    return html.unescape(re.sub(r"<[^>]*>", " ", " ".join(slide.body for column in deck.columns for slide in column)))


def test_the_first_version_is_made_of_the_cards_there_are(library):
    write_card(library, MINE, more="claims: [{text: 'Three * are enough', source: Table 2}]\n")
    write_card(library, "## What is it?\nA network.\n\n## Limitations\nSlow.\n", reader="reader-b")
    write_card(library, "## どんなもの？\n三つ。\n", reader="reader-c", language="ja")
    made = new_deck(PAPER, reader="reader-b", now=at())
    assert names(made) == [
        "005-title-reader-a.md",
        "006-part-reader-a.md",
        "010-what-reader-a.md",
        "010-what-reader-b.md",
        "040-method-reader-a.md",
        "041-part-reader-a.md",
        "090-limitation-reader-b.md",
        "800-claims-reader-a.md",
    ]
    deck = paper_deck(PAPER)
    for words in (
        "Read on a train.",
        "My name for it",
        "Three segments",
        "Sampling",
        "Sparse.",
        "Wet.",
        "A network.",
        "Slow.",
    ):
        assert words in said(deck)
    assert "Three * are enough (Table 2)" in said(deck)
    assert "https://example.org/a" in slides_html(deck)
    assert "三つ" not in said(deck)
    first = said(deck)[:400]
    assert "version 1 · 2018-03-05 · reader-a, reader-b" in first


def test_a_version_is_raised_by_saying_what_is_better(library):
    write_card(library, MINE)
    new_deck(PAPER, reader="reader-a", now=at())
    (library / PAPER / "deck" / "045-limits-reader-b.md").write_text("# Limits\n\nSlow.\n", encoding="utf-8")
    assert raise_version(PAPER, "Its limits.", reader="reader-b", now=at(5)) == 2
    deck = paper_deck(PAPER)
    headings = [re.search(r"<h2>(.*?)</h2>", column[0].body) for column in deck.columns]
    assert [found[1] for found in headings if found][-3:] == ["A rainy day", "Limits", "Version history"]
    assert "version 2 · 2018-03-05 · reader-a, reader-b" in said(deck)
    assert re.search(r"version 2\s+2018-03-05\s+reader-b\s+Its limits\.\s+version 1", said(deck))
    assert deck.foot == "Wang 2016 · version 2"


def test_a_long_history_stands_on_several_slides(library):
    write_card(library, MINE)
    new_deck(PAPER, reader="reader-a", now=at())
    for number in range(20):
        raise_version(PAPER, f"Change {number}.", reader="reader-a", now=at(number + 1))
    assert all(f"Change {number}." in said(paper_deck(PAPER)) for number in range(20))


def test_a_deck_is_begun_once(library):
    write_card(library, MINE)
    told: list[object] = []

    def begin() -> None:
        try:
            told.append(new_deck(PAPER, reader="reader-a", now=at()))
        except FileExistsError as error:
            told.append(error)

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sum(isinstance(one, tuple) for one in told) == 1
    assert len(told) == 6
    assert [path.name for path in (library / PAPER).iterdir() if path.name.startswith(".")] == []
    with pytest.raises(FileExistsError, match="labkit deck raise wang-2016-tsn"):
        new_deck(PAPER, reader="reader-b", now=at())
    assert len(versions(PAPER)) == 1


def test_what_a_killed_process_left_goes_when_the_next_begins(library):
    write_card(library, MINE)
    for name, age in ((".deck-old", 7200), (".deck-new", 0)):
        (library / PAPER / name).mkdir()
        (library / PAPER / name / "010-x.md").write_text("# x\n", encoding="utf-8")
        os.utime(library / PAPER / name, (time.time() - age,) * 2)
    new_deck(PAPER, reader="reader-a", now=at())
    assert {path.name for path in (library / PAPER).iterdir()} == {".deck-new", "cards", "deck", "paper.yaml"}


def test_what_cannot_be_done_is_said(library):
    with pytest.raises(LookupError, match="has no card yet"):
        new_deck(PAPER, reader="reader-a", now=at())
    write_card(library, "## What is it?\n\n## Method\n")
    with pytest.raises(LookupError, match="have no words yet"):
        new_deck(PAPER, reader="reader-a", now=at())
    write_card(library, MINE)
    with pytest.raises(LookupError, match="no card in 'ja'; it has some in en"):
        new_deck(PAPER, reader="reader-a", language="ja", now=at())
    with pytest.raises(LookupError, match="labkit deck new wang-2016-tsn"):
        paper_deck(PAPER)
    with pytest.raises(LookupError, match="labkit deck new"):
        raise_version(PAPER, "x", reader="reader-a", now=at())
    new_deck(PAPER, reader="reader-a", now=at())
    with pytest.raises(ValueError, match="what was improved"):
        raise_version(PAPER, "  ", reader="reader-a", now=at())
    with pytest.raises(ValueError, match="did you mean 'reader-a'"):
        raise_version(PAPER, "x", reader="Reader A", now=at())


@pytest.mark.parametrize(
    ("name", "text", "line", "why"),
    [
        ("method.md", "# M\n", None, "three digits for its place"),
        ("040-Method.md", "# M\n", None, "three digits for its place"),
        ("040-m.md", "no heading\n", 1, "begins with its heading"),
        ("040-m.md", "\n\n##No\n", 3, "begins with its heading"),
        ("040-m.md", "", 1, "begins with its heading"),
        ("040-m.md", "# M\n\na\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> x\n", 4, "git could not merge"),
        ("040-m.md", "# M\n\n[x](javascript:x)\n", 3, "does not link to a page"),
        ("040-m.md", b"# M\n\n\xff\n", 3, "not UTF-8"),
    ],
)
def test_the_check_names_what_is_wrong_with_a_slide(library, name, text, line, why):
    write_card(library, "## What is it?\nThree segments.\n")
    new_deck(PAPER, reader="reader-a", now=at())
    assert check(library).errors == 0
    path = library / PAPER / "deck" / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    (found,) = [one for one in check(library).problems if one.severity == "error"]
    assert (found.path, found.line) == (path, line)
    assert why in found.message
    with pytest.raises(ValueError, match=re.escape(name)):
        raise_version(PAPER, "x", reader="reader-a", now=at())
    assert len(versions(PAPER)) == 1


@pytest.mark.parametrize("link", ["![x](figures/gone.png)", "[x](../../../secret.md)"])
def test_a_link_that_leads_nowhere_is_a_warning_for_it_may_come_from_a_review(library, link):
    write_card(library, "## What is it?\nThree segments.\n")
    new_deck(PAPER, reader="reader-a", now=at())
    (library / PAPER / "deck" / "040-m.md").write_text(f"# M\n\n{link}\n", encoding="utf-8")
    found = [(one.path.name, one.line, one.severity) for one in check(library).problems]
    assert found == [("040-m.md", 3, "warning")]
    assert raise_version(PAPER, "x", reader="reader-a", now=at()) == 2


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_slide_reads_the_same_with_the_line_ends_of_windows(tmp_path, end, mark):
    path = tmp_path / "040-m.md"
    path.write_bytes((mark + f"# M{end}{end}a{end}{end}b{end}").encode())
    assert read_part(path)[1:] == ("M", "\na\n\nb", 2)
    assert list(deck_problems(tmp_path)) == []


@needs_git
def test_two_people_improve_it_in_turn_and_at_once_and_git_merges_them(library, tmp_path, monkeypatch):
    write_card(library, MINE)
    (library / PAPER / "figures").mkdir()
    (library / PAPER / "figures" / "block.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    origin = Clone(library, ())
    origin.git("init", "-q")
    new_deck(PAPER, reader="reader-a", now=at())
    origin.commit()
    first, second = Clone(tmp_path / "first", ("reader-a",)), Clone(tmp_path / "second", ("reader-b",))
    for clone in (first, second):
        origin.git("clone", "-q", str(library), str(clone.folder))

    def improve(clone: Clone, name: str, what: str, minutes: float) -> int:
        """Write a slide in a clone, raise the version there, and commit both."""
        monkeypatch.setenv("LABKIT_SUMMARIES", str(clone.folder))
        (clone.folder / PAPER / "deck" / name).write_text(f"# {what}\n\n{what} {name}\n", encoding="utf-8")
        version = raise_version(PAPER, what, reader=clone.people[0], now=at(minutes))
        clone.commit()
        return version

    def exchange() -> list[str]:
        """Both merge the other's work; what their decks say then."""
        heads = [clone.git("rev-parse", "HEAD").strip() for clone in (first, second)]
        first.merge(second, heads[1])
        second.merge(first, heads[0])
        made = []
        for clone in (first, second):
            monkeypatch.setenv("LABKIT_SUMMARIES", str(clone.folder))
            assert check(clone.folder).errors == 0
            made.append(slides_html(paper_deck(PAPER)))
        return made

    # In turn: each sees the other's version and raises it by one.
    assert improve(first, "040-method-reader-a.md", "A shorter method.", 10) == 2
    second.merge(first, first.git("rev-parse", "HEAD").strip())
    assert improve(second, "045-limits-reader-b.md", "Its limits.", 20) == 3
    assert len(set(exchange())) == 1
    # At once: both believe it to be version 4, and the merge makes it 5.
    assert improve(first, "010-what-reader-a.md", "A better start.", 30) == 4
    assert improve(second, "046-ideas-reader-b.md", "Ideas.", 31) == 4
    one, other = exchange()
    assert one == other
    assert "version 5" in one
    assert "reader-a, reader-b" in one
    assert [event["what"] for event in versions(PAPER)][1:] == [
        "A shorter method.",
        "Its limits.",
        "A better start.",
        "Ideas.",
    ]
    # On one slide at once: git asks, and until somebody has chosen the check and the next version say so.
    improve(first, "041-part-reader-a.md", "Mine.", 40)
    improve(second, "041-part-reader-a.md", "Yours.", 41)
    first.git("fetch", "-q", str(second.folder), "HEAD")
    first.git("merge", "-q", "FETCH_HEAD", fails=True)
    monkeypatch.setenv("LABKIT_SUMMARIES", str(first.folder))
    (found,) = [one for one in check(first.folder).problems if one.severity == "error"]
    assert "git could not merge" in found.message
    with pytest.raises(ValueError, match="041-part-reader-a"):
        raise_version(PAPER, "x", reader="reader-a", now=at(50))


def test_the_commands_begin_raise_and_show_a_deck(library, tmp_path):
    write_card(library, MINE)
    (library / PAPER / "figures").mkdir()
    (library / PAPER / "figures" / "block.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    begun = labkit("deck", "new", PAPER, "--reader", "reader-a")
    assert begun.exit_code == 0, begun.output
    assert all(Path(line).is_file() for line in begun.stdout.split("\n") if line)
    raised = labkit("deck", "raise", PAPER, "Better.", "--reader", "reader-b")
    assert raised.stdout == f"{PAPER}: version 2\n"
    shown = labkit("deck", "slides", PAPER, "--to", tmp_path / "x.html")
    assert shown.exit_code == 0, shown.output
    assert "version 2" in (tmp_path / "x.html").read_text(encoding="utf-8")
    again = labkit("deck", "new", PAPER, "--reader", "reader-a")
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    assert (
        "no language 'jp'; there are en, ja" in labkit("deck", "new", PAPER, "--language", "jp", "--reader", "a").stderr
    )
