"""A venue's list becomes a queue of one line a paper, whatever the list looks like; bad entries are named, not fatal."""

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.survey import SummaryError
from labkit.survey.queue.references import library_names
from labkit.survey.queue.venue import COLUMNS, Listed, Queued, enqueue, paper_id, queue_path, queued, read_list, venues

BIBTEX = r"""
@inproceedings{hara2018can,
  title = {Can Spatiotemporal {3D} {CNN}s Retrace the History of 2D {CNN}s and {I}mage{N}et?},
  author = {Hara, Kensho and Kataoka, Hirokatsu and Satoh, Yutaka},
  year = 2018, pages = {6546--6555}, session = {Oral 1A}
}
@inproceedings{mueller, title = "A Closer Look at M{\"u}ller", author = {M{\"u}ller, J{\"o}rg and Ødegård, Åse},
  year = {2018}, doi = {https://doi.org/10.1000/ABC.1}, session = {Poster 1}
}
@inproceedings{broken, title = {never closed
@inproceedings{untitled, author = {A, B}}
@misc{only-cjk, title = {动作识别}, author = {王, 明}, year = 2018, eprint = {1801.00001}, archiveprefix = {arXiv}}
@misc{unnameable, title = {動作認識}, author = {山田, 太郎}, year = 2018}
"""
TABLE = """\
Session Title,Paper Title,Author Names,PDF
Oral 1A,"Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset","Joao Carreira; Andrew Zisserman",https://arxiv.org/pdf/1705.07750v3
Oral 1A,=cmd() of things,Ada Lovelace,javascript:alert(1)
Poster,,No Title,
Poster,One field more,Ada Lovelace,,x
Poster,Of things,Ada Lovelace,
"""


