"""The library for other programs: BibTeX that comes back as it was, tables without formulas, JSON-LD that ends no script."""

import csv
import io
import json
import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from labkit.cli import app
from labkit.survey.card.file import CardFile
from labkit.survey.library.export import bibtex, export, json_ld, json_ld_script, results_table, to_csv
from labkit.survey.library.shelf import open_shelf
from labkit.survey.publication.csv_cells import guarded, unguarded
from labkit.survey.publication.schema import RESULT_COLUMNS, Paper
from labkit.survey.queue.venue import read_list

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
# Names that a reader of BibTeX may take for something else are the tests' own subject, below.
PLAIN = st.text("abcdeéüñ字動画한국中", min_size=1, max_size=8)


def a_paper(title="A title", family="Hara", given="Kensho", **more) -> Paper:
    about = {"id": "some-paper", "titles": {"en": title}, "authors": [{"given": given, "family": family}]}
    return Paper.model_validate({**about, "year": 2018, "venue": "CVPR 2018", **more})


def read_back(tmp_path, papers):
    path = tmp_path / "made.bib"
    path.write_text(bibtex(papers), encoding="utf-8")
    return read_list(path)


def test_all_papers_of_the_library_come_back_from_bibtex(tmp_path):
    papers = [paper for paper in open_shelf().papers.values() if paper.kind == "paper"]
    assert len(papers) > 20
    listed = read_back(tmp_path, papers)
    assert listed.problems == ()
    assert [one.title for one in listed.papers] == [paper.title for paper in papers]
    for paper, one in zip(papers, listed.papers, strict=True):
        assert one.year == str(paper.year)
        assert one.arxiv == (paper.arxiv.id if paper.arxiv else "")
        assert one.doi == (paper.doi.id if paper.doi else "")
        assert one.pages == paper.pages
        assert one.authors == "; ".join(f"{a.family}, {a.given}" for a in paper.authors)


@settings(max_examples=40, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=4), PLAIN, PLAIN)
def test_any_title_gives_bibtex_that_can_be_read(tmp_path_factory, words, family, given):
    listed = read_back(
        tmp_path_factory.mktemp("bib"), [a_paper(" ".join(words), family, given), a_paper("Next", id="next-paper")]
    )
    assert listed.problems == ()
    assert listed.papers[-1].title == "Next"
    assert len(listed.papers) == 2


@pytest.mark.parametrize(
    "title",
    [
        "50 % of $5 & more #1 under_score",
        "動画認識: 行動とは何か",
        "C3D ~ a \\ b",
        "A {B} C",
        "비디오 이해",
        "Ångström & naïve",
    ],
)
def test_special_characters_of_a_title_come_back(tmp_path, title):
    got = read_back(tmp_path, [a_paper(title)]).papers[0].title
    # Readers of BibTeX take braces for grouping.
    assert re.sub(r"[{}]", "", got) == re.sub(r"[{}]", "", title)


def test_an_author_with_and_in_the_name_is_one_author(tmp_path):
    text = bibtex([a_paper(family="Sense and Vision Group", given="")])
    assert "author = {{Sense and Vision Group}}" in text


@pytest.mark.parametrize(
    ("venue", "entry"),
    [
        ("CVPR 2018", "@inproceedings"),
        ("IEEE TPAMI", "@article"),
        ("arXiv", "@misc"),
        ("CRCV technical report", "@techreport"),
    ],
)
def test_a_venue_makes_its_kind_of_entry(venue, entry):
    assert bibtex([a_paper(venue=venue)]).startswith(f"{entry}{{some-paper,")


def test_notes_are_no_references(library):
    assert bibtex([a_paper(kind="notes")]) == ""


# ---------------------------------------------------------------- tables


