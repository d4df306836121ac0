"""A card is its file: nothing is lost in reading, and an edit changes what it says and no other byte."""

import re

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from nasty import documents, lines

from labkit.survey import SummaryError, cards, read_card
from labkit.survey.card.file import CardFile, card_paths
from labkit.survey.card.headings import headings

HEAD = """\
---
# who reads what
paper: hara-2018-retrace
language: ja   # of the card
format: ochiai
reader: reader-a
status: done
keywords: [3D CNN, transfer]  # two
shelf: {own: "key", of: 'somebody'}
next:
  - Quo Vadis   # read it

  # that was all
---
"""
BODY = """
# [The title](https://example.org)

## どんなもの？

深いネットワーク。

## ２．手法のキモ：
- a
### 3.1 Two-Stream
inner
## 限界
"""
CARD = HEAD + BODY


def card(text: str = CARD) -> CardFile:
    return CardFile.parse(text.encode(), "ja-reader-a.md")


def only_inserted(old: str, new: str) -> bool:
    """Whether the new text is the old one with something put in at one place."""
    start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), len(old))
    return new.endswith(old[start:]) and len(new) >= len(old)


@given(documents())
def test_reading_loses_no_byte_and_sections_cover_the_text(text):
    try:
        read = card(text)
        start = read.body_start
    except SummaryError:
        reject()
    assert bytes(read) == text.encode()
    assert read.sections[0].start == start
    for one, after in zip(read.sections, read.sections[1:], strict=False):
        assert one.end == after.start
    assert read.sections[-1].end == len(text)
    assert all(one.text == text[one.body : one.end] for one in read.sections)


def test_sections_have_the_role_of_their_heading_or_of_the_one_around_it():
    found = [(one.heading, one.role, one.own) for one in card().sections if one.heading]
    assert found == [
        ("[The title](https://example.org)", None, False),
        ("どんなもの？", "what", True),
        ("２．手法のキモ：", "method", True),
        ("3.1 Two-Stream", "method", False),
        ("限界", "limitation", True),
    ]
    assert card().role("method") == "- a\n\n3.1 Two-Stream: inner"
    assert card().role("links") == ""


def test_a_section_knows_its_line():
    lines_ = CARD.splitlines()
    assert all(lines_[one.line - 1].endswith(one.heading) for one in card().sections if one.heading)


def test_what_code_and_comments_hide_is_no_heading():
    text = "## 手法\n```py\n# a\n~~~\n```\n<!--\n# b\n-->\n{% highlight py %}\n# c\n{% endhighlight %}\n<pre>\n# d\n</pre>\n# 結果\n"
    assert [one.heading for one in card(text).sections] == ["", "手法", "結果"]


@pytest.mark.parametrize(
    "line",
    ["##手法", "＃＃　手法", "**手法**", "__手法__：", "■ 手法", "【手法】", "<h2>手法</h2>", "手法\n---", "手法\n==="],
)
def test_a_line_dressed_as_a_heading_is_one_where_a_format_asks_it(line):
    assert [(one.heading, one.role) for one in card(f"text\n\n{line}\nbody\n").sections][1:] == [("手法", "method")]
    assert len(card(f"text\n\n{line.replace('手法', 'あしたの天気')}\nbody\n").sections) == 1


def roles(text: str) -> list[str | None]:
    return [one.role for one in card(text).sections if one.heading]


@pytest.mark.parametrize("number", ["1.", "1. ", "１．", "(1) ", "①", "① ", "Q1. "])
def test_a_numbered_line_is_a_heading_where_a_format_asks_its_words(number):
    later = number.translate(str.maketrans("1１①", "2２②"))
    text = f"{number}どんなもの?\n速い。\n\n{later}議論はある?\n計算量。\n"
    assert roles(text) == ["what", "discussion"]
    assert card(text).role("discussion") == "計算量。"
    assert roles(text.replace("どんなもの", "晴れた").replace("議論はある", "暑い")) == []


@pytest.mark.parametrize("between", ["\n", "\n\n"])
def test_a_list_of_words_that_a_format_asks_is_a_list(between):
    assert roles(between.join(["1. Introduction", "2. Method", "3. Results"]) + "\n\nThat is all.\n") == []
    assert roles("The order:\n1. Method\nand so on\n") == []
    assert roles("1. Method\nWe inflate.\n\n2. Results\nGood.\n") == ["method", "results"]


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ("## Paper structure outline\nFive parts.\n\n## Paper\nhttps://x.org\n", True),
        ("## Paper\nhttps://x.org\n### What was tried?\nTraining.\n", True),
        ("## What is it?\nDeep.\n## Method\n", True),
        ("no headings, but words\n", True),
        ("# A title\nIts authors\n\n## Method\n\n## Results\n", False),
        ("## A title\nIts authors\n\n### Method\n", False),
        ("# A title\n\n## Links\n[the paper](https://x.org)\n", False),
    ],
)
def test_a_card_is_written_when_something_stands_below_a_heading_that_is_no_link(body, written):
    assert card(HEAD + body).is_written is written


