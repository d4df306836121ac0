"""The check of a folder: whatever is wrong is named with file and line, and the rest goes on."""

import json
import unicodedata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labkit.cli import app
from labkit.survey.card.file import CardFile
from labkit.survey.card.formats import TEMPLATES
from labkit.survey.card.links import Link, fault, links
from labkit.survey.card.new import new_card
from labkit.survey.check.report import check, check_card
from labkit.survey.publication.problems import Problem, listed, plain

HARA, CARREIRA, TSN = "hara-2018-retrace", "carreira-2017-quo-vadis", "wang-2016-tsn"
CARD = """\
---
paper: {paper}
language: en
format: abstract
reader: reader-a
status: {status}
{more}---

# {paper}

## Abstract

{body}
"""
HEADER = "model,dataset,metric,value,unit,source"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))


def put_card(
    library, paper=TSN, *, status="done", more="", body="Words about it.", name="en-reader-a", text=None
) -> Path:
    path = library / paper / "cards" / f"{name}.md"
    path.parent.mkdir(exist_ok=True)
    text = text if text is not None else CARD.format(paper=paper, status=status, more=more, body=body)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def edit(library, old, new, paper=TSN, name="paper.yaml"):
    path = library / paper / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def told(folder, severity=None) -> list[tuple[str, int | None, str, str]]:
    """(file's name, line, severity, rule) of every problem, or of those of one severity."""
    return [
        (one.path.name, one.line, one.severity, one.rule)
        for one in check(folder).problems
        if severity in (None, one.severity)
    ]


def test_the_committed_summaries_have_no_error_and_no_warning():
    report = check()
    assert [str(one) for one in report.problems if one.severity != "note"] == []
    assert report.papers > 30
    assert report.cards > 40
    assert 0 < report.unsure < report.stated
    assert "unsure: " in str(report)


def test_a_good_folder_has_no_problems(library):
    put_card(library)
    report = check(library)
    assert report.problems == ()
    assert (report.papers, report.cards) == (4, 1)


# Bad input, each named with file and line; everything else is still read.

BAD_PAPERS = {
    "wrong encoding": (b"id: wang-2016-tsn\ntitles: {en: Caf\xe9}\n", 2, "schema", "not UTF-8"),
    "empty": (b"", None, "schema", "empty"),
    "blank": (b" \n\n", None, "schema", "empty"),
    "tab": (b"id: wang-2016-tsn\ntitles:\n\ten: A title\n", 3, "schema", "cannot start any token"),
    "misspelt key": (b"id: wang-2016-tsn\ntitles: {en: T}\nyaer: 2016\n", 3, "schema", "did you mean 'year'"),
    "key twice": (b"id: wang-2016-tsn\nid: wang-2016-tsn\n", 2, "schema", "twice"),
    "no mapping": (b"- a\n- b\n", 1, "schema", "expected keys and values"),
    "another id": (b"id: wang-2017-tsn\ntitles: {en: T}\n", 1, "schema", "the folder is 'wang-2016-tsn'"),
}


@pytest.mark.parametrize("kind", BAD_PAPERS)
def test_a_bad_paper_is_named_with_its_line_and_the_rest_goes_on(library, kind):
    data, line, rule, words = BAD_PAPERS[kind]
    (library / TSN / "paper.yaml").write_bytes(data)
    put_card(library, HARA, status="finished")
    report = check(library)
    found = [one for one in report.problems if one.path.parent.name == TSN]
    assert [(one.line, one.severity, one.rule) for one in found] == [(line, "error", rule)]
    assert words in found[0].message
    assert any(one.path.name == "en-reader-a.md" for one in report.problems), "the other file is checked as well"


def test_a_tab_in_yaml_is_told_to_be_spaces(library):
    (library / TSN / "paper.yaml").write_text("id: wang-2016-tsn\ntitles:\n\ten: A title\n")
    assert "spaces" in check(library).problems[0].suggestion


BAD_CARDS = {
    "wrong encoding": ("---\npaper: a\n---\n# 動画\n".encode("cp932"), 4, "not UTF-8"),
    "empty": (b"", None, "empty"),
    "no front matter": (b"# A review\n\nWords.\n", 1, "front matter"),
    "never closed": (b"---\npaper: wang-2016-tsn\nlanguage: en\n\n# Words\n", 1, "does not end"),
    "tab": (b"---\npaper: wang-2016-tsn\n\tlanguage: en\n---\n", 3, "tab character"),
    "other date": (
        CARD.format(paper=TSN, status="done", more="date: 04/03/2018\n", body="W.").encode(),
        7,
        "year-month-day",
    ),
    "day first": (CARD.format(paper=TSN, status="done", more="date: 4.3.2018\n", body="W.").encode(), 7, "2018-03-04"),
    "unknown status": (CARD.format(paper=TSN, status="finnished", more="", body="W.").encode(), 6, "status"),
}


