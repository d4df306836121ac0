"""Cards side by side, what to read next, the map of what is unsolved, and the gallery, over a library of four papers."""

import pandas as pd
import pytest

from labkit.survey.card.side_by_side import side_by_side
from labkit.survey.library.gaps import gap_map
from labkit.survey.library.reading_graph import reading_graph
from labkit.survey.library.shelf import open_shelf
from labkit.survey.search.gallery import NO_CARD, facets, gallery, records
from labkit.viz.survey import best_over_years, depth_curve, gap_figure, reading_map
from labkit.viz.theme import describe

HARA, I3D, TSN = "hara-2018-retrace", "carreira-2017-quo-vadis", "wang-2016-tsn"
RESULTS = """\
model,dataset,split,metric,value,unit,pretraining,source
ResNet-18,UCF-101,split 1,top-1,42.4,%,scratch,Table 4
ResNet-18,UCF-101,split 1,top-1,84.4,%,Kinetics-400,Table 4
"""


def write_card(library, paper: str, language: str, reader: str, more: str = "", body: str = "## Method\n\nDeep.\n"):
    folder = library / paper / "cards"
    folder.mkdir(exist_ok=True)
    head = f"paper: {paper}\nlanguage: {language}\nformat: cvpaper\nreader: {reader}\nstatus: done\n"
    (folder / f"{language}-{reader}.md").write_text(f"---\n{head}{more}---\n\n{body}", encoding="utf-8")


@pytest.fixture
def shelf(library):
    (library / HARA / "results.csv").write_text(RESULTS, encoding="utf-8")
    paper = library / HARA / "paper.yaml"
    claims = "claims: [{id: depth-pays, text: Depth pays up to 152 layers., source: Table 2}]\n"
    paper.write_text(paper.read_text(encoding="utf-8") + claims, encoding="utf-8")
    write_card(
        library,
        HARA,
        "en",
        "reader-a",
        "keywords: [depth]\n"
        "next: [{text: Quo Vadis, paper: carreira-2017-quo-vadis}, Attention]\n"
        "claims:\n"
        "  - {id: gap, text: The gap is 40 points., source: Table 4}\n"
        "  - {text: ResNet-18 reaches 84.4 % on UCF-101., source: Table 4}\n"
        "questions: [{text: How few clips?, dataset: HMDB-51, condition: from scratch}]\n",
    )
    write_card(
        library,
        HARA,
        "ja",
        "reader-b",
        "keywords: [過学習]\n"
        "next: [{text: I3D, paper: carreira-2017-quo-vadis}]\n"
        "claims:\n"
        "  - {id: gap, text: 差は42ポイント。, source: Table 4}\n"
        "  - {text: UCF-101でResNet-18は84.9 %。, source: Table 4}\n"
        "  - {text: 一度の学習では言えない。, source: Table 2, disputes: depth-pays, evidence: 種が一つ。}\n"
        "questions: [{text: 何本か？, dataset: UCF-101, condition: from scratch}, 何が残るか]\n",
        "## 手法\n\n深い。\n\n## 限界\n\n一度の学習。\n",
    )
    write_card(library, I3D, "en", "reader-a", "next: [{text: Hara, paper: hara-2018-retrace}]\n")
    return open_shelf(library)


# Side by side


def test_cards_of_a_paper_stand_side_by_side_by_role(shelf):
    view = side_by_side(HARA)
    assert view.table.loc["method"].tolist() == ["Deep.", "深い。"]
    assert view.table.loc["limitation"].tolist() == ["", "一度の学習。"]


def test_a_claim_that_disputes_the_papers_is_a_disagreement(shelf):
    (found,) = [one for one in side_by_side(HARA).disagreements if one.kind == "disputed"]
    assert found.says[0] == ("the paper", "Depth pays up to 152 layers.")
    assert found.says[1] == ("ja, reader-b", "一度の学習では言えない。 種が一つ。")


def test_two_values_for_one_thing_are_a_disagreement_across_languages(shelf):
    found = [one for one in side_by_side(HARA).disagreements if one.kind == "two values"]
    assert [one.about for one in found] == ["gap", "ResNet-18, UCF-101 (Table 4)"]
    assert "84.9 %" in found[1].says[1][1]


def test_equal_values_are_no_disagreement(shelf, library):
    path = library / HARA / "cards" / "ja-reader-b.md"
    text = path.read_text(encoding="utf-8").replace("84.9", "84.4").replace("42ポイント", "40ポイント")
    path.write_text(text, encoding="utf-8")
    assert [one.about for one in side_by_side(HARA).disagreements if one.kind == "two values"] == []


def test_a_role_that_one_reader_alone_filled_is_named(shelf):
    assert [one.about for one in side_by_side(HARA).disagreements if one.kind == "one reader alone"] == ["limitation"]
    assert side_by_side(I3D).disagreements == ()


def test_cards_are_chosen_by_language_and_reader(shelf):
    assert len(side_by_side(HARA, language=["en", "ja"]).cards) == 2
    assert len(side_by_side(HARA, reader="reader-b").cards) == 1
    with pytest.raises(LookupError, match="labkit card new"):
        side_by_side(HARA, language="zh")


# What to read next


def test_the_graph_counts_cards_and_knows_what_is_unread(shelf):
    graph = reading_graph(shelf)
    edges = {(one, other): times for one, other, times in graph.edges.itertuples(index=False)}
    assert edges == {(HARA, I3D): 2, (HARA, "Attention"): 1, (I3D, HARA): 1}
    assert list(graph.unread.index) == ["Attention", TSN, "wang-2018-tsn"]
    assert not graph.papers.loc["Attention", "in_library"]


