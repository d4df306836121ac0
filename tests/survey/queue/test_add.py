"""From a BibTeX list over the queue into the library, and out again as BibTeX."""

import pytest
from typer.testing import CliRunner

from labkit.cli import app
from labkit.survey.library.export import bibtex
from labkit.survey.publication.files import read_paper
from labkit.survey.publication.problems import SummaryError
from labkit.survey.queue.add import add_paper
from labkit.survey.queue.references import library_names
from labkit.survey.queue.venue import Listed, Queued, enqueue, read_list

LIST = """\
@inproceedings{slow, title = {SlowFast Networks: {=}Two Speeds}, author = {Feichtenhofer, Christoph and Fan, Haoqi},
  year = {2019}, pages = {6202--6211}, eprint = {1812.03982}, url = {https://arxiv.org/abs/1812.03982}}
@inproceedings{douga, title = {動画認識のための深層学習}, author = {山田, 太郎}, year = {2019}, doi = {10.1234/abc.5}}
@inproceedings{nobody, title = {A Paper Without Authors and Numbers}, year = {2019}, doi = {10.1234/abc.6}}
"""


@pytest.fixture
def queue(library, tmp_path):
    path = tmp_path / "list.bib"
    path.write_text(LIST, encoding="utf-8")
    _, added, problems = enqueue("ICCV 2019", read_list(path), library_names())
    assert not problems
    return {one.title: one.id for one in added}


def test_a_queued_paper_gets_its_file_with_the_list_as_source(queue):
    add_paper(queue["SlowFast Networks: =Two Speeds"])
    paper = read_paper("feichtenhofer-2019-slowfast")
    assert str(paper.authors[0]) == "Christoph Feichtenhofer"
    assert (paper.year, paper.venue, paper.pages) == (2019, "ICCV 2019", "6202–6211")
    assert (paper.arxiv.id, paper.arxiv.source) == ("1812.03982", "list.bib")
    assert paper.title == "SlowFast Networks: =Two Speeds"


def test_a_japanese_paper_keeps_its_language_and_an_ascii_id(queue):
    name = queue["動画認識のための深層学習"]
    assert name.isascii()
    add_paper(name)
    assert read_paper(name).language == "ja"
    assert read_paper(name).authors[0].family == "山田"


def test_what_was_added_comes_out_as_bibtex_again(queue, tmp_path):
    name = queue["SlowFast Networks: =Two Speeds"]
    add_paper(name)
    (tmp_path / "out.bib").write_text(bibtex([read_paper(name)]), encoding="utf-8")
    (back,) = read_list(tmp_path / "out.bib").papers
    (first, *_) = read_list(tmp_path / "list.bib").papers
    assert (back.title, back.authors, back.year, back.arxiv) == (first.title, first.authors, first.year, first.arxiv)


def test_a_paper_is_never_written_over(queue):
    name = queue["SlowFast Networks: =Two Speeds"]
    add_paper(name)
    with pytest.raises(FileExistsError):
        add_paper(name)


def test_an_unknown_id_names_the_nearest(queue):
    with pytest.raises(LookupError, match="did you mean 'feichtenhofer-2019-slowfast'"):
        add_paper("feichtenhofer-2019-slowfst")


def test_a_paper_of_the_library_is_told_from_one_that_nobody_has(library):
    with pytest.raises(FileExistsError, match="hara-2018-retrace is in the library"):
        add_paper("hara-2018-retrace")


def test_a_list_that_says_too_little_writes_nothing(queue, library):
    name = queue["A Paper Without Authors and Numbers"]
    with pytest.raises(SummaryError, match="authors"):
        add_paper(name)
    assert not (library / name).exists()


def test_authors_of_every_kind_enter_as_the_people_they_are(library, tmp_path):
    text = r"""
@misc{a, title={Deep nets}, author={{The Example Team, Lab One and Two} and Jan van der Berg and others}, year=2018}
@misc{ja2024_clips, title={動画認識の例}, author={例 太郎 and 見本, 花子}, year=2024}
"""
    (tmp_path / "l.bib").write_text(text, encoding="utf-8")
    _, (one, ja), problems = enqueue("X", read_list(tmp_path / "l.bib"), library_names())
    assert not problems
    assert ja.id == "ja2024-clips"
    add_paper(one.id), add_paper(ja.id)
    paper = read_paper(one.id)
    assert [(who.given, who.family) for who in paper.authors] == [
        ("", "The Example Team, Lab One and Two"),
        ("Jan", "van der Berg"),
    ]
    assert paper.and_others
    assert paper.short.endswith("et al. 2018")
    assert paper.byline.endswith("van der Berg et al.")
    assert [str(who) for who in read_paper(ja.id).authors] == ["例 太郎", "見本 花子"]


