"""Numbers stand side by side only where they may: another level, split or copy is refused and named."""

import pytest

from labkit.survey.library.compare import Mixed, best_by_year, by_depth, comparable_groups, depth_of, numbers, pivot
from labkit.survey.library.shelf import open_shelf

HEAD = "model,dataset,dataset_copy,split,level,metric,value,unit,input,pretraining,source,status\n"
HARA = """\
ResNet-18,UCF-101,,mean of 3 splits,video,top-1,84.4,%,RGB,Kinetics,Table 4,printed
ResNet-34,UCF-101,,mean of 3 splits,video,top-1,87.7,%,RGB,Kinetics,Table 4,printed
ResNet-18,HMDB-51,,mean of 3 splits,video,top-1,56.4,%,RGB,Kinetics,Table 4,printed
ResNet-18,UCF-101,,mean of 3 splits,video,top-1,42.4,%,RGB,scratch,Table 4,printed
ResNet-18,UCF-101,,mean of 3 splits,clip,top-1,80.0,%,RGB,Kinetics,Table 9,printed
ResNet-18,Kinetics-400,copy a,validation,,top-1,54.2,%,RGB,scratch,Table 2,printed
ResNet-50,Kinetics-400,copy b,validation,,top-1,61.3,%,RGB,scratch,Table 2,printed
"""
I3D = """\
I3D,UCF-101,,mean of 3 splits,video,top-1,95.6,%,RGB,ImageNet,Table 5,printed
I3D,UCF-101,,split 1,video,top-1,84.5,%,RGB,ImageNet,Table 2,printed
LSTM,Kinetics-400,,test,,top-1,63.6,%,RGB,ImageNet,Table 2,printed
LSTM,Kinetics-400,,test,,top-1,63.3,%,RGB,ImageNet,Table 3,printed
3D ConvNet,Kinetics-400,,test,,top-1,50.1,%,RGB,scratch,Table 2,printed
3D ConvNet,Kinetics-400,,test,,top-1,56.1,%,RGB,scratch,Table 2,corrected
"""
VIDEO = {"metric": "top-1", "dataset": "UCF-101", "split": "mean of 3 splits", "level": "video"}


@pytest.fixture
def shelf(library):
    for paper, rows in (("hara-2018-retrace", HARA), ("carreira-2017-quo-vadis", I3D)):
        (library / paper / "results.csv").write_text(HEAD + rows, encoding="utf-8")
    return open_shelf(library)


@pytest.mark.parametrize(
    ("filters", "named"),
    [
        ({"dataset": "UCF-101", "split": "mean of 3 splits"}, "UCF-101: level is clip, video"),
        ({"dataset": "UCF-101", "level": "video"}, "UCF-101: split is mean of 3 splits, split 1"),
        ({"dataset": "Kinetics-400", "split": "validation"}, "Kinetics-400: dataset_copy is copy a, copy b"),
    ],
)
def test_mixed_numbers_are_refused_and_what_differs_is_named(shelf, filters, named):
    rows = numbers(shelf, metric="top-1", **filters)
    with pytest.raises(Mixed, match=named) as refused:
        pivot(rows)
    (columns,) = refused.value.differs.values()
    (name,) = columns
    assert len(pivot(rows, allow=[name]).table) > 1


def test_two_metrics_do_not_stand_in_one_table(library):
    rows = HARA.splitlines(keepends=True)[0]
    path = library / "hara-2018-retrace" / "results.csv"
    path.write_text(HEAD + rows + rows.replace("top-1,84.4", "top-5,97.0"), encoding="utf-8")
    both = numbers(open_shelf(library), paper="hara-2018-retrace")
    with pytest.raises(Mixed, match="metric is top-1, top-5"):
        pivot(both)
    assert pivot(both, allow=["metric"]).caption.startswith("top-1 (%)/top-5 (%), mean of 3 splits")


def test_all_that_differs_is_named_at_once(shelf):
    with pytest.raises(Mixed) as refused:
        pivot(numbers(shelf))
    assert set(refused.value.differs["UCF-101"]) == {"level", "split"}
    assert set(refused.value.differs["Kinetics-400"]) == {"split", "dataset_copy"}