@pytest.mark.parametrize("kind", BAD_CARDS)
def test_a_bad_card_is_named_with_its_line_and_the_rest_goes_on(library, kind):
    data, line, words = BAD_CARDS[kind]
    put_card(library, text=data)
    put_card(library, HARA, body="![](figures/gone.png)")
    found = [one for one in check(library).problems if one.severity == "error"]
    assert [(one.line, one.rule) for one in found if one.path.parent.parent.name == TSN] == [(line, "schema")]
    assert words in next(one.message for one in found if one.rule == "schema")
    assert "dead-link" in {one.rule for one in found}


def test_several_mistakes_of_one_file_are_all_told(library):
    (library / TSN / "paper.yaml").write_text(
        "id: wang-2016-tsn\ntitles: {en: T}\nyear: 16\nlinks: [{title: x, url: no}]\n"
    )
    assert told(library) == [("paper.yaml", 3, "error", "schema"), ("paper.yaml", 4, "error", "schema")]


@pytest.mark.parametrize(
    ("value", "words", "suggestion"),
    [
        ('"98,0"', "comma", "write 98.0"),
        ("98.0%", "percent", "write 98.0"),
        ("nan", "finite", ""),
        ("about 98", "number", ""),
    ],
)
def test_a_number_that_is_none_is_named_and_the_other_rows_are_read(library, value, words, suggestion):
    rows = f"{HEADER}\nA,UCF-101,top-1,{value},%,Table 1\nB,UCF-101,top-1,101.0,%,Table 1\n"
    (library / TSN / "results.csv").write_text(rows)
    report = check(library)
    assert [(one.line, one.rule) for one in report.problems] == [(2, "schema"), (3, "percent-range")]
    assert words in report.problems[0].message
    assert report.problems[0].suggestion == suggestion


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (f"{HEADER}\nA,B\n", 2, "fields"),
        (f'{HEADER}\n"A,UCF-101,top-1,50,%,Table 1\n', None, ""),
        ("modle,dataset,metric,value,unit,source\n", 1, "did you mean"),
        ("model,dataset\n", 1, "no column"),
    ],
)
def test_a_broken_table_is_named(library, text, line, words):
    (library / TSN / "results.csv").write_text(text)
    found = check(library).problems
    assert [one.severity for one in found] == ["error"]
    assert line in (None, found[0].line)
    assert words in found[0].message


def test_a_byte_order_mark_and_mixed_line_ends_are_told_and_read_all_the_same(library):
    text = CARD.format(paper=TSN, status="done", more="", body="Words.")
    put_card(library, text=b"\xef\xbb\xbf" + text.encode())
    put_card(library, HARA, text=text.replace(TSN, HARA).replace("\n", "\r\n"))
    put_card(library, CARREIRA, text=text.replace(TSN, CARREIRA).replace("\n\n#", "\r\n\r\n#"))
    found = {(one.path.parent.parent.name, one.line, one.severity, one.rule) for one in check(library).problems}
    assert found == {
        (TSN, 1, "warning", "byte-order-mark"),
        (HARA, 1, "note", "line-ends"),
        (CARREIRA, 7, "warning", "line-ends"),
    }


# Ids and places.


def test_two_papers_with_one_arxiv_number_or_doi_are_both_named(library):
    edit(library, "venue: ECCV 2016", 'venue: ECCV 2016\narxiv: {id: "1705.07750v2", source: arXiv}')
    edit(
        library, "venue: TPAMI 2018", "venue: TPAMI 2018\ndoi: {id: 10.1109/cvpr.2017.502, source: x}", "wang-2018-tsn"
    )
    found = [one for one in check(library).problems if one.rule == "duplicate-id"]
    assert {(one.path.parent.name, one.message.split()[0]) for one in found} == {
        (TSN, "arxiv"),
        (CARREIRA, "arxiv"),
        ("wang-2018-tsn", "doi"),
        (CARREIRA, "doi"),
    }
    assert all(one.line for one in found)


