"""Headings as people write them have the role that they ask, and those that ask nothing of ours keep none."""

from pathlib import Path

import pytest

from labkit.survey.card.file import CardFile
from labkit.survey.card.formats import HEADINGS, ROLES, TEMPLATES, role_exactly, role_of
from labkit.survey.card.reviews import guess_format, guess_language
from labkit.survey.card.schema import FORMATS, LANGUAGES

REVIEWS = Path(__file__).parent / "reviews"
# Counted by eye: every heading of the five reviews that asks what a format asks, and what it is about.
ASKED = {
    "ochiai.ja.md": "what novelty method validation discussion next",
    "cvpaper.ja.md": "what novelty method results links",
    "paper-review.ko.md": """what background method background method method dataset results results discussion links""",
    "insight.zh.md": """novelty method method method method method understanding understanding understanding code
        insight contribution limitation insight""",
    "abstract.en.md": "what what links links",
}
NOT_ASKED = {"ochiai.ja.md": 2, "paper-review.ko.md": 1}  # the linked title and somebody's extras


def review(name: str) -> CardFile:
    return CardFile.parse((REVIEWS / name).read_bytes(), name)


@pytest.mark.parametrize("name", ASKED)
def test_headings_of_a_review_as_found_have_their_roles(name):
    headed = [one for one in review(name).sections if one.heading]
    assert [one.role for one in headed if one.role] == ASKED[name].split()
    assert len(headed) - len(ASKED[name].split()) == NOT_ASKED.get(name, 0)


def test_nine_in_ten_headings_that_a_format_asks_are_known_by_themselves():
    own = [one.own for name in ASKED for one in review(name).sections if one.role]
    assert sum(own) / len(own) >= 0.9


@pytest.mark.parametrize("name", ASKED)
def test_format_and_language_of_a_review_are_recognised(name):
    read = review(name)
    assert guess_format(read) == name.split(".")[0]
    language = name.split(".")[1]
    assert guess_language(read.text) == {"abstract.en.md": "zh"}.get(name, language), "an abstract stands there twice"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("format", FORMATS)
def test_every_template_reads_back_with_its_roles_in_every_language(format, language):
    text = "".join(f"{'#' * one.level} {one.heading(language)}\n\n" for one in TEMPLATES[format])
    sections = CardFile.parse(text.encode()).sections[1:]
    assert [one.role for one in sections] == [one.role for one in TEMPLATES[format]]
    assert all(one.own for one in sections)
    assert guess_format(CardFile.parse(text.encode())) == format


def test_each_format_asks_something_else():
    asked = {name: tuple(one.role for one in template) for name, template in TEMPLATES.items()}
    assert len(set(asked.values())) == len(FORMATS)
    assert {role for roles in asked.values() for role in roles} | {"keywords"} == set(ROLES)


def test_no_heading_is_listed_for_two_roles():
    listed: dict[str, str] = {}
    for role, words in HEADINGS.items():
        for word in (one.strip() for one in words.split(",")):
            # Japanese and Chinese share some words; the first role listed has them.
            assert listed.setdefault(word, role) == role or word in {"背景", "参考"}, word


@pytest.mark.parametrize(
    ("heading", "role"),
    [
        ("どんなもの?", "what"),
        ("1. どんなもの？", "what"),
        ("①どんなもの？", "what"),
        ("💡 どんなもの？ 💡", "what"),
        ("と\u3099んなもの？", "what"),  # as macOS takes letters apart
        ("概要 (Overview)", "what"),
        ("Overview（概要）", "what"),
        ("先行研究と比べてどこがすごいの？", "novelty"),
        ("新規性 ・ 差分", "novelty"),
        ("新規性／差分：", "novelty"),
        ("技術や手法の'キモ'はどこにある？", "method"),
        ("手法の詳細", "method"),
        ("提案手法：R(2+1)D", "method"),
        ("どうやって有効だと検証した？", "validation"),
        ("実験設定", "validation"),
        ("議論はある？", "discussion"),
        ("次に読むべき論文は？", "next"),
        ("リンク集", "links"),
        ("III. Experiments", "results"),
        ("3.2.1 Implementation Details", "method"),
        ("Results on UCF-101 & HMDB-51", "results"),
        ("ＲＥＳＵＬＴＳ", "results"),
        ("*Limitations*", "limitation"),
        ("Contributions:", "contribution"),
        ("Q1. What is it?", "what"),
        ("[Code](https://example.org)", "code"),
        ("4 실험 및 결과", "results"),
        ("2장 관련 연구", "background"),
        ("가. 제안 방법", "method"),
        ("한계점과 향후 연구", "limitation"),
        ("데이터셋: Kinetics", "dataset"),
        ("3、实验结果与分析", "results"),
        ("（二）网络结构", "method"),
        ("第三章 数据集", "dataset"),
        ("我的理解与思考", "understanding"),
        ("问题：为什么DenseNet更差？", "understanding"),
        ("总结与启发 ✨", "insight"),
        ("不足之处", "limitation"),
        ("代码分析（待补充）", "code"),
        ("关键词", "keywords"),
        ("References to follow up", "next"),
        ("Paper & References", "links"),
        ("論文リンク（arXiv）", "links"),
        ("Overview of the paper", "what"),
        ("Paper structure outline", None),
        ("Five questions about this paper", None),
        ("Paper: its structure", None),
        ("References, and what they lack", None),
        ("My memo (paper)", None),
        ("Link to earlier work", None),
        ("論文の構成", None),
        ("参考になった点", None),
        ("おまけ", None),
        ("잡담", None),
        ("Two-Stream", None),
        ("Kensho Hara", None),
        ("2018", None),
        ("", None),
        ("!?", None),
        ("We compare the method with all others on the dataset", None),
        ("Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset", None),
        ("x" * 10_000, None),
    ],
)
def test_a_heading_has_the_role_that_it_asks(heading, role):
    assert role_of(heading) == role


def test_a_title_is_no_section_whatever_words_it_has():
    read = CardFile.parse("# A Method for Results\n## 手法\nx\n## 結果\ny\n".encode())
    assert [one.role for one in read.sections] == [None, None, "method", "results"]


def test_only_listed_words_make_a_heading_of_a_dressed_line():
    assert role_exactly("結果") == "results"
    assert role_exactly("結果は良い") is None