def test_a_level_that_is_not_stated_is_another_than_one_that_is(shelf, library):
    path = library / "hara-2018-retrace" / "results.csv"
    path.write_text(HEAD + HARA.replace("video,top-1,84.4", ",top-1,84.4"), encoding="utf-8")
    with pytest.raises(Mixed, match="level is not stated, video"):
        pivot(numbers(open_shelf(library), **{**VIDEO, "level": ["video", ""]}))


def test_what_was_mixed_on_purpose_stands_in_the_name(shelf):
    table = pivot(numbers(shelf, dataset="UCF-101", split="mean of 3 splits"), allow=["level"]).table
    assert {"ResNet-18 (Kinetics, video level)", "ResNet-18 (Kinetics, clip level)"} <= set(table.index)


def test_models_stand_against_datasets(shelf):
    made = pivot(numbers(shelf, **{**VIDEO, "dataset": ["UCF-101", "HMDB-51"]}))
    assert made.table.loc["ResNet-18 (Kinetics)"].to_dict() == {"UCF-101": 84.4, "HMDB-51": 56.4}
    assert made.table.loc["ResNet-18 (scratch)", "UCF-101"] == 42.4
    assert made.table.loc["I3D (ImageNet)"].isna().to_dict() == {"UCF-101": False, "HMDB-51": True}
    assert made.caption == "top-1 (%), mean of 3 splits, video level, RGB"


def test_two_values_of_one_number_are_both_shown(shelf):
    made = pivot(numbers(shelf, dataset="Kinetics-400", split="test"))
    assert [[row.value for row in some] for some in made.conflicts] == [[63.6, 63.3]]
    assert "63.6 / 63.3" in made._repr_html_()


def test_a_corrected_number_stands_for_the_printed_one(shelf):
    made = pivot(numbers(shelf, dataset="Kinetics-400", split="test"))
    assert made.table.loc["3D ConvNet (scratch)", "Kinetics-400"] == 56.1


def test_an_unknown_column_or_permission_is_named_with_the_nearest(shelf):
    with pytest.raises(TypeError, match="did you mean 'dataset'"):
        numbers(shelf, datset="UCF-101")
    with pytest.raises(ValueError, match="did you mean 'level'"):
        pivot(numbers(shelf, **VIDEO), allow=["levels"])


@pytest.mark.parametrize("table", [pivot, by_depth, lambda rows: best_by_year(rows, {})])
def test_a_table_without_numbers_is_refused(shelf, table):
    with pytest.raises(LookupError, match="no published number of a model"):
        table(numbers(shelf, dataset="nowhere"))


def test_depth_is_read_from_names_and_drawn_in_series(shelf):
    table = by_depth(numbers(shelf, **VIDEO, pretraining="Kinetics"))
    assert table[["series", "depth", "value"]].values.tolist() == [["ResNet", 18, 84.4], ["ResNet", 34, 87.7]]


@pytest.mark.parametrize(
    ("model", "depth"),
    [("ResNet-18", 18), ("pre-act ResNet-200", 200), ("R(2+1)D-34", 34), ("I3D", None), ("3D ConvNet", None)],
)
def test_the_depth_of_a_network_is_the_number_in_its_name(model, depth):
    assert depth_of(model) == depth


def test_the_best_of_each_year_says_whether_it_was_a_record(shelf):
    table = best_by_year(numbers(shelf, **VIDEO), shelf.papers)
    assert table[["year", "value", "record"]].values.tolist() == [[2017, 95.6, True], [2018, 87.7, False]]


def test_groups_hold_only_what_may_stand_together(shelf):
    for rows in comparable_groups(numbers(shelf)).values():
        assert len({(row.metric, row.unit, row.level, row.split, row.dataset_copy) for row in rows}) == 1


def test_names_are_escaped_in_a_notebook(shelf, library):
    path = library / "hara-2018-retrace" / "results.csv"
    path.write_text(HEAD + HARA.replace("ResNet-34", "<img src=x onerror=alert(1)>"), encoding="utf-8")
    shown = pivot(numbers(open_shelf(library), **VIDEO))._repr_html_()
    assert "&lt;img" in shown
    assert "<img" not in shown