def test_an_id_that_another_folder_has_is_a_duplicate(library):
    edit(library, "id: wang-2016-tsn", "id: wang-2018-tsn")
    assert {one[3] for one in told(library)} == {"schema", "duplicate-id"}


def test_a_card_in_the_wrong_place_or_under_the_wrong_name_is_named(library):
    put_card(library, HARA, text=CARD.format(paper=TSN, status="done", more="", body="W."))
    put_card(library, name="ja-reader-a")
    found = check(library).problems
    assert [(one.rule, one.line) for one in found] == [("misplaced", 2), ("misplaced", 3)]
    assert [one.suggestion for one in found] == [f"move it to {TSN}/cards", "call it en-reader-a.md"]


def test_cards_without_a_paper_are_named(library):
    (library / TSN / "paper.yaml").unlink()
    put_card(library)
    assert ("en-reader-a.md", None, "error", "no-paper") in told(library)


# Cards that say they are done.


@pytest.mark.parametrize("body", ["", "<!-- to do -->", "{:toc}", "https://arxiv.org/abs/1608.00859", "- \n- \n"])
@pytest.mark.parametrize("status", ["done", "reviewed"])
def test_a_done_card_without_words_is_an_error(library, body, status):
    put_card(library, body=body, status=status)
    assert told(library) == [("en-reader-a.md", 6, "error", "empty-card")]


def test_a_card_that_is_still_being_read_may_be_empty(library):
    put_card(library, body="", status="reading")
    assert told(library) == []


@pytest.mark.parametrize("format", TEMPLATES)
def test_a_new_card_of_any_format_is_not_done_by_saying_so(library, format):
    path = new_card(HARA, format=format, language="ja", reader="reader-a")
    path.write_text(path.read_text("utf-8").replace("status: reading", "status: done"), "utf-8")
    assert [one[3] for one in told(library)] == ["empty-card"]


# Links.


def test_notebooks_cells_papers_and_claims_that_are_not_there_are_named(library):
    more = (
        "next: [{text: Some paper, paper: hara-2018-retrase}]\n"
        "claims:\n"
        "  - {text: A., unsure: true, notebook: 05_overfitting_curve, cell: gap-figure}\n"
        "  - {text: B., unsure: true, notebook: 05_overfitting_curves, cell: gap-figur}\n"
        "  - {text: C., unsure: true, disputes: no-such-claim, evidence: e}\n"
        "  - {text: D., unsure: true, notebook: 99}\n"
        "  - {text: E., unsure: true, notebook: 05_overfitting_curves, cell: gap-figure}\n"
    )
    put_card(library, more=more.replace("notebook: 99", 'notebook: "99"'))
    found = check(library).problems
    # The start of a notebook's name names it: 05_overfitting_curve.
    assert [(one.line, one.rule) for one in found] == [(line, "dead-link") for line in (7, 10, 11, 12)]
    by_line = {one.line: one for one in found}
    assert by_line[7].suggestion == f"did you mean {HARA}?"
    assert by_line[10].suggestion == "did you mean gap-figure?"


def test_a_papers_claim_names_a_notebook_that_is_there(library):
    edit(
        library, "venue: ECCV 2016", "venue: ECCV 2016\nclaims: [{id: a, text: T, unsure: true, notebook: 77_nothing}]"
    )
    assert told(library) == [("paper.yaml", 7, "error", "dead-link")]


@pytest.fixture
def figures(library) -> Path:
    folder = library / TSN / "figures"
    folder.mkdir()
    names = ("a.png", "図 1.png", unicodedata.normalize("NFD", "が.png"), unicodedata.normalize("NFC", "그림.png"))
    for name in names:
        (folder / name).write_bytes(b"")
    put_card(library, HARA)
    return folder


