"""Who wrote a paper: each form that lists have is read as the people it means, or marked where it could mean two things."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.survey.queue.people import OPEN, first_family, people, person, read_authors


def names(cell: str, **how) -> str:
    return str(read_authors([cell], **how)[0])


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ("Kensho Hara, Hirokatsu Kataoka, Yutaka Satoh", "Kensho Hara; Hirokatsu Kataoka; Yutaka Satoh"),
        ("Ada Example, Ben Sample, and Cy Third", "Ada Example; Ben Sample; Cy Third"),
        ("Ada Example, Ben Sample and Cy Third", "Ada Example; Ben Sample; Cy Third"),
        ("Example, Ada, and Ben Sample", "Example, Ada; Ben Sample"),
        ("Tran, Du, Bourdev, Lubomir", "Tran, Du; Bourdev, Lubomir"),
        ("Example, Ada; Sample, Ben; ", "Example, Ada; Sample, Ben"),
        ("Ada Example & Ben Sample", "Ada Example; Ben Sample"),
        ("K Hara, H Kataoka", "K Hara; H Kataoka"),
        ("Hara K., Kataoka H.", "Hara K.; Kataoka H."),
        ("van der Berg, Jan Peter", "van der Berg, Jan Peter"),
        ("山田太郎、田中花子", "山田太郎; 田中花子"),
        ("김민수, 이영희", "김민수; 이영희"),
        ("王小明，李小华", "王小明; 李小华"),
        ("Ada Example (Somewhere)*; Ben Sample (A, B; C and D)", "Ada Example; Ben Sample"),
        ("Ada Example1*, Ben Sample1,2, Cy Third²†", "Ada Example; Ben Sample; Cy Third"),
        ("Ada Example <ada@example.org>; Ben Sample [Elsewhere]", "Ada Example; Ben Sample"),
        ("Ada Example, Some University, Japan; Ben Sample, Other University, Chile", "Ada Example; Ben Sample"),
        ("Ada Example, PhD", "Ada Example"),
        ("Ada Example Jr., Ben Sample, Cy Third", "Ada Example Jr.; Ben Sample; Cy Third"),
        ("A. Example et al.", "A. Example; and others"),
        ("Ada Example, Ben Sample, Cy Third, and others", "Ada Example; Ben Sample; Cy Third; and others"),
        ("山田太郎, 他", "山田太郎; and others"),
        ("Ada (Bob", "Ada (Bob"),
        ("", ""),
    ],
)
def test_a_cell_of_a_table_is_read_as_the_people_it_means(cell, read):
    assert names(cell) == read


@pytest.mark.parametrize(
    ("field", "read"),
    [
        ("Exämple, Ada and Sample, Ben and others", "Exämple, Ada; Sample, Ben; and others"),
        ("{The Example Team, Lab One and Two}", "{The Example Team, Lab One and Two}"),
        ("García Márquez, Gabriel José and Le Guin, Ursula Kay", "García Márquez, Gabriel José; Le Guin, Ursula Kay"),
        ("A. Example, B. Sample, C. Third", "A. Example; B. Sample; C. Third"),
        ("山田, 太郎", "山田, 太郎"),
        ("Example, Jr., Ada", "Example Jr., Ada"),
        ("Ada Example\n  AND Ben Sample", "Ada Example; Ben Sample"),
        ("Fam5, Ada and Sample, Ben*", "Fam5, Ada; Sample, Ben"),
    ],
)
def test_a_field_of_bibtex_is_read_as_the_people_it_means(field, read):
    assert names(field, bibtex=True) == read


@pytest.mark.parametrize(
    ("cell", "bibtex"),
    [
        ("Ada Example, Ben Sample", False),
        ("Ada Example, Ben Sample", True),
        ("Ada Example, Ben Sample and Cy Third", True),
        ("Ada Example, MIT; Ben Sample, CMU", False),
        ("王明, 李华", False),
        ("Plato, Socrates, Ada Example", False),
    ],
)
def test_what_can_be_read_in_two_ways_is_marked(cell, bibtex):
    (read,) = read_authors([cell], bibtex=bibtex)
    assert str(read) == OPEN + cell
    assert repr(cell) in read.doubt
    with pytest.raises(ValueError, match="two ways"):
        people(str(read))


@pytest.mark.parametrize("cell", ["A. Example, B. Sample, C. Third", "Li, Ann; A. Example, B. Sample, C. Third"])
def test_a_queue_of_an_earlier_version_makes_no_one_person_of_three(cell):
    with pytest.raises(ValueError, match="more than one person"):
        people(cell)


def test_what_an_earlier_version_left_in_a_name_stays_out():
    assert people("Example, Ada (Somewhere)*; others") == ([{"given": "Ada", "family": "Example"}], True)


def test_a_family_name_first_in_one_row_does_not_make_one_person_of_two_in_another():
    assert [str(one) for one in read_authors(["Example, Ada", "Ada Example, Ben Sample"])] == [
        "Example, Ada",
        "? Ada Example, Ben Sample",
    ]


def test_an_affiliation_is_none_where_the_column_puts_families_first():
    column = ["Example, Ada; Sample, Ben", "García Márquez, Gabriel José; Le Guin, Ursula Kay"]
    assert str(read_authors(column)[1]) == column[1]


@pytest.mark.parametrize(
    ("name", "family", "given"),
    [
        ("Ada Example", "Example", "Ada"),
        ("Example, Ada", "Example", "Ada"),
        ("Example, Jr., Ada", "Example Jr.", "Ada"),
        ("Ada Example Jr.", "Example Jr.", "Ada"),
        ("Laurens van der Maaten", "van der Maaten", "Laurens"),
        ("Simon {Le Bon}", "Le Bon", "Simon"),
        ("{The Team, One}", "The Team, One", ""),
        ("Hara K.", "Hara", "K."),
        ("K. Hara", "Hara", "K."),
        ("例 太郎", "例", "太郎"),
        ("김 민수", "김", "민수"),
        ("ケンショー・ハラ", "ケンショー・ハラ", ""),
        ("山田太郎", "山田太郎", ""),
        ("Plato", "Plato", ""),
    ],
)
def test_a_name_has_a_family_and_a_given_part(name, family, given):
    assert person(name) == {key: value for key, value in (("given", given), ("family", family)) if value}


def test_the_first_family_of_open_authors_names_the_paper():
    assert first_family("? Ada Example, Ben Sample") == "Example"
    assert first_family("Example, Ada; Sample, Ben") == "Example"
    assert first_family("") == ""


letters = st.text(st.characters(codec="utf-8"), max_size=40) | st.text("AbZ .,;&(){}*1、山太 and", max_size=40)


@given(st.lists(letters, max_size=4), st.booleans())
def test_any_words_are_read_or_marked(cells, bibtex):
    for cell, read in zip(cells, read_authors(cells, bibtex=bibtex), strict=True):
        assert str(read) == OPEN + " ".join(cell.split()) or not read.readings
        if not read.readings and not str(read).startswith("?"):
            assert all(one["family"] for one in people(str(read))[0])