MARKDOWN = [
    "",
    "text",
    "# a",
    "## b ##",
    "###",
    "### c  ",
    "#no",
    "    # code",
    "```",
    "```py",
    "~~~",
    "~~~~",
    "####### x",
]


@given(st.lists(st.sampled_from(MARKDOWN), max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_headings_are_those_of_markdown(chosen, end):
    text = end.join(chosen) + end
    tokens = MarkdownIt("commonmark").parse(text)
    wanted = [
        (int(token.tag[1]), tokens[i + 1].content, token.map[0])
        for i, token in enumerate(tokens)
        if token.type == "heading_open" and token.markup.startswith("#")
    ]
    found = [(one.level, one.text, text[: one.start].count("\n")) for one in headings(text, 0, lambda words: False)]
    assert found == wanted


@given(documents(), st.sampled_from(["新しい\n文", "x", "## sub", "- a\r\n- b", "a: b", "#"]), documents())
def test_editing_a_section_changes_only_that_section(before, new, after):
    text = HEAD + before + "\n\n## 手法のキモ\n\nold\n\n" + after
    read = card(text)
    try:
        made = read.edit("method", new)
    except (LookupError, ValueError):
        reject()  # hidden in somebody's open code block, or the text would end the section
    section = next(one for one in read.sections if one.role == "method" and one.own)
    assert made.text.startswith(text[: section.body])
    assert made.text.endswith(text[section.end :])
    assert re.sub(r"\s", "", new) in re.sub(
        r"\s", "", made.text[section.body : len(made.text) - len(text) + section.end]
    )
    assert made.about == read.about


def test_an_edit_keeps_the_blank_lines_and_line_ends_around_it():
    text = CARD.replace("\n", "\r\n")
    made = card(text).edit("what", "一\n二")
    assert made.text == text.replace("深いネットワーク。", "一\r\n二")


def test_an_edit_fills_an_empty_section():
    assert card().edit("limitation", "なし").text == CARD + "なし\n"
    assert card(CARD.rstrip("\n")).edit("limitation", "なし").text == CARD + "なし\n"
    assert card(HEAD + "## 手法\n## 結果\nx\n").edit("method", "m").text == HEAD + "## 手法\nm\n## 結果\nx\n"


@pytest.mark.parametrize("text", ["a\n\n## 結果\nb", "```\nopen", "# top", "<!-- open"])
def test_an_edit_that_would_swallow_or_end_sections_is_refused(text):
    with pytest.raises(ValueError, match="would change the sections after it"):
        card().edit("what", text)


def test_an_edit_of_a_section_that_is_not_there_says_what_is():
    with pytest.raises(LookupError, match="no section about 'code'; it has what, method, limitation"):
        card().edit("code", "x")


@given(
    st.one_of(
        lines, st.sampled_from(["a: b", "- x", "yes", "2018", "#1", "[a", '"', "\\", "", "動画", "é", "null", "~"])
    )
)
def test_a_keyword_is_put_in_and_nothing_else_changes(keyword):
    made = card().add_keyword(keyword)
    assert made.keys == {**card().keys, "keywords": ["3D CNN", "transfer", keyword]}
    assert only_inserted(CARD, made.text)
    assert made.text.endswith(BODY)
    assert made.add_keyword(keyword) is made


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("keywords: [a, b]", "keywords: [a, b, new]"),
        ("keywords: [ a , b, ]  # c", "keywords: [ a , b, new, ]  # c"),
        ("keywords: []", "keywords: [new]"),
        ("keywords:", "keywords: [new]"),
        ("keywords:  # none yet", "keywords: [new]  # none yet"),
        ("keywords:\n  - a\n  - 'b' # c\n  # d", "keywords:\n  - a\n  - 'b' # c\n  - new\n  # d"),
        ("keywords:\n- a", "keywords:\n- a\n- new"),
        ("keywords: [\n  a, # x\n  b # y\n]", "keywords: [\n  a, # x\n  b, new # y\n]"),
        ("goal: x", "goal: x"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_list_is_continued_in_the_style_it_has(old, new, end):
    text = f"---\n{old}\nlast: 1\n---\nbody\n"
    wanted = f"---\n{new}\nlast: 1\n---\nbody\n"
    if "keywords" not in old:
        wanted = wanted.replace("last: 1\n", "last: 1\nkeywords: [new]\n")
    assert card(text.replace("\n", end)).add_keyword("new").text == wanted.replace("\n", end)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("status: done  # yes", "status: reviewed  # yes"),
        ("status: 'done'", "status: reviewed"),
        ("status: |\n  done\n", "status: reviewed\n"),
        ("status:\n  - a\n  - b\n# c", "status: reviewed\n# c"),
        ("status: {a: 1}", "status: reviewed"),
    ],
)
def test_a_value_is_replaced_where_it_stands(old, new):
    made = card(f"---\nfirst: 1\n{old}\nlast: 2\n---\n").put("status", "reviewed")
    assert made.text == f"---\nfirst: 1\n{new}\nlast: 2\n---\n"


def test_what_anchors_tie_together_is_not_edited():
    with pytest.raises(ValueError, match="edit it by hand"):
        card("---\nstatus: &s done\nother: *s\n---\n").put("status", "x")


def test_a_saved_card_reads_back(tmp_path):
    path = card().add_keyword("動画").save(tmp_path / "ja-reader-a.md")
    assert path.read_bytes() == bytes(card().add_keyword("動画"))
    assert read_card(path).about.keywords == ("3D CNN", "transfer", "動画")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (HEAD.replace("format: ochiai", "format: ochai"), 5, "ochiai"),
        (HEAD.replace("status:", "statsu:"), 7, "did you mean 'status'"),
        (HEAD.replace("status: done", "date: 04/03/2018"), 7, "write it as 2018-03-04"),
        (HEAD.replace("status: done", "date: 2018/03/04"), 7, "not year-month-day"),
        (HEAD.replace("status: done", "claims: [{text: It wins.}]"), 7, "give a source, or say `unsure: true`"),
        (HEAD.replace("status: done", "claims:\n- {text: a, source: b, disputes: c}"), 8, "needs evidence"),
        (HEAD.replace("status: done", "\tstatus: done"), 7, "found"),
        (HEAD.replace("reader: reader-a", "reader: 読者"), 6, "reader"),
        (HEAD.replace("reader: reader-a", "paper: other"), 6, "key 'paper' twice"),
        (HEAD.rsplit("---", 1)[0] + "## 手法\n", 1, "does not end; put a line `---`"),
        ("## 手法\n", 1, "begins with front matter"),
        ("---\n- a\n---\n", 2, "must be keys and values"),
        (CARD.encode("cp932"), 18, "not UTF-8"),
        (CARD.encode("utf-16"), 1, "not UTF-8"),
        (b"", None, "empty"),
        (b"\xef\xbb\xbf\n", None, "empty"),
    ],
)
def test_a_bad_card_is_named_with_its_line(text, line, reason, tmp_path):
    path = tmp_path / "ja-reader-a.md"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SummaryError) as caught:
        read_card(path)
    assert (caught.value.path, caught.value.line) == (path, line), caught.value
    assert reason in caught.value.reason


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_byte_order_marks_and_line_ends_are_read_and_kept(mark, end):
    read = card(mark + CARD.replace("\n", end))
    assert read.about == card().about
    assert [one.heading for one in read.sections] == [one.heading for one in card().sections]
    assert [one.line for one in read.sections] == [one.line for one in card().sections]


