"""Search finds two characters in four languages, ranks titles first, marks the place, and follows the files."""

import contextlib
import unicodedata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labkit.cli import app
from labkit.survey.card.file import CardFile
from labkit.survey.card.words import asked, terms
from labkit.survey.library.shelf import open_shelf
from labkit.survey.search.index import open_index, plain_text, search

CARD = """---
paper: {paper}
language: {language}
format: cvpaper
reader: {reader}
status: done
keywords: [{keyword}]
---

## {heading}

{text}
"""
CARDS = (
    ("hara-2018-retrace", "ja", "reader-a", "過学習", "概要", "動画から行動を認識する3D CNNを、深さを変えて比べた。"),
    ("hara-2018-retrace", "ko", "reader-b", "전이", "개요", "동영상 행동 인식을 위한 3D ResNet-18의 학습 설정."),
    ("hara-2018-retrace", "zh", "reader-c", "过拟合", "概要", "数据集太小时，网络会过拟合。"),
    (
        "carreira-2017-quo-vadis",
        "en",
        "reader-a",
        "transfer",
        "Method",
        "Overfitting is avoided: filters are inflated.",
    ),
    ("carreira-2017-quo-vadis", "ja", "reader-b", "転移", "結果", "ﾃﾞｰﾀが多いほど良い。ResNet-18とは比べない。"),
)


@pytest.fixture
def shelf(library):
    for paper, language, reader, keyword, heading, text in CARDS:
        path = library / paper / "cards" / f"{language}-{reader}.md"
        path.parent.mkdir(exist_ok=True)
        made = CARD.format(paper=paper, language=language, reader=reader, keyword=keyword, heading=heading, text=text)
        path.write_text(made, encoding="utf-8")
    return open_shelf(library)


def names(hits) -> list[str]:
    return [f"{hit.paper.split('-')[0]} {hit.language}".strip() for hit in hits]


@pytest.mark.parametrize(
    ("question", "language", "marked"),
    [
        ("動画", "ja", "[動画]から行動"),
        ("行動", "ja", "動画から[行動]"),
        ("학습", "ko", "3D ResNet-18의 [학습] 설정"),
        ("行为", "", "[行为]识别"),
        ("数据", "zh", "[数据]集太小"),
        ("過学", "ja", "[過学]習"),
        ("学習", "ja", "過[学習]"),
        ("習", "ja", "過学[習]"),
        ("拟", "zh", "过[拟]合"),
    ],
)
def test_one_or_two_characters_are_found_in_every_language(shelf, question, language, marked):
    found = [hit for hit in search(question, shelf=shelf) if hit.language == language and question in hit.snippet]
    assert any(marked in hit.marked() for hit in found)


def test_characters_that_are_no_neighbours_are_not_found(shelf):
    assert search("動行", shelf=shelf) == ()


def test_a_longer_word_must_stand_as_it_is(shelf):
    assert names(search("行動を認識", shelf=shelf)) == ["hara ja"]
    assert names(search("認識を行動", shelf=shelf)) == []


@pytest.mark.parametrize("question", ["ResNet-18", "resnet18", "RESNET 18", "ＲｅｓＮｅｔ－１８"])
def test_how_a_name_is_written_does_not_matter(shelf, question):
    assert set(names(search(question, shelf=shelf))) == {"hara ko", "carreira ja"}


def test_half_width_kana_are_the_full_ones_and_their_whole_run_is_marked(shelf):
    (hit,) = search("データ", shelf=shelf, kind="card")
    assert hit.marked() == "[ﾃﾞｰﾀが多いほど良い]。ResNet-18とは比べない。"


def test_both_unicode_normalisations_are_one(shelf):
    assert names(search(unicodedata.normalize("NFD", "데이터셋 학습"), shelf=shelf)) == names(
        search("데이터셋 학습", shelf=shelf)
    )
    assert "hara ko" in names(search(unicodedata.normalize("NFD", "학습"), shelf=shelf))


def test_the_beginning_of_a_word_finds_it(shelf):
    (hit,) = search("overfit", shelf=shelf)
    assert hit.marked() == "[Overfitting] is avoided: filters are inflated."


def test_a_title_stands_before_a_text(shelf):
    assert search("imagenet", shelf=shelf)[0].field == "title"


def test_words_in_quotes_must_follow_each_other(shelf):
    assert names(search('"filters are"', shelf=shelf)) == ["carreira en"]
    assert names(search('"are filters"', shelf=shelf)) == []


def test_where_nothing_has_all_words_what_has_any_is_shown(shelf):
    assert "carreira en" in names(search("inflated zebra", shelf=shelf))


def test_filters_narrow_by_kind_language_reader_and_role(shelf):
    assert names(search("行動", shelf=shelf, kind="paper")) == []
    assert names(search("resnet18", shelf=shelf, language="ko")) == ["hara ko"]
    assert names(search("resnet18", shelf=shelf, reader="reader-b", role="results")) == ["carreira ja"]
    assert names(search("overfit", shelf=shelf, role="results")) == []


def test_a_filter_that_is_unknown_is_named_with_the_nearest(shelf):
    with pytest.raises(ValueError, match="did you mean 'method'"):
        search("動画", shelf=shelf, role="metod")
    with pytest.raises(ValueError, match="did you mean 'reader-b'"):
        search("動画", shelf=shelf, reader="readr-b")
    with pytest.raises(ValueError, match="no word"):
        search("!?", shelf=shelf)


