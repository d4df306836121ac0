"""A small library of its own for tests that write."""

from pathlib import Path

import pytest

PAPERS = {
    "hara-2018-retrace": """\
id: hara-2018-retrace
titles:
  en: Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?
  ja: 時空間3次元CNNは2次元CNNとImageNetの歴史をたどれるか
authors: [{given: Kensho, family: Hara}, {given: Hirokatsu, family: Kataoka}, {given: Yutaka, family: Satoh}]
year: 2018
venue: CVPR 2018
arxiv: {id: "1711.09577", source: arXiv}
links: [{title: arXiv, url: "https://arxiv.org/abs/1711.09577"}]
keywords: [Kinetics, residual networks]
""",
    "carreira-2017-quo-vadis": """\
id: carreira-2017-quo-vadis
titles:
  en: Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset
  zh: {text: 行为识别，何去何从？新模型与Kinetics数据集, translated_by: labkit}
aliases: [I3D]
authors: [{given: Joao, family: Carreira}, {given: Andrew, family: Zisserman}]
year: 2017
venue: CVPR 2017
arxiv: {id: "1705.07750", source: arXiv}
doi: {id: 10.1109/CVPR.2017.502, source: reference lists}
keywords: [inflation, Kinetics]
""",
    "wang-2016-tsn": """\
id: wang-2016-tsn
titles: {en: "Temporal Segment Networks: Towards Good Practices for Deep Action Recognition"}
aliases: [TSN]
authors: [{given: Limin, family: Wang}]
year: 2016
venue: ECCV 2016
""",
    "wang-2018-tsn": """\
id: wang-2018-tsn
titles: {en: Temporal Segment Networks for Action Recognition in Videos}
aliases: [TSN]
authors: [{given: Limin, family: Wang}]
year: 2018
venue: TPAMI 2018
keywords: [sampling]
""",
}


@pytest.fixture
def library(tmp_path, monkeypatch) -> Path:
    """The folder of a library of four papers, which labkit reads while the test runs."""
    folder = tmp_path / "summaries"
    for paper_id, text in PAPERS.items():
        (folder / paper_id).mkdir(parents=True)
        (folder / paper_id / "paper.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("LABKIT_SUMMARIES", str(folder))
    return folder
