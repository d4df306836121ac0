"""Slides: what stands on them, how much, that nothing a card says becomes live, and that the file needs no other."""

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from labkit.cli import app
from labkit.survey.card.file import CardFile
from labkit.survey.card.markup import as_html, data_uri, figure_file
from labkit.survey.card.schema import LANGUAGES
from labkit.survey.library.shelf import open_shelf
from labkit.survey.slides import card_deck, page, session_deck, slides_html, stream_deck, write_slides
from labkit.survey.slides.labels import LABELS
from labkit.survey.slides.paging import LINES, pages

PNG = bytes.fromhex("89504e470d0a1a0a") + b"rest"


def write_card(library, body, paper="wang-2016-tsn", language="ja", reader="reader-a", more="") -> CardFile:
    path = library / paper / "cards" / f"{language}-{reader}.md"
    path.parent.mkdir(exist_ok=True)
    front = f"paper: {paper}\nlanguage: {language}\nformat: ochiai\nreader: {reader}\n{more}"
    path.write_text(f"---\n{front}---\n\n{body}", encoding="utf-8")
    return CardFile.parse(path.read_bytes(), path)


def bodies(deck) -> list[str]:
    return [slide.body for column in deck.columns for slide in column]


# ---------------------------------------------------------------- what stands on them


def test_a_card_becomes_a_title_its_sections_its_lists_and_its_history(library):
    card = write_card(
        library,
        "# A title\n\n## どんなもの？\n\n三つの区間。\n\n## 技術や手法の肝はどこ？\n\n疎に取る。\n",
        more="version: 2\nhistory: [{version: 2, date: 2018-03-05, by: reader-b, what: 表を直した}]\n"
        "claims: [{text: 区間は三つで足りる, source: Table 2}]\nquestions: [{text: 四つでは？, dataset: UCF-101}]\n"
        "next: [{text: Quo Vadis}]\n",
    )
    deck = card_deck(card)
    headings = [re.search(r"<h[12].*?>(.*?)</h[12]>", body)[1] for body in bodies(deck)]
    title = "Temporal Segment Networks: Towards Good Practices for Deep Action Recognition"
    assert headings == [title, "どんなもの？", "技術や手法の肝はどこ？", "主張", "未解決の問い", "次に読む", "更新履歴"]
    assert "表を直した" in bodies(deck)[-1]
    assert "2018-03-05" in bodies(deck)[-1]
    assert "第2版" in deck.foot
    assert {slide.language for column in deck.columns for slide in column} == {"ja"}


def test_a_card_of_one_version_says_that_it_is_the_first(library):
    assert "初版" in bodies(card_deck(write_card(library, "## どんなもの？\n\n三つ。\n")))[-1]


def test_subsections_stand_below_their_section(library):
    card = write_card(library, "## 手法\n\n### 実装の詳細\n\n学習率。\n\n## 結果\n\n良い。\n")
    (method,) = [body for body in bodies(card_deck(card)) if "学習率" in body]
    assert re.search(r"<h2>手法</h2>\s*<h3>実装の詳細</h3>", method)


def test_every_card_of_the_library_becomes_slides():
    shown = 0
    for shelved in open_shelf().cards:
        deck = card_deck(shelved.read())
        assert len(deck.columns) >= 3
        shown += 1
    assert shown > 30


def test_a_session_lists_its_papers_and_marks_those_without_a_card(library):
    write_card(library, "## どんなもの？\n\n三つ。\n")
    deck = session_deck("Monday", ["wang-2016-tsn", "hara-2018-retrace"], language="ja", untaken=["Unheard of"])
    listed = bodies(deck)[1]
    assert listed.count("<tr") == 3
    assert listed.count('class="unread"') == 2
    assert "Unheard of" in listed
    assert "論文3本" in bodies(deck)[0]


def test_a_session_shows_the_nearest_card_there_is(library):
    write_card(library, "## What is it?\n\nThree segments.\n", language="en")
    assert any("Three segments" in body for body in bodies(session_deck("x", ["wang-2016-tsn"], language="ko")))


def test_a_stream_goes_through_the_years():
    deck = stream_deck("kinetics")
    years = [int(year) for year in re.findall(r"<td>(\d{4})</td>", bodies(deck)[1])]
    assert len(years) > 3
    assert years == sorted(years)


def test_an_unknown_stream_names_the_nearest_keyword():
    with pytest.raises(LookupError, match="did you mean 'Kinetics'"):
        stream_deck("kinetcis")