@pytest.mark.parametrize(
    "question", ['"', "a* OR b", "title:動画", "NEAR(a b)", "(", "^x", "'; DROP TABLE entries; --", "{x}"]
)
def test_signs_that_a_database_reads_are_only_text(shelf, question):
    with contextlib.suppress(ValueError):
        search(question, shelf=shelf)
    assert len(search("動画", shelf=shelf)) == 1


def test_markdown_is_searched_by_its_words(library, shelf):
    path = library / "wang-2016-tsn" / "cards" / "en-reader-a.md"
    path.parent.mkdir()
    text = "See [the **segments**](https://example.org/address) <!-- hidden -->"
    made = CARD.format(
        paper="wang-2016-tsn", language="en", reader="reader-a", keyword="x", heading="Method", text=text
    )
    path.write_text(made, encoding="utf-8")
    (hit,) = search("segments", shelf=open_shelf(library), kind="card")
    assert hit.marked() == "See the [segments]"
    assert search("hidden", shelf=open_shelf(library)) == ()


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("# a\n- b\n1. c", "a b c"),
        ("動**画**認識, over**fit**ting", "動画認識, overfitting"),
        ("a_b_c `code_x` \\* 2 * 3", "a_b_c code_x * 2 * 3"),
        ("[here](http://y.z/a(b).png) ![alt](f.png 't')", "here alt"),
        ("[there][1], [memo]: yes, [unclear](to me)", "there, [memo]: yes, [unclear](to me)"),
        ("| a | b |\n|---|---|\n| c | d |", "a b c d"),
        ("```py\nx = 1 < 2\n```", "x = 1 < 2"),
        ("a <!-- nobody\nreads this --> b", "a b"),
        ("<b>a & b</b> &lt; ~~c~~", "<b>a & b</b> < c"),
        ("> - > a  \n> - > b", "a b"),
        ("![one](a.png)![two](b.png 'title')<img src='c.png' alt='three'>", "one two three"),
    ],
)
def test_what_a_page_shows_of_markdown_is_what_is_searched(markdown, plain):
    card = CardFile.parse(f"---\npaper: a-b\n---\n\n[1]: http://a.b/c\n\n{markdown}".encode(), Path("en-a.md"))
    assert plain_text(markdown, card.references) == plain


def test_a_changed_and_a_removed_file_are_noticed(library, shelf):
    path = library / "hara-2018-retrace" / "cards" / "ja-reader-a.md"
    assert names(search("動画", shelf=shelf)) == ["hara ja"]
    path.write_text(path.read_text(encoding="utf-8").replace("動画", "映像"), encoding="utf-8")
    assert names(search("動画", shelf=open_shelf(library))) == []
    assert names(search("映像", shelf=open_shelf(library))) == ["hara ja"]
    path.unlink()
    assert names(search("映像", shelf=open_shelf(library))) == []


def test_a_broken_index_is_made_again_in_memory(library, shelf):
    with contextlib.closing(open_index(shelf)) as index:
        place = index.place
    place.write_bytes(b"no database" * 1000)
    assert names(search("動画", shelf=open_shelf(library))) == ["hara ja"]


def test_what_is_found_is_escaped_in_a_notebook(library, shelf):
    path = library / "hara-2018-retrace" / "cards" / "en-reader-x.md"
    made = CARD.format(
        paper="hara-2018-retrace",
        language="en",
        reader="reader-x",
        keyword="x",
        heading="<img src=x onerror=alert(1)>",
        text="zebra <script>alert(1)</script>",
    )
    path.write_text(made, encoding="utf-8")
    shown = search("zebra", shelf=open_shelf(library))._repr_html_()
    assert "<mark>zebra</mark> &lt;script&gt;" in shown
    assert "<img" not in shown


def test_the_places_of_terms_are_offsets_of_the_text():
    text = "3D CNNで動画を、ResNet-18"
    found = [text[one.start : one.end] for one in terms(text)]
    assert found == ["3", "D", "CNN", "で動", "動画", "画を", "を", "ResNet", "18"]


def test_a_run_of_characters_is_asked_for_as_its_pairs():
    (wanted,) = asked("動画像")
    assert wanted.terms == ("動画", "画像")
    assert not wanted.open_end


def test_the_command_prints_papers_and_places_and_fails_where_nothing_is_found(shelf):
    runner = CliRunner()
    found = runner.invoke(app, ["papers", "search", "行動", "認識", "--language", "ja"])
    assert found.exit_code == 0
    assert "hara-2018-retrace  card ja, reader-a, 概要" in found.stdout
    assert runner.invoke(app, ["papers", "search", "無関係"]).exit_code == 1
    assert runner.invoke(app, ["papers", "search", "動画", "--role", "metod"]).exit_code == 2


def test_what_is_found_does_not_steer_the_terminal(library, shelf):
    path = library / "hara-2018-retrace" / "paper.yaml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("keywords: [", 'keywords: ["zebra \\e[2J\\e]0;x\\a", ', 1), "utf-8")
    shown = CliRunner().invoke(app, ["papers", "search", "zebra"])
    assert "zebra" in shown.stdout
    assert not {"\x1b", "\x07"} & set(shown.stdout)