def test_more_authors_than_are_listed_survive_bibtex_both_ways(library, tmp_path):
    entry = "@misc{a, title={Deep nets}, author={{Foo, Inc. and Sons} and van Berg, Jan and others}, year=2018}"
    (tmp_path / "l.bib").write_text(entry, encoding="utf-8")
    _, (one,), _ = enqueue("X", read_list(tmp_path / "l.bib"), library_names())
    add_paper(one.id)
    (tmp_path / "out.bib").write_text(bibtex([read_paper(one.id)]), encoding="utf-8")
    (back,) = read_list(tmp_path / "out.bib").papers
    assert back.authors == one.authors == "{Foo, Inc. and Sons}; van Berg, Jan; and others"


def test_open_authors_do_not_enter_the_library(library, tmp_path):
    (tmp_path / "l.csv").write_text('title,authors,year\nDeep nets,"Ada Example, Ben Sample",2018\n', encoding="utf-8")
    path, (one,), _ = enqueue("X", read_list(tmp_path / "l.csv"), library_names())
    assert one.id == "example-2018-deep"
    with pytest.raises(SummaryError, match="can be read in two ways") as caught:
        add_paper(one.id)
    assert (caught.value.path, caught.value.line) == (path, 2)
    assert not (library / one.id).exists()
    path.write_text(
        path.read_text(encoding="utf-8").replace('"? Ada Example, Ben', '"Ada Example; Ben'), encoding="utf-8"
    )
    add_paper(one.id)
    assert [who.family for who in read_paper(one.id).authors] == ["Example", "Sample"]


def test_where_the_list_says_it_appeared_goes_before_the_queues_name(library, tmp_path):
    (tmp_path / "l.csv").write_text("title,authors,year,journal\nDeep nets,Ada Li,2018,IJCV\n", encoding="utf-8")
    _, (one,), _ = enqueue("Reading list", read_list(tmp_path / "l.csv"), library_names())
    add_paper(one.id)
    assert read_paper(one.id).venue == "IJCV"


def test_an_id_that_two_queues_give_to_two_papers_is_told(library):
    for venue, title in (("X", "Deep nets"), ("Y", "Deep trees")):
        enqueue(venue, Listed((Queued("", title, "A Li", "2018"),), ()), library_names())
    with pytest.raises(LookupError, match=r"several papers: .*x\.csv line 2 \(Deep nets\), .*y\.csv line 2"):
        add_paper("li-2018-deep")


def test_the_import_command_tells_what_it_read_though_it_is_odd(library, tmp_path):
    path = tmp_path / "l.bib"
    path.write_text(
        "@misc{a, title={Editorial}, author={Ada Example, Ben Sample}, year=2017, url={https://e.org}, url={x}}\n"
        "@misc{a, title={Editorial}, author={Li, Ann}, year=2018}\n",
        encoding="utf-8",
    )
    result = CliRunner().invoke(app, ["papers", "import", str(path), "--venue", "X"])
    assert result.exit_code == 0
    for words in ("url is given twice", "the key a is on line 1 too", "can be 2 people", "but another year"):
        assert words in result.stderr
    assert "2 papers added, 0 of them in the library; 0 queued already" in result.stderr
    assert "authors?" in CliRunner().invoke(app, ["papers", "queue", "X"]).stdout
    settled = ["papers", "import", str(path), "--venue", "Y", "--authors", "names"]
    assert CliRunner().invoke(app, settled).exit_code == 0
    assert "authors?" not in CliRunner().invoke(app, ["papers", "queue", "Y"]).stdout


def test_the_command_goes_on_after_one_that_cannot_be_added(queue, library):
    good, bad = queue["SlowFast Networks: =Two Speeds"], queue["A Paper Without Authors and Numbers"]
    result = CliRunner().invoke(app, ["papers", "add", bad, good])
    assert result.exit_code == 1
    assert (library / good / "paper.yaml").is_file()
    assert "authors" in result.stderr