def test_every_language_has_every_word():
    assert set(LABELS) == set(LANGUAGES)
    assert len({frozenset(words) for words in LABELS.values()}) == 1
    for words in LABELS.values():
        assert words["version"].format(2) != words["version"]
        assert words["papers"].format(2) != words["papers"]


# ---------------------------------------------------------------- how much


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab 動画。.\n-*#|`>1", max_size=80), max_size=8))
def test_paging_loses_no_letter(parts):
    text = "\n\n".join(parts)
    letters = re.compile(r"[ab動画1]")
    assert letters.findall(" ".join(pages(text))) == letters.findall(text)


def test_a_long_list_is_cut_between_its_items():
    items = [f"- item {number} " + "word " * 30 for number in range(20)]
    made = pages("\n".join(items))
    assert len(made) > 2
    assert sum(len(re.findall("^- item", part, flags=re.MULTILINE)) for part in made) == 20


def test_a_long_paragraph_without_spaces_is_cut_between_its_sentences():
    made = pages("この論文は動画の認識を扱う。" * 120)
    assert len(made) > 2
    assert all(part.endswith("。") for part in made)


def test_a_short_text_is_one_slide_and_none_is_none():
    assert pages("- a\n- b\n") == ("- a\n- b",)
    assert pages("") == ()
    assert LINES > 5


def test_a_heading_goes_with_what_it_stands_above():
    made = pages("word " * 190 + "\n\n### Next\n\n" + "word " * 30)
    assert not any(part.rstrip().endswith("### Next") for part in made)


ROWS = [f"| model {number} | {number}.1 | a remark. With two sentences. |" for number in range(40)]
CODE = [f"x{number} = f({number})  # step. Another sentence." for number in range(60)]


@pytest.mark.parametrize("above", ["", "### A long table\n", "Words before it.\n\n", "- a list\n\n"])
@pytest.mark.parametrize("indent", ["", "  "])
def test_a_long_table_goes_on_with_its_head_repeated_and_no_row_cut(above, indent):
    head = ["| model | top-1 | remark |", "|---|--:|---|"]
    made = pages(above + "\n".join(indent + line for line in [*head, *ROWS]))
    tables = [[line.strip().removeprefix("- ") for line in part.splitlines() if "|" in line] for part in made]
    assert len(made) > 3
    assert all(table[:2] == head for table in tables if table)
    assert [row for table in tables for row in table[2:]] == ROWS


@pytest.mark.parametrize("above", ["", "### Code\n", "Words before it.\n\n"])
@pytest.mark.parametrize(("opening", "closing"), [("```python", "```"), ("~~~~", "~~~~~"), ("```python", "")])
def test_long_code_keeps_its_lines_and_its_fence(above, opening, closing):
    made = pages("\n".join([above + opening, *CODE, closing]))
    found = [re.findall(r"<pre><code(.*?)>(.*?)</code></pre>", as_html(part), flags=re.DOTALL) for part in made]
    assert len(made) > 3
    shown = [line for part in found for _, code in part for line in html.unescape(code).splitlines()]
    assert [line for line in shown if line] == CODE
    assert len({language for part in found for language, _ in part}) == 1


def test_indented_code_stays_code_when_it_is_cut():
    made = pages("### Code\n\n" + "\n".join("    " + line for line in CODE))
    assert len(made) > 3
    assert all(as_html(part).count("<pre>") == 1 and "<p>" not in as_html(part) for part in made)


def test_a_long_quote_is_cut_into_quotes_and_a_long_item_into_items():
    words = " ".join(f"Sentence {number} of them." for number in range(200))
    for text, tag in ((f"> {words}\n>\n> - {words}", "<blockquote>"), (f"- {words}\n\n  > {words}", "<li>")):
        made = [as_html(part) for part in pages(text)]
        assert len(made) > 3
        assert all(tag in part for part in made)


def test_no_link_and_no_code_is_cut_in_two():
    text = " ".join(f"See [the paper. All of it.](https://x.org/{number}) and `a. b` there." for number in range(60))
    made = [as_html(part) for part in pages(text)]
    assert len(made) > 2
    assert sum(part.count("<a href=") for part in made) == 60
    assert sum(part.count("<code>a. b</code>") for part in made) == 60


def test_headings_without_hashes_are_topics_too(library):
    card = write_card(library, "Reading a clip\n===\nSixteen.\n\nUnclear\n---\nWhy?\n")
    assert [re.match("<h2>(.*?)</h2>", body)[1] for body in bodies(card_deck(card))[1:3]] == [
        "Reading a clip",
        "Unclear",
    ]