def write(path, text: str, encoding: str = "utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def test_a_bibtex_list_becomes_a_queue_by_session(library, tmp_path):
    listed = read_list(write(tmp_path / "cvpr.bib", BIBTEX), session="unplaced")
    path, added, problems = enqueue("CVPR 2018", listed, library_names())
    assert path == library / "queue" / "cvpr-2018.csv"
    assert [(one.id, one.session) for one in added] == [
        ("hara-2018-retrace", "Oral 1A"),
        ("muller-2018-closer", "Poster 1"),
        ("arxiv-1801-00001", "unplaced"),
        ("unnameable", "unplaced"),
    ]
    assert added[1].title == "A Closer Look at Müller"
    assert added[1].authors == "Müller, Jörg; Ødegård, Åse"
    assert added[1].doi == "10.1000/ABC.1"
    assert {one.source for one in added} == {"cvpr.bib"}
    assert [replace(one, line=0) for one in queued("CVPR 2018")] == [replace(one, line=0) for one in added]
    assert venues() == ("cvpr-2018",)
    assert [(problem.path.name, problem.line) for problem in problems] == [
        ("cvpr.bib", 10),
        ("cvpr.bib", 11),
    ]


def test_a_table_is_read_by_what_its_columns_are_called(library, tmp_path):
    listed = read_list(write(tmp_path / "list.csv", TABLE, "utf-8-sig"))
    path, added, problems = enqueue("Seminar", listed, library_names())
    assert [one.id for one in added] == ["carreira-2017-quo-vadis", "lovelace-cmd", "lovelace-things"]
    assert added[0].arxiv == "1705.07750"
    assert added[1].url == ""
    assert [problem.line for problem in problems] == [4, 5]
    assert "\n".join(map(str, problems)).count("list.csv") == 2
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    assert rows[2][1] == "'=cmd() of things", "no spreadsheet computes it"
    assert queued("Seminar")[1].title == "=cmd() of things"


@pytest.mark.parametrize(
    ("header", "encoding"),
    [("タイトル,著者", "cp932"), ("제목\t저자", "cp949"), ("标题;作者", "gb18030"), ("Title;Authors", "utf-16")],
)
def test_columns_may_be_called_in_four_languages_and_encodings(header, encoding, library, tmp_path):
    mark = next(one for one in ",\t;" if one in header)
    path = write(tmp_path / "list.csv", f"{header}\r\nA title{mark}Ada Lovelace\r\n", encoding)
    (paper,) = read_list(path, encoding=encoding).papers
    assert (paper.title, paper.authors) == ("A title", "Ada Lovelace")


def test_a_list_in_another_encoding_is_told_which_it_may_be(library, tmp_path):
    path = write(tmp_path / "list.csv", "Title,Authors\n동영상 인식,김민수\n", "cp949")
    with pytest.raises(SummaryError, match=r"line 2: not UTF-8 .*it may be cp949 \(Korean\)"):
        read_list(path)


def test_what_is_queued_stays_byte_for_byte_and_is_not_queued_twice(library, tmp_path):
    listed = read_list(write(tmp_path / "cvpr.bib", BIBTEX))
    path, _, _ = enqueue("CVPR 2018", listed, library_names())
    edited = path.read_text(encoding="utf-8").replace("Poster 1", "Poster 7")
    path.write_bytes(b"\xef\xbb\xbf" + edited.rstrip("\n").encode())
    before = path.read_bytes()
    assert enqueue("CVPR 2018", listed, library_names())[1] == ()
    assert path.read_bytes() == before
    more = Listed((Queued("", "Something new", "Ada Lovelace", "2018"),), ())
    enqueue("CVPR 2018", more, library_names())
    assert path.read_bytes() == before + b"\nlovelace-2018-something,Something new,Ada Lovelace,2018,,,,,,,\n"


def test_nothing_but_a_number_or_a_whole_title_makes_it_a_paper_of_the_library(library):
    listed = Listed(
        (Queued("", "Temporal Segment Networks", "Ada Lovelace", "2020"), Queued("", "I3D", "B C", "2020")), ()
    )
    _, added, _ = enqueue("X", listed, library_names())
    assert [one.id for one in added] == ["lovelace-2020-temporal", "c-2020-i3d"]


def test_two_papers_get_two_ids(library):
    papers = (Queued("", "Deep nets for all", "A Li", "2018"), Queued("", "Deep nets for some", "B Li", "2018"))
    _, added, _ = enqueue("X", Listed(papers, ()), library_names())
    assert [one.id for one in added] == ["li-2018-deep", "li-2018-deep-nets"]


cells = st.text(st.characters(codec="utf-8"), max_size=20)


@given(title=cells, authors=cells, year=st.sampled_from(["", "2018"]), arxiv=st.sampled_from(["", "1801.00001"]))
def test_an_id_is_ascii_and_a_folders_name_or_nothing(title, authors, year, arxiv):
    made = paper_id(Queued("", title, authors, year, arxiv=arxiv))
    assert made == "" or (made.isascii() and len(made) <= 80 and not made.startswith("-") and made == made.lower())
    assert made or not arxiv


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=5))
def test_any_words_survive_the_queue(tmp_path_factory, rows):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LABKIT_SUMMARIES", str(tmp_path_factory.mktemp("s")))
        papers = [Queued(f"p-{i}", f"t{i} {title}", session=session) for i, (title, session) in enumerate(rows)]
        enqueue("X", Listed(tuple(papers), ()), library_names())
        assert [one.title for one in queued("X")] == [" ".join(one.title.split()) for one in papers]
        assert [one.session for one in queued("X")] == [" ".join(one.session.split()) for one in papers]


@pytest.mark.parametrize(
    ("name", "text", "line", "reason"),
    [
        ("list.xlsx", "x", None, "not '.xlsx'"),
        ("list.csv", "a,b\n1,2\n", 1, "no column title"),
        ("list.csv", "", None, "empty"),
        ("list.csv", "title\nö".encode("latin-1"), 2, "not UTF-8"),
    ],
)
def test_a_list_that_cannot_be_read_is_named(name, text, line, reason, tmp_path):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SummaryError, match=reason) as caught:
        read_list(path)
    assert (caught.value.path, caught.value.line) == (path, line)


def test_a_bad_queue_is_named_with_its_line(library):
    path = queue_path("X")
    path.parent.mkdir()
    path.write_text("id,title\nok,A\n../x,B\n", encoding="utf-8")
    with pytest.raises(SummaryError, match=r"'\.\./x' is not an id") as caught:
        queued("X")
    assert caught.value.line == 3
    path.write_text("title\nA\n", encoding="utf-8")
    with pytest.raises(SummaryError, match="no column id"):
        queued("X")


