"""The committed summaries: every row is well formed, the tables are whole, and their own arithmetic holds."""

import pytest

from labkit.survey import cite, paper, papers, results
from labkit.survey.publication.files import paper_ids, read_results

HARA, CARREIRA, DATASETS = "hara-2018-retrace", "carreira-2017-quo-vadis", "datasets"
WITH_NUMBERS = [name for name in paper_ids() if read_results(name)]
IN_PERCENT = [name for name in WITH_NUMBERS if any(row.unit == "%" for row in read_results(name))]


def test_both_papers_and_the_dataset_sizes_are_there():
    table = papers().set_index("id")
    assert {HARA, CARREIRA, DATASETS} <= set(table.index)
    assert table.loc[HARA, "year"] == 2018
    assert table.loc[HARA, "venue"] == "CVPR 2018"
    assert table.loc[CARREIRA, "year"] == 2017, "I3D is CVPR 2017, whatever later lists say"
    assert (table.loc[[HARA, CARREIRA], "errata"] == 2).all()


@pytest.mark.parametrize(
    ("paper_id", "source", "rows"),
    [
        # Counted on the printed tables: cells with a number in them; corrections add a row.
        (HARA, "Table 1", 11 * 4 * 2 + 2),
        (HARA, "Table 2", 11 * 3),
        (HARA, "Table 3", 2 + 5 * 3),
        (HARA, "Table 4", 9 * 2),
        (HARA, "Table 5", 8 * 2 - 2),
        (CARREIRA, "Table 2", 11 + 11 + 9),
        (CARREIRA, "Table 3", 17 + 6),
        (CARREIRA, "Table 4", (4 * 6 + 3) * 2),
        (CARREIRA, "Table 5", 17 * 2 - 4),
    ],
)
def test_a_table_has_one_row_per_published_number(paper_id, source, rows):
    assert len(results(paper_id, source=source)) == rows


def test_no_number_comes_from_anywhere_but_the_tables():
    assert set(results(HARA)["source"]) == {f"Table {n}" for n in range(1, 6)}
    assert set(results(CARREIRA)["source"]) == {f"Table {n}" for n in range(1, 6)}


@pytest.mark.parametrize("paper_id", WITH_NUMBERS)
def test_no_number_stands_twice(paper_id):
    table = results(paper_id).drop(columns=["value", "note"])
    assert not table.duplicated().any(), table[table.duplicated(keep=False)]


@pytest.mark.parametrize("paper_id", IN_PERCENT)
def test_accuracies_are_percentages(paper_id):
    table = results(paper_id, unit="%")
    assert table["value"].between(0, 100).all()
    accuracies = {"top-1", "top-5", "average", "share", "accuracy"}
    assert set(table["metric"]) <= accuracies | {"top-1 error", "top-5 error"}


def test_the_average_column_is_the_mean_of_top1_and_top5_within_rounding():
    table = results(HARA, unit="%")
    wide = table.pivot_table(index=["source", "model", "variant", "input"], columns="metric", values="value").dropna()
    assert len(wide) == 11 + 5
    assert ((wide["top-1"] + wide["top-5"]) / 2 - wide["average"]).abs().max() <= 0.1 + 1e-9


def test_top5_is_never_below_top1():
    for paper_id in (HARA, CARREIRA):
        table = results(paper_id, metric=["top-1", "top-5"])
        keys = ["source", "model", "variant", "dataset", "split", "input", "pretraining", "protocol"]
        wide = table.pivot_table(index=keys, columns="metric", values="value").dropna()
        assert len(wide) >= 6
        assert (wide["top-5"] >= wide["top-1"]).all()


def test_the_same_network_has_the_same_number_in_two_tables_of_hara():
    for dataset in ("UCF-101", "HMDB-51"):
        twice = [cite(HARA, model="ResNeXt-101", frames=16, dataset=dataset, source=f"Table {n}") for n in (4, 5)]
        assert float(twice[0]) == float(twice[1])