@pytest.mark.parametrize(
    "body",
    [
        "![](figures/a.png)",
        "![a](../figures/a.png 'title')",
        "![a](<../figures/図 1.png>)",
        "![a](../figures/図%201.png)",
        "![a](figures\\図 1.png)",
        f"![a](figures/{unicodedata.normalize('NFC', 'が.png')})",
        f"![a](figures/{unicodedata.normalize('NFD', '그림.png')})",
        '<img src="figures/a.png">',
        "<img src=figures/a.png width=480 data-src=gone.png>",
        "![a]({{ site.baseurl }}/assets/img/a.png) and ![a](/assets/a.png), put into figures",
        "[other](../../hara-2018-retrace/cards/en-reader-a.md#abstract)",
        "[web](https://example.org/x_(y).png) and [mail](mailto:a@b.c) and [here](#abstract)",
        "[site]({{ site.baseurl }}/x)",
        "`![](gone.png)` and\n\n```\n![](gone.png)\n```\n\n<!-- ![](gone.png) -->",
        "[not](a link\n",
        "a](",
    ],
)
def test_links_that_lead_somewhere_are_left_alone(library, figures, body):
    put_card(library, body=f"Words. {body}")
    assert told(library) == []


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("![](figures/b.png)", "dead-link"),
        ("![](figures/A.png)", "dead-link"),
        ("[x](../../hara-2018-retrace/cards/ja-reader-a.md)", "dead-link"),
        ("![]()", "dead-link"),
        ("![]({{ site.baseurl }}/assets/gone.png)", "dead-link"),
        ("<img width=3 src='gone.png'>", "dead-link"),
        ("![](../../hara-2018-retrace/cards/en-reader-a.md)", "leaves-folder"),
        ("![](../../../../../etc/passwd)", "leaves-folder"),
        ("![](%2e%2e/%2e%2e/%2e%2e/secret.png)", "leaves-folder"),
        ("![](..\\..\\..\\secret.png)", "leaves-folder"),
        ("![](/etc/passwd)", "leaves-folder"),
        ("![](C:\\x.png)", "leaves-folder"),
        ("![](figures/leak.png)", "leaves-folder"),
        ("[x](../../../outside.md)", "leaves-folder"),
        ("[x](javascript:alert(1))", "unsafe-link"),
        ("![](data:image/svg+xml;base64,AAAA)", "unsafe-link"),
        ("[x](file:///etc/passwd)", "unsafe-link"),
        ("<a href='vbscript:x'>x</a>", "unsafe-link"),
        ("[x]: gone.md", "dead-link"),
    ],
)
def test_links_that_are_dead_or_lead_out_are_errors(library, figures, body, rule):
    outside = library.parent / "secret.png"
    outside.write_bytes(b"")
    (figures / "leak.png").symlink_to(outside)
    put_card(library, body=f"Words.\n\n{body}")
    assert told(library) == [("en-reader-a.md", 15, "error", rule)]


def test_a_dead_figure_names_the_one_that_is_meant(library, figures):
    put_card(library, body="![](figures/aa.png)")
    assert check(library).problems[0].suggestion == "did you mean ../figures/a.png?"


def test_dead_figures_of_an_imported_review_are_warnings(library):
    put_card(library, more="imported: {file: review.md}\n", body="Words. ![](images\\1.png)")
    assert told(library) == [("en-reader-a.md", 14, "warning", "dead-link")]


def test_links_are_found_in_linear_time():
    assert list(links("](" * 200_000)) == []
    assert len(list(links("[a](b) " * 20_000))) == 20_000


# Numbers, through the whole check.


def test_findings_of_the_proofreader_name_file_and_line(library):
    edit(library, "year: 2016", "year: 2017")
    rows = f"{HEADER}\nA,UCF-101,top-1,50.0,%,Table 1\nA,UCF-101,top-5,40.0,%,Table 1\n"
    (library / HARA / "results.csv").write_text(rows)
    claim = "claims:\n  - {text: Twice., unsure: true, check: {says: 3 / 2 = 2}}\n"
    put_card(library, more=claim)
    found = told(library)
    assert ("results.csv", 3, "error", "top5-below-top1") in found
    assert ("paper.yaml", 5, "error", "year") in found
    assert ("en-reader-a.md", 8, "error", "arithmetic") in found


def test_what_was_found_once_is_found_again_from_the_cache_until_it_is_mended(library):
    rows = f"{HEADER}\nA,UCF-101,top-1,50.0,%,Table 1\nA,UCF-101,top-5,40.0,%,Table 1\n"
    path = library / HARA / "results.csv"
    path.write_text(rows)
    assert [one[3] for one in told(library)] == ["top5-below-top1"]
    assert [one[3] for one in told(library)] == ["top5-below-top1"]
    path.write_text(rows.replace("40.0", "60.0"))
    assert told(library) == []