@settings(max_examples=200)
@given(st.text(max_size=6) | st.sampled_from(["=1+1", "+1", "-1", "@x", "\tx", "\rx", "＝1", "'x", "''", ""]))
def test_a_guarded_cell_begins_like_no_formula_and_comes_back(text):
    assert not guarded(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    assert unguarded(guarded(text)) == text


def test_formulas_in_numbers_are_neutralised_and_negative_values_stay_numbers(library):
    rows = ["=HYPERLINK(1),+cmd,@SUM,-3.5,-x", "a,b,c,1.50,"]
    text = "model,variant,dataset,value,note,metric,source\n" + "\n".join(f"{row},top-1,Table 1" for row in rows)
    (library / "wang-2016-tsn" / "results.csv").write_text(text, encoding="utf-8")
    table = results_table(open_shelf(library).results)
    assert table["value"].tolist() == [-3.5, 1.5]
    made = list(csv.DictReader(io.StringIO(to_csv(table), newline="")))
    assert made[0]["model"] == "'=HYPERLINK(1)"
    assert made[0]["variant"] == "'+cmd"
    assert made[0]["dataset"] == "'@SUM"
    assert made[0]["note"] == "'-x"
    assert float(made[0]["value"]) == -3.5
    assert made[1]["printed"] == "1.50"


def test_parquet_and_csv_hold_every_number_of_the_library(tmp_path):
    shelf = open_shelf()
    numbers = sum(len(rows) for rows in shelf.results.values())
    parquet = pd.read_parquet(export(shelf, tmp_path / "numbers.parquet"))
    text = pd.read_csv(export(shelf, tmp_path / "numbers.csv"), encoding="utf-8-sig", keep_default_na=False)
    assert len(parquet) == len(text) == numbers > 300
    assert list(parquet.columns) == list(text.columns) == ["paper", "cited_as", *RESULT_COLUMNS, "printed"]
    assert parquet["value"].tolist() == text["value"].tolist()
    assert parquet["frames"].dtype == "Int64"


def test_a_library_without_numbers_makes_an_empty_table(library, tmp_path):
    made = pd.read_parquet(export(open_shelf(library), tmp_path / "none.parquet"))
    assert len(made) == 0
    assert made["value"].dtype == "float64"


# ---------------------------------------------------------------- JSON-LD

NASTY = "</script><script>alert(1)</script><!-- & \u2028 動画"


def test_nothing_in_a_paper_ends_the_script():
    script = json_ld_script(a_paper(NASTY, keywords=[NASTY]))
    inside = re.fullmatch(r'<script type="application/ld\+json">(.*)</script>', script, flags=re.DOTALL)[1]
    assert "<" not in inside
    assert "\u2028" not in inside
    assert json.loads(inside)["name"] == NASTY


def test_cards_are_reviews_of_their_paper(library):
    text = (
        "---\npaper: wang-2016-tsn\nlanguage: ja\nformat: cvpaper\nreader: reader-a\ninstitution: Group A\n"
        "date: 2018-03-04\ngoal: 動画を読む\n---\n\n## 概要\n\n三つの区間。\n\n## 手法\n\nほか。\n"
    )
    made = json_ld(a_paper(), [CardFile.parse(text.encode())])
    assert made["@type"] == "ScholarlyArticle"
    (review,) = made["review"]
    assert review["@type"] == "Review"
    assert review["author"]["name"] == "reader-a"
    assert review["author"]["affiliation"]["name"] == "Group A"
    assert review["inLanguage"] == "ja"
    assert review["reviewBody"] == "三つの区間。"
    assert review["datePublished"] == "2018-03-04"


def test_an_abstract_in_our_words_is_not_given_as_the_papers_own():
    ours = {"en": {"text": "In our words.", "translated_by": "labkit"}}
    assert "abstract" not in json_ld(a_paper(abstracts=ours))
    assert json_ld(a_paper(abstracts={"en": "Its own."}))["abstract"] == [{"@value": "Its own.", "@language": "en"}]


def test_the_whole_library_is_one_graph(tmp_path):
    shelf = open_shelf()
    made = json.loads(export(shelf, tmp_path / "all.jsonld").read_text(encoding="utf-8"))
    assert len(made["@graph"]) == len(shelf.papers)
    assert sum(len(one.get("review", ())) for one in made["@graph"]) == len(shelf.cards)


# ---------------------------------------------------------------- the command


def test_the_command_writes_the_papers_that_are_asked_for(library, tmp_path):
    path = tmp_path / "two.bib"
    asked = ["papers", "export", str(path), "--paper", "wang-2016-tsn", "--paper", "hara-2018-retrace"]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    assert re.findall(r"@\w+\{(.+),", path.read_text(encoding="utf-8")) == ["wang-2016-tsn", "hara-2018-retrace"]


def test_the_command_names_what_cannot_be_read_and_goes_on(library, tmp_path):
    (library / "wang-2016-tsn" / "paper.yaml").write_text("id: [", encoding="utf-8")
    result = CliRunner().invoke(app, ["papers", "export", str(tmp_path / "rest.bib")])
    assert result.exit_code == 1
    assert "wang-2016-tsn" in result.stderr
    assert len(re.findall(r"^@", (tmp_path / "rest.bib").read_text(encoding="utf-8"), flags=re.MULTILINE)) == 3


def test_an_unknown_ending_and_an_unknown_paper_suggest_the_nearest(library, tmp_path):
    with pytest.raises(ValueError, match=r"did you mean '\.bib'"):
        export(open_shelf(library), tmp_path / "x.bibb")
    with pytest.raises(LookupError, match="did you mean 'wang-2016-tsn'"):
        export(open_shelf(library), tmp_path / "x.bib", ["wang-2016-tsm"])


def test_an_export_never_overwrites_what_people_wrote(library):
    with pytest.raises(ValueError, match="inside the library"):
        export(open_shelf(library), library / "wang-2016-tsn" / "results.csv")