def test_carreiras_tables_agree_but_for_the_lstm():
    ours = results(CARREIRA, source="Table 2", dataset="Kinetics-400").set_index(["model", "input", "pretraining"])[
        "value"
    ]
    again = results(CARREIRA, source="Table 3", metric="top-1").set_index(["model", "input", "pretraining"])["value"]
    both = ours.to_frame("two").join(again.rename("three"), how="inner")
    differing = both[both["two"] != both["three"]]
    assert len(both) == len(ours)
    assert list(differing.index) == [("ConvNet+LSTM", "RGB", "ImageNet")]
    assert any("63.6" in erratum.printed and "63.3" in erratum.printed for erratum in paper(CARREIRA).errata)


def test_the_abstract_of_quo_vadis_matches_no_row():
    """98.0 on UCF-101 with 80.9 on HMDB-51 belongs to no single model of Table 5: the erratum says so."""
    table = results(CARREIRA, source="Table 5", model="I3D")
    wide = table.pivot_table(index=["input", "pretraining"], columns="dataset", values="value")
    assert 98.0 in set(wide["UCF-101"])
    assert 80.9 in set(wide["HMDB-51"])
    assert wide[(wide["UCF-101"] == 98.0) & (wide["HMDB-51"] == 80.9)].empty


def test_hara_quotes_i3d_as_carreira_printed_it():
    for dataset in ("UCF-101", "HMDB-51"):
        quoted = cite(HARA, model="I3D", dataset=dataset, source="Table 5")
        own = cite(
            CARREIRA,
            model="I3D",
            dataset=dataset,
            source="Table 5",
            input="RGB + flow",
            pretraining="ImageNet + Kinetics-400",
        )
        assert float(quoted) == float(own)


def test_the_printed_resnext_would_be_200_layers_and_the_corrected_one_is_101():
    table = results(HARA, model="ResNeXt-101", source="Table 1", unit="blocks")
    printed = table[table["status"] == "printed"].set_index("metric")["value"]
    corrected = {**printed, **table[table["status"] == "corrected"].set_index("metric")["value"]}
    assert 3 * sum(printed) + 2 == 200
    assert 3 * sum(corrected.values()) + 2 == 101


def test_the_input_of_i3d_is_16_times_larger():
    assert 64 * 224**2 / (16 * 112**2) == 16
    assert any("64 times" in erratum.printed and "16 times" in erratum.correct for erratum in paper(HARA).errata)


def test_what_is_not_known_for_sure_says_so():
    unsure = results(HARA, status="unsure")
    assert set(zip(unsure["model"], unsure["dataset"], unsure["value"], strict=True)) == {
        ("TDD", "HMDB-51", 63.2),
        ("ST Multiplier Net", "HMDB-51", 68.9),
    }
    assert "unsure" in str(cite(HARA, model="TDD", dataset="HMDB-51"))


def test_levels_are_stated_only_where_the_table_states_them():
    assert set(results(HARA, source="Table 2")["level"]) == {""}
    assert set(results(HARA, source="Table 4")["level"]) == {"video"}


@pytest.mark.parametrize(
    ("filters", "number"),
    [
        ({"dataset": "UCF-101", "metric": "clips", "split": ""}, "13,320 clips"),
        ({"dataset": "UCF-101", "split": "split 1, test"}, "3,783 clips"),
        ({"dataset": "HMDB-51", "metric": "clips"}, "6,766 clips"),
        ({"dataset": "ActivityNet v1.3", "metric": "instances"}, "28,108 instances"),
        ({"dataset": "ActivityNet v1.3", "metric": "length"}, "849 h"),
        ({"dataset": "Kinetics-400", "metric": "classes"}, "400 classes"),
        ({"dataset": "Kinetics-400", "dataset_copy": "MMAction2", "split": "training"}, "240,436 clips"),
    ],
)
def test_dataset_sizes_can_be_cited(filters, number):
    assert cite(DATASETS, **filters).number == number


def test_two_copies_of_kinetics_differ():
    table = results(DATASETS, dataset="Kinetics-400", split="training", metric="clips")
    assert len(table[table["dataset_copy"] != ""]["value"].unique()) == 2


def test_every_row_reads_back_as_it_stands_in_the_file():
    for paper_id in paper_ids():
        for result in read_results(paper_id):
            assert float(result.printed) == result.value
            assert result.line >= 2
