"""What a reader wants read next is found however it is written, and never taken for a paper that it may not be."""

import pytest

from labkit.survey.queue.references import CERTAIN, Names, library_names, listed, resolve, settled

HARA, CARREIRA, TSN, LATER_TSN = "hara-2018-retrace", "carreira-2017-quo-vadis", "wang-2016-tsn", "wang-2018-tsn"


@pytest.fixture
def names(library) -> Names:
    return library_names()


@pytest.mark.parametrize(
    ("text", "paper"),
    [
        ("Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?", HARA),
        ("can spatiotemporal 3D-CNNs retrace the history of 2D CNNs and imagenet", HARA),
        ("Ｃａｎ Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet？", HARA),
        ("Can Spatiotemporal 3D CNNs Retrace the Hist…", HARA),
        ("Can Spatiotemporal 3D CNNs...", HARA),
        ("Can Spatiotemporal 3D CNNs … and ImageNet?", HARA),
        ("…Retrace the History of 2D CNNs and ImageNet?", HARA),
        ("時空間３次元CNNは2次元CNNとImageNetの歴史を…", HARA),
        ("行为识别,何去何从?新模型与Kinetics数据集", CARREIRA),
        ('K. Hara et al., "Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?", CVPR 2018', HARA),
        (
            "J. Carreira, A. Zisserman. Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset. CVPR",
            CARREIRA,
        ),
        ("[3] J. Carreira and A. Zisserman: Quo Vadis, Action Recognition? A New Mod…", CARREIRA),
        ("「時空間3次元CNNは2次元CNNとImageNetの歴史をたどれるか」を読む", HARA),
        ("I3D", CARREIRA),
        ("I3D [Carreira+, CVPR17]", CARREIRA),
        ("Ｉ３Ｄ（CVPR 2017）", CARREIRA),
        ("arXiv:1711.09577v2", HARA),
        ("see https://arxiv.org/abs/1705.07750", CARREIRA),
        ("doi:10.1109/cvpr.2017.502.", CARREIRA),
        ("carreira-2017-quo-vadis", CARREIRA),
        ("Temporal Segment Networks: Towards Good Practices…", TSN),
    ],
)
def test_a_reference_is_resolved(text, paper, names):
    best = settled(resolve(text, names))
    assert best is not None, resolve(text, names)
    assert best.paper == paper


@pytest.mark.parametrize(
    ("text", "papers"),
    [
        ("Temporal Segment Networks…", {TSN, LATER_TSN}),
        ("TSN", {TSN, LATER_TSN}),
        ("Kinetics", {CARREIRA}),  # a word of its title; as a keyword of two papers it is nobody's name
        ("sampling", {LATER_TSN}),  # a keyword of one is a hint
        ("Can Spatiotmporal 3D CNNs Retrase the History of 2D CNN and ImageNet", {HARA}),
        ("Can Spatiotemporal 3D CNNs Retrace the History", {HARA}),
        ("Quo Vadis, Action Detection? A New Model and the Kinetics Dataset", {CARREIRA}),  # another paper, likely
        ("Action Recognition", {CARREIRA, TSN, LATER_TSN}),
        ("Deep Residual Learning for Image Recognition", set()),
        ("2018", set()),
        ("…", set()),
        ("", set()),
        ("1711.0957", set()),
    ],
)
def test_what_is_not_beyond_doubt_is_left_to_the_reader(text, papers, names):
    candidates = resolve(text, names)
    assert settled(candidates) is None, candidates
    assert {one.paper for one in candidates} == papers


def test_a_candidate_shows_which_name_matched(names):
    assert resolve("行为识别，何去何从…", names)[0].matched == "行为识别，何去何从？新模型与Kinetics数据集"
    assert all(0 < one.score <= 1 for one in resolve("I3D", names))
    assert resolve("I3D", names)[0].score >= CERTAIN


def test_every_title_of_the_library_resolves_to_its_paper_whole_and_cut():
    """The committed papers, so that no two of them are mistaken for each other."""
    names = library_names()
    for papers in names.titles.values():
        for paper, title in papers:
            assert [one.paper for one in resolve(title, names) if one.score == 1.0] == [paper], title
            for cut in (title[:20] + "…", title[: len(title) // 2] + "..."):
                best = settled(resolve(cut, names))
                assert best is None or best.paper == paper, cut


def test_every_alias_of_the_library_names_one_paper_or_asks():
    names = library_names()
    for papers in names.aliases.values():
        best = settled(resolve(papers[0][1], names))
        assert best is None or best.paper in {paper for paper, _ in papers}


def test_the_titles_of_a_list_lose_its_marks_only():
    section = (
        "\r\n- Quo Vadis, Action Recognition?…\r\n"
        "＋ not a bullet\n"
        "  * [C3D](https://arxiv.org/abs/1412.0767)  \n"
        "1. **Temporal Segment Networks**\n"
        "[2] Two-stream ConvNets\n"
        "① 3次元CNN\n"
        "・I3D\n"
        "- https://arxiv.org/abs/1711.09577\n"
        "- https://example.org/nothing\n"
        "<!-- hidden -->\n"
        "![](images\\a.png)\n"
        "-\n"
        "3D ResNets\n"
    )
    assert tuple(one.text for one in listed(section)) == (
        "Quo Vadis, Action Recognition?…",
        "＋ not a bullet",
        "C3D (1412.0767)",
        "Temporal Segment Networks",
        "Two-stream ConvNets",
        "3次元CNN",
        "I3D",
        "https://arxiv.org/abs/1711.09577",
        "3D ResNets",
    )
