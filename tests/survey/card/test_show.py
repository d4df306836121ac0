"""A paper with its card in a notebook: which card is chosen, and that nothing of it is live."""

import re

import pytest

from labkit.survey.card.show import best_card, show_card

PAPER = "wang-2016-tsn"


def write(library, language, reader="reader-a", version=1, body="## What is it?\n\nThree segments.\n"):
    path = library / PAPER / "cards" / f"{language}-{reader}.md"
    path.parent.mkdir(exist_ok=True)
    front = f"paper: {PAPER}\nlanguage: {language}\nformat: ochiai\nreader: {reader}\nversion: {version}\n"
    path.write_text(f"---\n{front}---\n\n{body}", encoding="utf-8")


def test_the_card_in_the_language_goes_before_the_english_one_and_that_before_any(library):
    assert best_card(PAPER, "ko") is None
    for language, chosen in (("zh", "zh"), ("en", "en"), ("ko", "ko")):
        write(library, language)
        assert best_card(PAPER, "ko").about.language == chosen


def test_of_several_cards_the_highest_version_is_shown(library):
    write(library, "en", "reader-a", version=1)
    write(library, "en", "reader-b", version=3)
    assert best_card(PAPER, "en").about.reader == "reader-b"


def test_a_paper_and_its_card_are_shown_together(library):
    write(library, "en")
    made = show_card(PAPER)._repr_html_()
    assert "Temporal Segment Networks" in made
    assert "<h4>What is it?</h4><p>Three segments.</p>" in made
    assert "Three segments." in str(show_card(PAPER))


def test_a_paper_without_a_card_is_shown_alone(library):
    assert "Temporal Segment Networks" in show_card(PAPER)._repr_html_()
    assert "labkit-card" not in show_card(PAPER)._repr_html_()


def test_html_in_a_card_is_text(library):
    write(
        library, "en", body="## <img src=x onerror=alert(1)>\n\n<script>alert(1)</script>\n\n[a](javascript:alert(1))\n"
    )
    made = show_card(PAPER)._repr_html_()
    assert "<img" not in made
    assert "<script" not in made
    assert "href=" not in made.partition("labkit-card")[2]


def test_a_section_that_is_one_link_is_one_line(library):
    link = "<https://arxiv.org/abs/1608.00859>"
    write(library, "en", body=f"## PDF & <more>\n\n{link}\n\n## Links\n\nSee {link}.\n")
    made = show_card(PAPER)._repr_html_().partition("labkit-card")[2]
    assert re.search(r"<p>PDF &amp; &lt;more&gt;: <a [^>]*>https://arxiv.org/abs/1608.00859</a></p>", made)
    assert "<h4>Links</h4><p>See <a" in made


def test_an_unknown_paper_names_the_nearest(library):
    with pytest.raises(LookupError, match="did you mean 'wang-2016-tsn'"):
        show_card("wang-2016-tsm")


def test_a_card_does_not_steer_the_terminal_it_is_printed_on(library):
    write(library, "en", body="## What is it?\n\nRed \x1b[31m words.\n\nMore.\n")
    printed = str(show_card("wang-2016-tsn"))
    assert "\x1b" not in printed
    assert "words.\n\nMore." in printed


def test_a_link_in_a_heading_of_a_card_is_a_link(library):
    write(library, "en", body="# [A title](https://example.org/x) and <b>\n\nSome words.\n")
    made = show_card(PAPER)._repr_html_()
    assert 'href="https://example.org/x"' in made
    assert "[A title](" not in made
    assert "and &lt;b&gt;</h4>" in made