def test_an_unknown_venue_names_the_nearest(library):
    enqueue("CVPR 2018", Listed((Queued("a-1", "A"),), ()), library_names())
    with pytest.raises(LookupError, match="did you mean 'cvpr-2018'"):
        queued("CVPR 2108")
    with pytest.raises(ValueError, match="use Latin letters"):
        queue_path("画像の認識・理解シンポジウム")


def test_the_columns_are_those_of_the_record():
    assert COLUMNS == ("id", "title", "authors", "year", "session", "pages", "arxiv", "doi", "url", "source", "venue")


def told(listed, venue="X"):
    """What is added, and what is told about it."""
    notes = list(listed.notes)
    _, added, problems = enqueue(venue, listed, library_names(), tell=notes.append)
    assert not problems
    return added, [str(note) for note in notes]


def test_two_editorials_of_two_years_are_two_papers(library):
    papers = (
        Queued("", "Editorial", "A. One", "2017", source="l.bib", line=1),
        Queued("", "Editorial", "A. One", "2018", source="l.bib", line=2),
        Queued("", "Editorial", "B. Two", "2018", source="l.bib", line=3),
    )
    added, notes = told(Listed(papers, ()))
    assert [one.id for one in added] == ["one-2017-editorial", "one-2018-editorial", "two-2018-editorial"]
    assert "line 2: 'Editorial': not the same paper as one-2017-editorial" in notes[0]
    assert "another year" in notes[0]
    assert "another first author" in "\n".join(notes[1:])


@pytest.mark.parametrize(
    ("again", "why"),
    [
        (Queued("", "DEEP NETS for all", "Li, Ann", "2018"), "the same title and year and first author"),
        (Queued("", "Deep nets for all"), "the same title"),
        (Queued("", "Deep networks", "Li, Ann", arxiv="1801.00001"), "the same arXiv 1801.00001, though its title is"),
    ],
)
def test_what_is_taken_for_the_same_is_told_with_the_reason(again, why, library):
    first = Queued("", "Deep nets for all", "Ann Li", "2018", arxiv="1801.00001")
    added, notes = told(Listed((first, again), ()))
    assert [one.id for one in added] == ["li-2018-deep"]
    assert len(notes) == 1
    assert f"the same paper as li-2018-deep in the queue: {why}" in notes[0]


def test_a_number_that_two_unlike_papers_share_makes_them_no_one_paper(library):
    papers = (
        Queued("", "Deep nets", "A Li", "2018", arxiv="1801.00001"),
        Queued("", "Shallow trees", "B Wu", "2018", arxiv="1801.00001"),
    )
    added, notes = told(Listed(papers, ()))
    assert [one.id for one in added] == ["li-2018-deep", "wu-2018-shallow"]
    assert "one number may be wrong" in notes[0]


def test_a_title_of_the_library_with_other_authors_is_another_paper(library):
    title = "Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?"
    papers = (Queued("", title, "B Wu", "2018"), Queued("", title, "Kensho Hara", "2017"))
    added, notes = told(Listed(papers, ()))
    assert [one.id for one in added] == ["wu-2018-spatiotemporal", "hara-2018-retrace"]
    assert "not the same paper as hara-2018-retrace in the library" in notes[0]
    assert "the same paper as hara-2018-retrace in the library" in "\n".join(notes[1:])


def test_a_number_of_the_library_with_another_title_is_told(library):
    ((one,), (note,)) = told(Listed((Queued("", "Clips Read Slowly", "Ada Example", arxiv="1705.07750"),), ()))
    assert one.id == "carreira-2017-quo-vadis"
    assert "the same arXiv 1705.07750, but another title and first author" in note


def test_a_paper_of_the_library_is_queued_once_whether_by_title_or_by_number(library):
    title = "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset"
    papers = (Queued("", title, "Joao Carreira", "2017"), Queued("", "I3D", "Joao Carreira", arxiv="1705.07750"))
    added, notes = told(Listed(papers, ()))
    assert [one.id for one in added] == ["carreira-2017-quo-vadis"]
    assert "'I3D': the same paper as carreira-2017-quo-vadis, in the library and queued" in notes[1]


