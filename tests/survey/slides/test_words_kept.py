"""Whatever a reader writes, and however: every word of it stands on some slide, and on the paper's page."""

import datetime as dt
import html
import itertools
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nasty import documents

from labkit.survey.card.file import CardFile
from labkit.survey.card.markup import as_html, words_shown
from labkit.survey.card.show import Shown
from labkit.survey.card.side_by_side import put_together
from labkit.survey.publication.files import read_paper
from labkit.survey.slides import card_deck
from labkit.survey.slides.sections import topics
from labkit.survey.slides.shared_deck import new_deck, paper_deck

PAPER = "hara-2018-retrace"
ABOUT = """\
id: hara-2018-retrace
titles: {en: Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?}
authors: [{given: Kensho, family: Hara}, {given: Hirokatsu, family: Kataoka}, {given: Yutaka, family: Satoh}]
year: 2018
venue: CVPR 2018
"""
HEAD = f"---\npaper: {PAPER}\nlanguage: ja\nformat: ochiai\nreader: reader-a\n---\n"


@pytest.fixture(scope="module")
def shelved(tmp_path_factory):
    """A library that property tests can use: one for all their examples."""
    folder = tmp_path_factory.mktemp("summaries")
    (folder / PAPER / "cards").mkdir(parents=True)
    (folder / PAPER / "paper.yaml").write_text(ABOUT, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LABKIT_SUMMARIES", str(folder))
        yield folder


def card(body: str) -> CardFile:
    return CardFile.parse((HEAD + body).encode(), Path(PAPER) / "cards" / "ja-reader-a.md")


def shown(made: str) -> str:
    """What can be read of HTML: its text, and what stands for pictures, addresses and languages of code."""
    attributes = re.findall(r'(?:alt|title|class|href)="([^"]*)"', made)
    return html.unescape(" ".join([re.sub(r"<[^>]*>", " ", made), *attributes]))


def slides(body: str) -> str:
    return shown("\n".join(slide.body for column in card_deck(card(body)).columns for slide in column))


# Markdown of words that stand nowhere else, so that each can be looked for: every @ becomes one.


def numbered(body: str) -> str:
    numbers = itertools.count()
    return re.sub("@", lambda _: f"w{next(numbers)}x", body)


def words(least: int = 1, most: int = 4) -> st.SearchStrategy[str]:
    return st.integers(least, most).map(lambda count: " ".join("@" * count))


def lines(prefix: str = "", most: int = 30, each: int = 4) -> st.SearchStrategy[str]:
    return st.lists(words(1, each), min_size=1, max_size=most).map(lambda some: "\n".join(prefix + one for one in some))


def table(rows: list[list[str]]) -> str:
    width = len(rows[0])
    return "\n".join(["| " + " | ".join(row) + " |" for row in (rows[0], ["---"] * width, *rows[1:])])


sentences = st.lists(words(3, 30), min_size=1, max_size=12).map(lambda some: ". ".join(some) + ".")
japanese = st.lists(words(1, 3), min_size=1, max_size=12).map(lambda some: "。".join(some) + "。")
block = st.one_of(
    sentences,
    japanese,
    lines(most=5),
    lines("- "),
    lines("> "),
    st.builds("- {}\n  - {}\n    more {}\n- {}".format, words(), sentences, words(), sentences),
    st.builds("> {}\n>\n> {}".format, lines("> - "), sentences),
    st.builds("1. {}\n2. {}".format, sentences, words()),
    st.lists(st.lists(words(1, 2), min_size=1, max_size=4), min_size=1, max_size=25).map(table),
    st.builds("```python\n{}\n```".format, lines()),
    st.builds("~~~~ {}\n{}\n\n{}".format, words(2, 3), lines(), words()),  # never closed, with words behind its fence
    lines("    "),
    st.builds("{}\n{}".format, words(), st.sampled_from(["===", "---"])),
    st.builds("{} {}".format, st.sampled_from(["#", "##", "###", "#####", "##  手法"]), words()),
    st.builds("**手法**\n{}\n【結果】\n{}".format, words(), words()),
    st.builds(
        "![{}](no/file.png) [{}](https://example.org) <img src='a.png' alt='{}'>".format, words(), words(), words()
    ),
    st.builds(
        "[{}]: {}\n\n[{}](https://x.org '{}') [{}]({})".format, words(), words(1, 1), *[words()] * 3, words(1, 1)
    ),
    st.builds("<b>{}</b> <!-- {} --> {{: .{} }}".format, words(), words(), words(1, 1)),
    st.sampled_from(["", "##", "---", "* content\n{:toc}", "\x0c", "\x85 \u2028", "<!--", "-->"]),
)


bodies = st.lists(block, max_size=7).map("\n\n".join).map(numbered)


def missing(body: str, made: str) -> set[str]:
    return set(re.findall(r"w\d+x", body)) - set(re.findall(r"w\d+x", made))


@settings(deadline=None)
@given(bodies)
def test_every_word_of_a_card_stands_on_a_slide(shelved, body):
    assert not missing(body, slides(body))


@settings(deadline=None)
@given(bodies)
def test_every_word_of_a_card_stands_where_it_is_shown_with_its_paper(shelved, body):
    assert not missing(body, shown(as_html(body)))  # the body of the paper's page
    assert not missing(body, shown(Shown(read_paper(PAPER), card(body))._repr_html_()))


@settings(deadline=None)
@given(bodies)
def test_every_word_of_two_cards_stands_in_their_comparison(shelved, body):
    view = put_together(read_paper(PAPER), [card(body), card("x\n")])
    compared = shown("".join(as_html(text) for text, _ in view.rows.values()))
    assert not missing(body, compared)


@settings(max_examples=40, deadline=None)
@example("---")
@given(bodies)
def test_every_word_of_a_card_stands_in_the_deck_that_is_made_of_it(shelved, body):
    shutil.rmtree(shelved / PAPER / "deck", ignore_errors=True)
    (shelved / PAPER / "cards" / "ja-reader-a.md").write_text(HEAD + body, encoding="utf-8", newline="")
    if not list(topics(card(body))) or not words_shown(body):
        return  # no words, no slide
    new_deck(PAPER, reader="reader-a", now=dt.datetime(2018, 3, 5, tzinfo=dt.UTC))
    deck = paper_deck(PAPER)
    assert not missing(body, shown("\n".join(slide.body for column in deck.columns for slide in column)))
    (shelved / PAPER / "cards" / "ja-reader-a.md").unlink()


def letters(text: str) -> Counter[str]:
    return Counter(re.findall(r"[ab動画手法]", text))


marks = st.text("ab動画 。.\n-*#|`>1~=_<{}\\\t&!", max_size=120)
brackets = st.text("ab動画 。.\n-*|>1[]()!`", max_size=120)


@settings(deadline=None)
@given(st.one_of(marks, brackets, documents()).filter(lambda text: text.strip("\ufeff \t\r\n")))
def test_no_letter_is_lost_however_odd_the_markdown(shelved, body):
    plain = re.sub(r"\{[:%].*?\}|images\S*", "", body)  # Jekyll's marks and the addresses of pictures
    assert not letters(plain) - letters(slides("x\n\n" + body))
    assert not letters(plain) - letters(shown(as_html(body)))


NESTED = "".join(f"{'  ' * depth}- deep{depth}\n" for depth in range(70))


@pytest.mark.parametrize("body", [NESTED, "> " * 150 + "deep69", "- " * 80 + "deep69"])
def test_what_markdown_finds_too_deep_is_there_to_read(shelved, body):
    assert "deep69" in slides(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("This preamble is mine.\n\n# One\na\n\n# Two\nb\n", ["This preamble is mine.", "One", "Two"]),
        ("# Only title\nUnder the title.\n\n## 手法\nx\n", ["Only title", "Under the title."]),
        ("Reading a clip\n===\nSixteen.\n\nUnclear\n---\nWhy?\n", ["Reading a clip", "Sixteen.", "Unclear", "Why?"]),
        ("1.どんなもの?\n速い。\n\n2.議論はある?\n計算量。\n", ["どんなもの", "速い", "議論", "計算量"]),
        ("#####\nno words above\n", ["no words above"]),
        ("## 手法\n\n## 結果\n良い\n", ["手法", "良い"]),
        ("| a | b |\n|---|---|\n| 1 | 2 | three | four |\n", ["three", "four"]),
        ("[質問]: なぜ？\n\n[unclear](to-me)\n", ["質問", "なぜ", "to-me"]),
    ],
)
def test_words_that_no_format_has_a_place_for_are_on_slides(shelved, body, said):
    assert [one for one in said if one not in slides(body)] == []