def test_headings_that_are_only_dressed_as_such_have_slides_of_their_own(library):
    card = write_card(library, "**概要**\n一つ。\n\n**手法**\n二つ。\n")
    assert [re.match("<h2>(.*?)</h2>", body)[1] for body in bodies(card_deck(card))[1:3]] == ["概要", "手法"]


def test_questions_nobody_has_answered_stand_together_on_one_slide(library):
    card = write_card(library, "## どんなもの？\n\n三つ。\n\n## 議論はある？\n\n## 次に読むべき論文は？\n")
    (open_ones,) = [body for body in bodies(card_deck(card)) if "未記入" in body]
    assert re.findall("<li>(.*?)</li>", open_ones) == ["議論はある？", "次に読むべき論文は？"]


def test_a_session_shows_a_card_that_answers_none_of_its_questions_whole(library):
    write_card(library, "## 雨の日に読んだ\n\n濡れた。\n", language="en")
    assert any("濡れた" in body for body in bodies(session_deck("x", ["wang-2016-tsn"])))


# ---------------------------------------------------------------- nothing is live

ATTACKS = [
    "<script>window.hit = 1</script>",
    "<img src=x onerror='window.hit = 1'>",
    "[a](javascript:window.hit=1)",
    "[a](JaVaScRiPt:window.hit=1)",
    "[a](java\tscript:window.hit=1)",
    "[a](&#106;avascript:window.hit=1)",
    "<javascript:window.hit=1>",
    "[a]: javascript:window.hit=1\n\n[a]",
    "[a](data:text/html,<script>window.hit=1</script>)",
    '[a](https://x.org/"onmouseover=window.hit=1)',
    "![a](javascript:window.hit=1)",
    '![a" onerror="window.hit=1](https://x.org/y.png)',
    "![a](//x.org/y.png)",
    "[a](vbscript:x)",
    "<iframe src=https://x.org></iframe>",
    "</section></section><section data-background-iframe='https://x.org'>",
    "<!-- .slide: data-background-iframe='https://x.org' -->",
    "```html\n</script><script>window.hit=1</script>\n```",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_markdown_of_a_card_makes_no_tag_but_those_of_markdown(attack):
    made = as_html(f"before {attack} after\n\n{attack}")
    for tag, attributes in re.findall(r"<([a-zA-Z][^\s>/]*)([^>]*)>", made):
        assert tag in {"p", "a", "em", "strong", "code", "pre"}
        for name, value in re.findall(r'([^\s=]+)="([^"]*)"', attributes):
            assert name in {"href", "rel", "class"}
            assert name != "href" or re.match(r"https?://", html.unescape(value))


def test_a_link_to_the_web_stays_a_link():
    assert as_html("[a](https://arxiv.org/abs/1711.09577)").count("<a href=") == 1
    assert as_html("<https://arxiv.org/abs/1711.09577>").count("<a href=") == 1


@pytest.mark.parametrize(
    "target",
    ["../../secret.png", "/etc/passwd", "..\\..\\secret.png", "%2e%2e/%2e%2e/secret.png", "C:/x.png", "", "a\0b"],
)
def test_a_figure_outside_its_papers_folder_is_none(tmp_path, target):
    (tmp_path / "summaries" / "paper" / "cards").mkdir(parents=True)
    (tmp_path / "summaries" / "secret.png").write_bytes(PNG)
    (tmp_path / "secret.png").write_bytes(PNG)
    assert figure_file(tmp_path / "summaries" / "paper", target) is None


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("a b.png", "figures/a%20b.png"),
        ("図.png", "figures\\図.png"),
        ("a.png", "../figures/a.png"),
        ("か\u3099.png", "figures/が.png"),  # NFD on the disk, NFC in the card
        ("が.png", "figures/か\u3099.png"),
    ],
)
def test_a_figure_is_found_by_the_names_people_write(tmp_path, name, target):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / name).write_bytes(PNG)
    assert data_uri(figure_file(tmp_path, target)).startswith("data:image/png;base64,")


def test_a_picture_that_can_hold_scripts_is_not_shown(tmp_path):
    (tmp_path / "x.png").write_text("<svg onload='x'/>", encoding="utf-8")
    assert data_uri(tmp_path / "x.png") is None


def test_a_cards_figure_is_in_the_file(library):
    (library / "wang-2016-tsn" / "figures").mkdir()
    (library / "wang-2016-tsn" / "figures" / "a.png").write_bytes(PNG)
    card = write_card(library, "## 手法\n\n![図](figures/a.png)\n")
    assert '<img src="data:image/png;base64,' in slides_html(card_deck(card))


