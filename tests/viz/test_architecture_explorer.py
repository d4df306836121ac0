"""The architecture explorer: its numbers are those of the table, its words compare with the published network."""

import pandas as pd
import pytest

from labkit.viz.architecture import architecture_explorer, short

ENDPOINTS = [
    ["stem", "", [64, 16, 56, 56], [7, 7, 7], 65984, 3304390656],
    ["layer1", "2 × basic block", [64, 8, 28, 28], [25, 43, 43], 442880, 2774532096],
    ["logits", "", [400], [221, 531, 531], 205200, 204800],
]
PAIR = [
    ["rgb.<i>Mixed", "", [8, 5, 7, 7], [1, 9, 9], 10, 100],
    ["flow.Mixed", "", [8, 5, 7, 7], [50, 9, 9], 10, 100],
    ["logits", "", [400], [[1, 9, 9], [50, 9, 9]], 80, 800],
]


def row(family="ResNet", width="64", network="", endpoints=ENDPOINTS, depth="18", shortcut="A"):
    return {"family": family, "depth": depth, "width": width, "cardinality": "–", "shortcut": shortcut, "frames": "16",
            "size": "112", "network": network, "kept": 50_100_000, "endpoints": endpoints}  # fmt: skip


THIN = [[*each[:4], each[4] // 4, each[5] // 4] for each in ENDPOINTS]
TABLE = pd.DataFrame(
    [row(network="resnet18"), row(width="16", endpoints=THIN), row("<i>動画</i>", depth="22", endpoints=PAIR)]
)


@pytest.fixture
def explorer():
    return architecture_explorer(TABLE, {"resnet18": "54.2 % top-1"}, live=False)


def test_numbers_are_written_in_three_digits():
    assert [short(n) for n in (0, 950, 1234, 33_180_000, 8.3e9, 1e12)] == [
        "0",
        "950",
        "1.23 k",
        "33.2 M",
        "8.3 G",
        "1 T",
    ]


def test_a_choice_shows_the_sums_and_the_shapes_of_its_table(explorer):
    shown = explorer.record
    assert [shown[name] for name in ("parameters", "macs", "weights", "kept", "field")] == [
        "714 k",
        "6.08 G",
        "2.86 M",
        "50.1 M",
        "25 × 43 × 43",
    ]
    assert shown["title"] == "ResNet, depth 18, width 64, shortcut A, on 16×112×112"
    assert [each["output"] for each in shown["rows"]] == ["64 × 16 × 56 × 56", "64 × 8 × 28 × 28", "400"]
    assert [each["detail"] for each in shown["streams"][0]["boxes"]] == ["", "2 × basic block", ""]


def test_the_words_name_the_largest_part_and_compare_with_the_published_network(explorer):
    said = explorer.record["words"]
    assert "layer1 has 62% of the parameters, stem does 54% of the work." in said
    assert said.endswith("This is resnet18 of the zoo; published: 54.2 % top-1.")
    said = explorer.set(**{"width (channels)": "16"})["words"]
    assert said.endswith(
        "Beside resnet18 (published: 54.2 % top-1): 0.25 times the parameters and 0.25 times the work."
    )


def test_streams_stand_in_lines_of_their_own_and_names_are_text(explorer):
    shown = explorer.set(family="<i>動画</i>")
    assert [each["stream"] for each in shown["streams"]] == ["rgb:", "flow:", ""]
    assert shown["rows"][2]["field"] == "1 × 9 × 9 and 50 × 9 × 9"
    assert "The zoo has no network of this depth." in shown["words"]
    made = explorer.static()
    assert "<i>Mixed" not in made
    assert "<i>動画" not in made


def test_an_empty_or_another_table_is_refused():
    with pytest.raises(ValueError, match="missing: rows"):
        architecture_explorer(TABLE.head(0))
    with pytest.raises(ValueError, match="missing: kept"):
        architecture_explorer(TABLE.drop(columns="kept"))
