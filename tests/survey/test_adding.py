"""From a BibTeX list over the queue into the library, and out again as BibTeX."""

import pytest
from typer.testing import CliRunner

from labkit.cli import app
from labkit.survey.adding import add_paper
from labkit.survey.export import bibtex
from labkit.survey.library import SummaryError, read_paper
from labkit.survey.references import library_names
from labkit.survey.venue import enqueue, read_list

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


def test_the_command_goes_on_after_one_that_cannot_be_added(queue, library):
    good, bad = queue["SlowFast Networks: =Two Speeds"], queue["A Paper Without Authors and Numbers"]
    result = CliRunner().invoke(app, ["papers", "add", bad, good])
    assert result.exit_code == 1
    assert (library / good / "paper.yaml").is_file()
    assert "authors" in result.stderr