@pytest.mark.parametrize(
    "written",
    [
        "![a](figures/a.png)",
        "![a](images\\2018\\a.png)",  # where the review was written; its picture was put into figures/
        "![a](/assets/img/a.png)",
        "![a]({{ site.baseurl }}/assets/img/a.png)",
        "![a]({{site.baseurl}}\\assets\\a.png 'title')",
        '![a]({{ "/assets/img/a.png" | relative_url }})',
        "![a]({{ site.url }}{{ site.baseurl }}/img/a.png)",
        '<img src="figures/a.png" alt="a" width="480">',
        "<img alt='a' src=figures/a.png>",
        "<IMG SRC='{{ site.baseurl }}/a.png' alt=a />",
        "<p align='center'><img\n  src='a.png'\n  alt='a'></p>",
        "- item\n  - <img src=a.png alt=a>",
    ],
)
def test_a_picture_shows_however_it_is_written(library, written):
    (library / "wang-2016-tsn" / "figures").mkdir()
    (library / "wang-2016-tsn" / "figures" / "a.png").write_bytes(PNG)
    text = bodies(card_deck(write_card(library, f"## 手法\n\n{written}\n")))[1]
    assert re.search('<img src="data:image/png;base64,[^"]*" alt="a"', text)


def test_a_picture_written_in_code_is_code():
    made = as_html("`<img src=a.png>`\n\n```\n<img src=a.png>\n```\n", figure=lambda target: "data:,x")
    assert "<img" not in made
    assert html.unescape(made).count("<img src=a.png>") == 2


# ---------------------------------------------------------------- the file


def test_the_file_names_no_other(library):
    text = slides_html(card_deck(write_card(library, "## 手法\n\n疎に取る。\n")))
    ours = re.sub(r"<(script|style)>.*?</\1>", "", text, flags=re.DOTALL)
    assert not re.search(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=\"(?!data:)", ours)
    assert "default-src 'none'" in ours
    assert len(re.findall("sha256-", ours)) == 2


def test_reveal_js_comes_with_its_licence(library):
    assert "MIT licensed" in slides_html(card_deck(write_card(library, "## 手法\n\n。\n")))


def test_without_reveal_js_the_message_says_what_to_install(library, tmp_path, monkeypatch):
    monkeypatch.setattr(page.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install sphinx-revealjs"):
        write_slides(card_deck(write_card(library, "## 手法\n\n。\n")), tmp_path / "x.html")
    assert not (tmp_path / "x.html").exists()


def test_slides_are_a_web_page(library, tmp_path):
    with pytest.raises(ValueError, match=r"\.html"):
        write_slides(card_deck(write_card(library, "## 手法\n\n。\n")), tmp_path / "x.pdf")


# ---------------------------------------------------------------- the command


@pytest.mark.parametrize(
    "asked",
    [
        ["wang-2016-tsn"],
        ["wang-2016-tsn", "--language", "ja"],
        ["--stream", "inflation"],
        ["wang-2016-tsn", "hara-2018-retrace"],
    ],
)
def test_the_command_writes_slides(library, tmp_path, asked):
    write_card(library, "## どんなもの？\n\n三つ。\n")
    path = tmp_path / "made.html"
    result = CliRunner().invoke(app, ["card", "slides", *asked, "--to", str(path)])
    assert result.exit_code == 0, result.output
    assert "Reveal.initialize" in path.read_text(encoding="utf-8")


def test_the_command_shows_a_session_of_a_queue(library, tmp_path):
    (library / "queue").mkdir()
    rows = "id,title,session\nwang-2016-tsn,Temporal Segment Networks,Video\nother-2018-x,An unread paper,Video\na-2018-b,No,Faces\n"
    (library / "queue" / "eccv-2016.csv").write_text(rows, encoding="utf-8")
    path = tmp_path / "made.html"
    asked = ["card", "slides", "--venue", "ECCV 2016", "--session", "video", "--to", str(path)]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    text = path.read_text(encoding="utf-8")
    assert "An unread paper" in text
    assert ">No<" not in text
    result = CliRunner().invoke(app, ["card", "slides", "--venue", "ECCV 2016", "--session", "Vide"])
    assert result.exit_code == 2
    assert "did you mean 'Video'" in result.stderr


@pytest.mark.parametrize(
    "asked", [[], ["wang-2016-tsn", "--stream", "x"], ["wang-2016-tsn", "--language", "jp"], ["wang-2016-tsn"]]
)
def test_the_command_says_what_it_cannot_do(library, asked):
    result = CliRunner().invoke(app, ["card", "slides", *asked])
    assert result.exit_code == 2
    assert result.stderr.startswith("labkit: ")