def test_a_bad_card_does_not_keep_the_others_from_being_read(library):
    folder = library / "hara-2018-retrace" / "cards"
    folder.mkdir()
    (folder / "ja-reader-a.md").write_text(CARD, encoding="utf-8")
    (folder / "ja-reader-b.md").write_text("no card", encoding="utf-8")
    told: list[SummaryError] = []
    assert [one.about.reader for one in cards(on_error=told.append)] == ["reader-a"]
    assert [one.path.name for one in told] == ["ja-reader-b.md"]
    with pytest.raises(SummaryError):
        list(cards("hara-2018-retrace"))
    assert len(card_paths()) == 2
    assert card_paths("wang-2016-tsn") == ()


def test_site_generators_keys_are_no_slips_of_ours():
    text = HEAD.replace("shelf:", "tags: [a]\nlayout: post\ncomments: true\ncategories: x\nshelf:")
    assert card(text).about.model_extra["tags"] == ["a"]


def test_the_example_in_the_docstring_is_a_card():
    from labkit.survey.card import schema

    example = re.search(r"```\n(---\n.*?\n---\n.*?)```", schema.__doc__, re.S)[1]
    about = card(example).about
    assert about.claims[1].disputes == "input-size"
    assert about.next[0].paper == "carreira-2017-quo-vadis"