def test_an_imported_list_is_silent_when_it_is_imported_again(library, tmp_path):
    path = write(tmp_path / "cvpr.bib", "@misc{a, title={Deep nets}, author={Li, Ann}, year=2018}\n")
    assert told(read_list(path))[0]
    assert told(read_list(path)) == ((), [])


def test_two_rows_with_one_id_get_two(library):
    papers = (Queued("p-1", "Deep nets", "A Li"), Queued("p-1", "Shallow trees", "B Wu"))
    added, notes = told(Listed(papers, ()))
    assert [one.id for one in added] == ["p-1", "wu-shallow"]
    assert "its id p-1 belongs to another paper" in notes[0]


ZOTERO = """\
"Key","Item Type","Publication Year","Author","Title","Publication Title","DOI","Url","Date","Extra"
"AB12","conferencePaper","2019","Example, Ada; Sample, Ben","Reading Clips","ICCV","10.1/x","https://example.org/a","","arXiv:1901.00001 [cs]"
"""
ARXIV_CSV = """\
id,title,authors,published,journal-ref
http://arxiv.org/abs/1901.00001v2,"Reading in $\\mathcal{O}(n)$","Ada Example, Ben Sample, C\\'ed Third",2019-01-01T00:00:00Z,ICCV 2019
"""
CMT = """\
Paper ID,Paper Title,Author Names
124,"Clips and Frames","Example, Ada (Somewhere; Elsewhere)*; Sample, Ben (School of Arts and Sciences)"
"""


def read(text: str, folder, name="list.csv", **how):
    return read_list(write(folder / name, text), **how).papers


def test_zoteros_columns_are_read(tmp_path):
    (one,) = read(ZOTERO, tmp_path)
    assert (one.title, one.authors, one.year) == ("Reading Clips", "Example, Ada; Sample, Ben", "2019")
    assert (one.venue, one.arxiv, one.url, one.id) == ("ICCV", "1901.00001", "https://example.org/a", "")


def test_arxivs_columns_are_read(tmp_path):
    (one,) = read(ARXIV_CSV, tmp_path)
    assert (one.title, one.authors) == ("Reading in O(n)", "Ada Example; Ben Sample; Céd Third")
    assert (one.arxiv, one.id, one.year, one.venue) == ("1901.00001", "", "2019", "ICCV 2019")


def test_cmts_affiliations_stars_and_submission_numbers_stay_out(library, tmp_path):
    (one,) = read(CMT, tmp_path)
    assert (one.authors, one.id) == ("Example, Ada; Sample, Ben", "")
    assert enqueue("X", Listed((one,), ()), library_names())[1][0].id == "example-clips"


def test_a_column_of_whole_names_is_read_so_throughout(tmp_path):
    text = 'title,authors\nOne,"Ada Example, Ben Sample"\nTwo,"A. Example, B. Sample, C. Third"\n'
    assert [one.authors for one in read(text, tmp_path)] == [
        "Ada Example; Ben Sample",
        "A. Example; B. Sample; C. Third",
    ]


def test_authors_that_can_be_read_in_two_ways_are_marked_and_told(library, tmp_path):
    path = write(tmp_path / "list.csv", 'title,authors\nOne,"Ada Example, Ben Sample"\n')
    listed = read_list(path)
    assert listed.papers[0].authors == "? Ada Example, Ben Sample"
    assert "line 2: authors 'Ada Example, Ben Sample' can be 2 people" in str(listed.notes[0])
    assert read_list(path, order="names").papers[0].authors == "Ada Example; Ben Sample"
    assert read_list(path, order="family-first").papers[0].authors == "Ada Example, Ben Sample"
    with pytest.raises(ValueError, match="did you mean 'names'"):
        read_list(path, order="name")


def test_a_word_with_other_letters_does_not_keep_a_title_from_giving_an_id():
    assert paper_id(Queued("", "α-nets for video", "Ada Li", "2018")) == "li-2018-video"