def test_only_a_lone_first_title_goes_on_the_title_slide(shelved):
    first, second, *_ = (
        slide.body for column in card_deck(card("# Mine\n\n## 手法\n\nx\n")).columns for slide in column
    )
    assert "Mine" in first
    assert "手法" in second
    bodies = [slide.body for column in card_deck(card("# Mine\n\nx\n\n# Yours\n\ny\n")).columns for slide in column]
    assert "Mine" not in bodies[0]
    assert bodies[1].startswith("<h2>Mine</h2>")


def test_authors_below_the_title_are_not_told_twice(shelved):
    text = "# Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?\n\nKensho Hara, Hirokatsu Kataoka, Yutaka Satoh. CVPR 2018\n\n## 手法\n\nx\n"
    assert len(card_deck(card(text)).columns) == 3  # title, method, history


def test_a_picture_before_all_words_is_shown(shelved):
    (shelved / PAPER / "figures").mkdir(exist_ok=True)
    (shelved / PAPER / "figures" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for body in ("![](figures/a.png)\n\n## 手法\n\nx\n", "# CVPR 2018\n\n![](figures/a.png)\n\n## 手法\n\nx\n"):
        made = "".join(slide.body for column in card_deck(card(body)).columns for slide in column)
        assert made.count("<img src=") == 1
        assert Shown(read_paper(PAPER), card(body))._repr_html_().count("<img src=") == 1


def test_a_link_defined_at_the_end_of_a_card_works_on_every_slide(shelved):
    assert "https://example.org/a" in slides("## 手法\n\n[text][1]\n\n## 結果\n\ny\n\n[1]: https://example.org/a\n")
