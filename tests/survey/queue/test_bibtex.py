"""BibTeX as people write it is read whole; what is odd in it is noted in words of ours."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.survey import SummaryError
from labkit.survey.queue.bibtex import decoded, read_bibtex
from labkit.survey.queue.lists import read_papers

FILE = Path("list.bib")


def fields(text: str, key: str = "a") -> dict[str, str]:
    return next(dict(one.fields) for one in read_bibtex(FILE, text).entries if one.key == key)


def test_a_field_given_twice_keeps_the_entry_and_is_noted():
    found = read_bibtex(FILE, "@misc{a, title={T}, url={https://e.org/a},\n url={https://e.org/b}}")
    assert found.entries[0]["url"] == "https://e.org/a"
    assert not found.problems
    (note,) = found.notes
    assert str(note) == "list.bib, line 2: a: url is given twice; 'https://e.org/a' is taken, 'https://e.org/b' is not"


def test_a_field_given_twice_alike_or_empty_is_no_news():
    found = read_bibtex(FILE, "@misc{a, title={}, Title={T}, year=2018, year={2018}}")
    assert (found.entries[0]["title"], found.entries[0]["year"], found.notes) == ("T", "2018", [])


def test_a_key_given_twice_gives_both_entries_and_is_noted():
    found = read_bibtex(FILE, "@misc{a, title={One}}\n@misc{a, title={Two}}")
    assert [one["title"] for one in found.entries] == ["One", "Two"]
    assert "line 2: the key a is on line 1 too" in str(found.notes[0])


def test_a_paper_takes_year_and_venue_of_its_volume_and_nothing_else():
    text = """
@inproceedings{a, title={T}, author={A, B}, crossref={Vol}}
@proceedings{vol, title={The Volume}, year=2018, pages={1--900}, doi={10.1/vol}, editor={E. D.}, crossref={all}}
@proceedings{all, booktitle={All Volumes}, year=1999}
"""
    found = fields(text)
    assert (found["year"], found["booktitle"]) == ("2018", "The Volume")
    assert not found.keys() & {"pages", "doi", "editor"}


def test_a_volume_is_no_paper_and_a_missing_one_is_noted():
    found = read_bibtex(FILE, "@inproceedings{a, title={T}, crossref={gone}}\n@proceedings{b, title={V}}")
    assert [one.key for one in found.entries] == ["a"]
    assert [str(note) for note in found.notes] == [
        "list.bib, line 1: a: its crossref gone is not in the list",
        "list.bib, line 2: b: @proceedings is not a paper; left out",
    ]


def test_xdata_gives_all_that_an_entry_lacks_and_a_missing_volume_is_told_once():
    text = """
@article{a, title={T}, xdata={one, two}, crossref={v}}
@xdata{one, year=2018}
@xdata{two, journal={J}, year=1999}
@proceedings{v, title={V}, crossref={gone}}
"""
    found = read_bibtex(FILE, text)
    assert (found.entries[0]["year"], found.entries[0]["journal"]) == ("2018", "J")
    assert sum("its crossref gone" in str(note) for note in found.notes) == 1


def test_entries_that_refer_to_each_other_in_a_circle_are_read():
    text = "@misc{a, title={T}, crossref={b}}\n@misc{b, title={U}, crossref={a}, year=2018}"
    assert fields(text)["year"] == "2018"


def test_strings_are_put_together():
    text = '@string{ieee = "IEEE"}\n@string{cvpr = ieee # { CVPR}}\n@misc{a, title={T}, booktitle = cvpr # " 2018"}'
    assert fields(text)["booktitle"] == "IEEE CVPR 2018"


@pytest.mark.parametrize(
    ("latex", "plain"),
    [
        (r"A {\em Stress} Test of $\mathcal{O}(n)$ \& More", "A {Stress} Test of O(n) & More"),
        (r"M{\"u}ller, J\"org", "Müller, Jörg"),
        (r"50% faster at $5", "50% faster at $5"),
        (r"50\% faster", "50% faster"),
        (r"$\alpha$--nets", "α–nets"),
        ("Ada & Ben", "Ada & Ben"),
    ],
)
def test_latex_is_read_as_plain_text(latex, plain):
    assert decoded([latex]) == [plain]


def test_an_address_keeps_its_percent_signs_and_tildes():
    assert fields(r"@misc{a, title={T}, url={https://e.org/~ada/a%20b\_c}}")["url"] == "https://e.org/~ada/a%20b_c"


@pytest.mark.parametrize(
    ("entry", "year", "arxiv"),
    [
        ("date={2018-06-01}, eprint={1608.00859}, eprinttype={arxiv}", "2018", "1608.00859"),
        ("date={2018-06/2019-01}, eprint={1608.00859}, eprinttype={pubmed}", "2018", ""),
        ("date={2018~}, journal={arXiv preprint arXiv:1608.00859}", "2018", "1608.00859"),
        ("eventdate={2018-06}", "2018", ""),
    ],
)
def test_biblatex_dates_and_archives_are_read(entry, year, arxiv):
    (one,) = read_papers(FILE, f"@online{{a, title={{T}}, author={{A, B}}, {entry}}}").papers
    assert (one.year, one.arxiv) == (year, arxiv)


def test_a_subtitle_belongs_to_the_title():
    assert read_papers(FILE, "@online{a, title={T}, subtitle={And More}}").papers[0].title == "T: And More"


@given(st.text(st.characters(codec="utf-8"), max_size=60) | st.text('@misc{a,title=} "#\\$%\n', max_size=60))
def test_any_text_is_read_or_named(text):
    with contextlib.suppress(SummaryError):
        found = read_bibtex(FILE, text)
        assert all(problem.path == FILE for problem in (*found.problems, *found.notes))