def test_what_is_read_may_be_one_readers_own(shelf):
    assert I3D in reading_graph(shelf, reader="reader-b").unread.index
    assert I3D not in reading_graph(shelf, reader="reader-a").unread.index


def test_the_graph_is_cut_to_the_papers_with_most_lines(shelf):
    assert set(reading_graph(shelf).most_wanted(2).papers.index) == {HARA, I3D}


def test_the_unread_are_outlined(shelf):
    graph = reading_graph(shelf)
    fig = reading_map(graph.papers, graph.edges, "Next")
    symbols = {trace.name: trace.marker.symbol for trace in fig.data if trace.name}
    assert symbols == {"read": "circle", "unread": "circle-open"}
    assert "unread: Attention" in describe(fig)


# The map


def test_the_map_tells_numbers_from_holes(shelf):
    found = gap_map(shelf)
    states = {place: found.cell(*place).state for place in found.cells}
    assert states == {
        ("UCF-101", "from scratch"): "disputed",
        ("UCF-101", "Kinetics pretraining"): "solved",
        ("HMDB-51", "from scratch"): "open",
        ("not said", "not said"): "open",
    }
    assert found.cell("HMDB-51", "Kinetics pretraining").state == "empty"
    assert found.cell("UCF-101", "from scratch").best.value == 42.4
    assert "How few clips?" in set(found.holes["question"])
    assert found.table.loc["from scratch", "UCF-101"] == "1 number, 1 open"


def test_the_map_is_drawn_with_a_sign_for_each_state(shelf):
    fig = gap_figure(gap_map(shelf).records())
    assert len({trace.marker.symbol for trace in fig.data}) == 4
    assert "from scratch on HMDB-51" in describe(fig)


def test_the_maps_legend_is_a_column_at_the_left_edge_where_a_phone_shows_it(shelf):
    legend = gap_figure(gap_map(shelf).records()).layout.legend
    assert (legend.xref, legend.x) == ("container", 0)
    assert legend.entrywidthmode == "fraction"
    assert legend.entrywidth > 0.5  # two do not fit beside each other


# The gallery


def test_the_gallery_lists_cards_and_papers_without_one(shelf):
    table = gallery(shelf)
    assert table["status"].value_counts().to_dict() == {"done": 3, NO_CARD: 2}
    assert table[table["paper"] == HARA]["datasets"].tolist() == [("UCF-101",)] * 2


@pytest.mark.parametrize(
    ("chosen", "rows"),
    [
        ({"language": "ja"}, 1),
        ({"language": ["en", "ja"]}, 3),
        ({"role": "limitation"}, 1),
        ({"keyword": "depth"}, 1),
        ({"dataset": "ucf101"}, 2),
        ({"model": "ResNet-18", "language": "en"}, 1),
        ({"year": 2018, "status": "done"}, 2),
        ({"reader": "reader-a"}, 2),
    ],
)
def test_every_facet_narrows_the_gallery(shelf, chosen, rows):
    assert len(gallery(shelf, **chosen)) == rows


def test_the_gallery_searches_too(shelf):
    assert gallery(shelf, query="過学")["language"].tolist() == ["ja"]
    assert gallery(shelf, query="過学", language="en").empty


def test_facets_count_their_values(shelf):
    counts = facets(records(shelf))
    assert counts["language"] == {"en": 2, "ja": 1}
    assert counts["role"] == {"method": 3, "limitation": 1}
    assert counts["status"] == {"done": 3, NO_CARD: 2}


def test_an_unknown_facet_or_value_is_named_with_the_nearest(shelf):
    with pytest.raises(TypeError, match="did you mean 'language'"):
        gallery(shelf, langage="ja")
    with pytest.raises(ValueError, match="did you mean 'reader-a'"):
        gallery(shelf, reader="reader-aa")


# Figures of tables


def test_figures_of_depth_and_years_say_their_numbers_in_words():
    depth = pd.DataFrame({"series": "ResNet", "depth": [18, 34], "value": [54.2, 60.1], "model": ["a", "<b>"]})
    assert "54.2 at 18 layers to 60.1 at 34 layers" in describe(depth_curve(depth))
    years = pd.DataFrame(
        {"dataset": "U", "year": [2016, 2017], "value": [80.0, 70.0], "model": ["a", "b"], "record": [True, False]}
    )
    fig = best_over_years(years)
    assert "2016 a 80" in describe(fig)
    assert list(fig.data[1].x) == [2017]
    with pytest.raises(ValueError, match="missing: rows"):
        depth_curve(depth.head(0))


def test_networks_of_one_depth_and_accuracy_are_seen_through_one_another():
    rows = pd.DataFrame({"series": ["ResNet", "pre-act ResNet"], "depth": 200, "value": 63.0, "model": ["a", "b"]})
    symbols = [trace.marker.symbol for trace in depth_curve(rows).data]
    assert len(set(symbols)) == 2
    assert all(symbol.endswith("-open") for symbol in symbols)


def test_the_reading_graph_has_its_edges_in_the_order_of_the_cards(library):
    wanted = [f"Paper number {number}" for number in range(12)]
    write_card(library, HARA, "en", "reader-a", f"next: [{', '.join(wanted)}]\n")
    graph = reading_graph(open_shelf(library))
    assert list(graph.edges["to"]) == wanted
    assert [key for key in graph.papers.index if key in wanted] == wanted
