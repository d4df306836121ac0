"""`cite` gives exactly one number with its source, or an error that says what to do."""

import html

import pandas as pd
import pytest

from labkit.survey import CiteError, cite, paper, results

HARA = "hara-2018-retrace"
SCRATCH = {"model": "ResNet-18", "dataset": "UCF-101", "source": "Table 4", "pretraining": "scratch"}


def test_a_number_is_cited_with_table_level_and_split():
    assert str(cite(HARA, **SCRATCH)) == "42.4 % (Hara et al. 2018, Table 4, video level, mean of 3 splits)"


def test_a_cited_number_is_a_number():
    result = cite(HARA, **SCRATCH)
    assert float(result) == 42.4
    assert f"{result:.0f}" == "42"
    assert result.share == pytest.approx(0.424)


def test_digits_stay_as_printed():
    assert cite(HARA, model="ResNet-34", source="Table 2", metric="average").number == "71.0 %"


def test_only_a_percentage_has_a_share():
    with pytest.raises(ValueError, match="28,108 instances is not a percentage"):
        _ = cite("datasets", metric="instances").share


@pytest.mark.parametrize("written", ["ResNet-18", "resnet18", "resnet_18", "RESNET 18"])
def test_writing_does_not_matter(written):
    assert float(cite(HARA, **{**SCRATCH, "model": written})) == 42.4


def test_plus_is_part_of_a_name():
    """C3D and C3D + IDT are two things."""
    quo_vadis = "carreira-2017-quo-vadis"
    assert float(cite(quo_vadis, model="C3D+IDT")) == 90.1
    assert len(results(quo_vadis, model="C3D")) == 2


def test_an_empty_filter_means_not_stated():
    assert set(results("datasets", dataset="Kinetics-400", dataset_copy="")["dataset_copy"]) == {""}
    assert results(HARA, frames=None)["frames"].isna().all()


def test_a_list_means_any_of_these():
    assert set(results(HARA, source="Table 4", dataset=["UCF-101", "HMDB-51"])["dataset"]) == {"UCF-101", "HMDB-51"}


def test_several_candidates_are_listed_with_what_tells_them_apart():
    with pytest.raises(CiteError) as caught:
        cite(HARA, model="ResNet-18", source="Table 4", dataset="UCF-101")
    message = str(caught.value)
    assert "2 published numbers" in message
    assert "add pretraining" in message
    assert "42.4 %" in message
    assert "84.4 %" in message


def test_no_candidate_names_the_nearest_value():
    with pytest.raises(CiteError, match=r"model='ResNt-18'.*did you mean 'ResNet-18'"):
        cite(HARA, model="ResNt-18")


def test_no_candidate_says_which_filter_emptied_it_and_what_is_left():
    with pytest.raises(CiteError, match=r"dataset='Kinetics-400' among those .*source='Table 4'") as caught:
        cite(HARA, source="Table 4", dataset="Kinetics-400")
    assert "dataset can be 'UCF-101', 'HMDB-51'" in str(caught.value)


def test_an_unknown_column_names_the_nearest():
    with pytest.raises(TypeError, match="no column 'pretrained' in results; did you mean 'pretraining'"):
        cite(HARA, pretrained="scratch")


@pytest.mark.parametrize("paper_id", ["hara-2018", "Hara-2018-Retrace", "hara_2018_retrace"])
def test_an_unknown_paper_names_the_nearest(paper_id):
    with pytest.raises(LookupError, match="did you mean 'hara-2018-retrace'"):
        cite(paper_id)


@pytest.mark.parametrize(
    "paper_id", ["../summaries/hara-2018-retrace", "..", "/etc", "a/b", "", "論文", "a\n", "hara-2018-retrace\n"]
)
def test_a_paper_id_never_leads_out_of_the_folder(paper_id):
    with pytest.raises(LookupError, match="is not a paper id"):
        paper(paper_id)


def test_results_is_a_table_with_types_that_compute():
    table = results(HARA, source="Table 2")
    assert isinstance(table, pd.DataFrame)
    assert table["value"].dtype == "float64"
    assert table["frames"].dtype == "Int64"
    assert table.groupby("metric")["value"].max()["top-1"] == 65.1


def test_a_result_shows_as_html_with_its_source_and_escaped():
    result = cite(HARA, **SCRATCH)
    assert "42.4 %" in result._repr_html_()
    assert "Table 4" in result._repr_html_()
    nasty = result.model_copy(update={"note": "<script>alert(1)</script>", "source": '"><img onerror=x>'})
    assert "<script" not in nasty._repr_html_()
    assert "<img" not in nasty._repr_html_()


def test_a_paper_shows_as_a_card_with_errata_and_escaped():
    card = paper(HARA)
    shown = card._repr_html_()
    for part in (card.title, "Kensho Hara", "CVPR 2018", "6546–6555", card.errata[0].printed, card.errata[0].correct):
        assert html.escape(part) in shown
    nasty = card.model_copy(update={"venue": "<script>", "pages": "<b>"})
    assert "<script" not in nasty._repr_html_()
    assert "<b>" not in nasty._repr_html_()


def test_a_paper_prints_as_a_reference():
    assert str(paper(HARA)).startswith("Kensho Hara, Hirokatsu Kataoka, Yutaka Satoh. Can Spatiotemporal")
    assert "ImageNet? CVPR 2018, pages 6546–6555." in str(paper(HARA))


def test_two_authors_are_both_named():
    assert paper("carreira-2017-quo-vadis").short == "Carreira and Zisserman 2017"