def test_the_share_of_unsure_counts_numbers_ids_and_claims(library):
    header = HEADER + ",status\n"
    rows = "".join(f"A{n},UCF-101,top-1,50.0,%,Table 1,{status}\n" for n, status in enumerate(("unsure", "printed")))
    (library / TSN / "results.csv").write_text(header + rows)
    put_card(library, more="claims: [{text: A., unsure: true}, {text: B., source: Table 1}]\n")
    report = check(library)
    # Two rows, two claims of a card, two arXiv numbers and a DOI of the fixture.
    assert (report.unsure, report.stated) == (2, 7)


# One card alone, and the command.


def test_one_card_is_checked_before_it_is_saved(library):
    path = put_card(library, body="", status="reading")
    card = CardFile.parse(path.read_bytes(), path).put("status", "done")
    assert [one.rule for one in check_card(card)] == ["empty-card"]
    assert check_card(CardFile.parse(path.read_bytes(), path)) == ()
    assert path.read_text("utf-8").count("reading") == 1


def test_where_one_paper_says_what_numbers_it_lacks_the_others_do_not_pass_in_silence(library):
    assert check(library).problems == ()
    path = library / TSN / "paper.yaml"
    path.write_text(path.read_text("utf-8") + "missing: All of them.\n", "utf-8")
    told = [(one.path.parent.name, one.severity, one.rule) for one in check(library).problems]
    assert len(told) == 3
    assert (HARA, "note", "no-numbers") in told
    assert TSN not in {paper for paper, _, _ in told}


def run(*arguments):
    return CliRunner().invoke(app, ["card", "check", *map(str, arguments)])


def test_the_command_groups_by_file_and_fails_on_errors_only(library):
    put_card(library, body="![](gone.png) Words.")
    put_card(library, HARA, body="![](gone.png) Words.", more="imported: {file: a.md}\n")
    result = run(library)
    assert result.exit_code == 1
    assert f"{TSN}/cards/en-reader-a.md\n  line 13   error" in result.stdout
    assert "4 papers, 2 cards, 0 numbers: 1 error, 1 warning, 0 notes; unsure: " in result.stdout
    put_card(library, body="Words.")
    assert run(library).exit_code == 0


def test_the_command_prints_json(library):
    put_card(library, body="![](gone.png) Words.")
    result = run(library, "--json")
    assert result.exit_code == 1
    printed = json.loads(result.stdout)
    assert printed["papers"] == 4
    assert [(one["line"], one["rule"]) for one in printed["problems"]] == [(13, "dead-link")]


def test_a_folder_that_is_not_there_is_refused_by_the_command(tmp_path):
    result = run(tmp_path / "nowhere")
    assert result.exit_code == 2
    assert "should hold" in result.stderr


def test_a_folder_may_be_named_by_a_way_around(library):
    put_card(library, body=f"Words. [one](../../{HARA}/paper.yaml)")
    assert check(library / HARA / "..").errors == 0


def test_the_folder_of_one_paper_is_no_library(library):
    result = run(library / TSN)
    assert result.exit_code == 2
    assert "the folder of one paper" in result.stderr


def test_a_number_with_a_comma_and_no_quotes_is_told_as_such(library):
    (library / TSN / "results.csv").write_text(f"{HEADER}\nTSN,UCF-101,top-1,98,0,%,Table 1\n", "utf-8")
    (problem,) = check(library).problems
    assert problem.line == 2
    assert problem.message.startswith("7 fields, but the header has 6")
    assert "98,0" in problem.suggestion


def test_nothing_from_a_file_steers_the_terminal(library):
    put_card(library, body="Words. ![](a\x1b[2Jb.png)")
    shown = run(library).stdout
    assert "\x1b" not in shown
    assert "\\x1b[2Jb.png" in shown.replace("\\\\", "\\")


def test_problems_are_shown_on_one_line_each(tmp_path):
    one = Problem(tmp_path / "a\nb", 3, "error", "rule", "two\nlines \u202e turned")
    assert len(list(listed([one], tmp_path))) == 2
    assert plain("a\nb\u202e") == "a\\x0ab\\x202e"


def test_a_windows_path_of_one_letter_is_no_scheme(tmp_path):
    found = fault(Link(1, True, "D:/x.png"), tmp_path / "p" / "cards" / "c.md", tmp_path)
    assert found is not None
    assert found.rule == "leaves-folder"


def test_an_unreadable_file_is_named(library):
    path = library / TSN / "results.csv"
    path.symlink_to(library / "nowhere.csv")
    assert ("results.csv", None, "error", "unreadable") in told(library)
