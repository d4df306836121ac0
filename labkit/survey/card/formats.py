"""What the five card formats ask, in four languages, and what the headings of a review mean.

A **role** is what a section is about, whatever its heading says, so that cards of different formats and languages
stand side by side. `TEMPLATES` is what `labkit card new` writes; `HEADINGS` is what people call these sections.
Both are tables; `role_of` looks a heading up, however it is numbered, punctuated or decorated.
"""

import functools
import re
import unicodedata
from typing import Literal, NamedTuple, get_args

from labkit.survey.card.schema import CardFormat, CardLanguage

Role = Literal[
    "what",  # overview, abstract: what is it?
    "background",  # introduction and related work, where a review mirrors the paper
    "novelty",  # what is new, what differs from earlier work
    "method",
    "dataset",
    "results",
    "validation",  # how it was shown to work
    "discussion",
    "limitation",
    "contribution",
    "insight",  # what one takes away
    "understanding",  # the reader's own thoughts: question and answer
    "code",
    "next",  # what to read next
    "links",
    "keywords",
]
ROLES: tuple[Role, ...] = get_args(Role)


class Asked(NamedTuple):
    """One section of a format: its role, its heading by language, and how deep it stands."""

    role: Role
    en: str
    ja: str
    ko: str
    zh: str
    level: int = 2

    def heading(self, language: CardLanguage) -> str:
        """The heading in this language."""
        return str(getattr(self, language))


TEMPLATES: dict[CardFormat, tuple[Asked, ...]] = {
    # Ochiai's six questions.
    "ochiai": (
        Asked("what", "What is it?", "どんなもの？", "어떤 논문인가?", "这是什么研究？"),
        Asked(
            "novelty",
            "What is better than in earlier work?",
            "先行研究と比べてどこがすごい？",
            "선행 연구와 비교해 무엇이 뛰어난가?",
            "与以往研究相比好在哪里？",
        ),
        Asked(
            "method",
            "What is the heart of the method?",
            "技術や手法の肝はどこ？",
            "기술과 방법의 핵심은 무엇인가?",
            "技术或方法的关键在哪里？",
        ),
        Asked(
            "validation",
            "How was it shown to work?",
            "どうやって有効だと検証したか？",
            "유효성을 어떻게 검증했는가?",
            "如何验证其有效性？",
        ),
        Asked(
            "discussion", "What is there to discuss?", "議論はある？", "논의할 점은 있는가?", "有哪些值得讨论的地方？"
        ),
        Asked(
            "next",
            "Which papers should be read next?",
            "次に読むべき論文は？",
            "다음에 읽어야 할 논문은?",
            "接下来应该读哪些论文？",
        ),
    ),
    # The one-page card of cvpaper.challenge.
    "cvpaper": (
        Asked("what", "Overview", "概要", "개요", "概要"),
        Asked("novelty", "Novelty and difference", "新規性・差分", "새로운 점과 차이점", "新颖性与差异"),
        Asked("method", "Method", "手法", "방법", "方法"),
        Asked("results", "Results", "結果", "결과", "结果"),
        Asked("links", "Links", "リンク", "링크", "链接"),
    ),
    # A review in the order of the paper.
    "paper-review": (
        Asked("what", "Abstract", "要旨", "초록", "摘要"),
        Asked("background", "Introduction", "はじめに", "서론", "引言"),
        Asked("background", "Related work", "関連研究", "관련 연구", "相关工作"),
        Asked("method", "Method", "提案手法", "제안 방법", "方法"),
        Asked("dataset", "Datasets", "データセット", "데이터셋", "数据集", level=3),
        Asked("method", "Implementation", "実装の詳細", "구현 세부 사항", "实现细节", level=3),
        Asked("results", "Experiments", "実験", "실험", "实验"),
        Asked("discussion", "Conclusion", "結論", "결론", "结论"),
    ),
    # What is new, how it is done, what I think, what the code does, what stays.
    "insight": (
        Asked("novelty", "Core novelty", "核となる新しさ", "핵심 혁신점", "核心创新点"),
        Asked("method", "Technical details", "技術の詳細", "기술 세부 사항", "技术细节"),
        Asked("method", "Comparison of methods", "手法の比較", "방법 비교", "方法对比", level=3),
        Asked("method", "Method in brief", "手法の概要", "방법 개요", "方法概述", level=3),
        Asked("method", "Network architecture", "ネットワーク構造", "네트워크 구조", "网络架构", level=3),
        Asked("method", "Implementation details", "実装の詳細", "구현 세부 사항", "实现细节", level=3),
        Asked("understanding", "My understanding", "自分の理解", "개인적 이해", "个人理解"),
        Asked("code", "Code analysis", "コード解析", "코드 분석", "代码分析"),
        Asked("insight", "Summary and insights", "まとめと示唆", "정리와 시사점", "总结与启发"),
        Asked("contribution", "Contributions", "貢献", "기여", "贡献", level=3),
        Asked("limitation", "Limitations", "限界", "한계", "局限性", level=3),
        Asked("insight", "Insights", "示唆", "시사점", "启发", level=3),
    ),
    # The abstract, the same in another language, where it is.
    "abstract": (
        Asked("what", "Abstract", "Abstract", "Abstract", "Abstract"),
        Asked("what", "Abstract (translated)", "要旨（翻訳）", "초록 (번역)", "摘要（翻译）"),
        Asked("links", "URL", "URL", "URL", "URL"),
        Asked("links", "PDF", "PDF", "PDF", "PDF"),
    ),
}

# What else sections are called, by role; headings of the templates are known anyway. Commas separate.
HEADINGS: dict[Role, str] = {
    "what": """abstract, overview, summary, tldr, tl;dr, in short, in one sentence, what is it, what is this paper about,
        what is this, at a glance, どんなもの, どんな論文, どんな論文か, どういうもの, ひとことでいうと, 一言でいうと, 一言でまとめると, 概要, 要約,
        要旨, アブストラクト, 論文概要, 論文の概要, 한줄 요약, 요약, 초록, 개요, 논문 요약, 논문 개요, 어떤 논문, 무엇인가, 摘要, 概述, 简介,
        论文概述, 论文简介, 论文摘要, 摘要翻译, 中文摘要, 英文摘要, 一句话总结, 这是什么, 主要内容, 论文信息""",
    "background": """introduction, background, motivation, related work, related works, prior work, previous work, preliminaries,
        problem, problem statement, problem setting, はじめに, 背景, 導入, 序論, 研究背景, 動機, 関連研究, 先行研究, 従来手法, 問題設定, 課題,
        서론, 소개, 들어가며, 배경, 연구 배경, 동기, 관련 연구, 선행 연구, 기존 연구, 문제 정의, 引言, 介绍, 背景, 研究背景, 背景介绍, 动机,
        研究动机, 相关工作, 相关研究, 前言, 问题定义, 解决的问题, 要解决的问题""",
    "novelty": """novelty, novelties, what is new, what's new, difference, differences, difference from prior work,
        novelty and difference, novelty and differences, core idea, key idea, key ideas, innovation, core innovation, innovations,
        what is great compared to previous work, compared to previous work, 先行研究と比べてどこがすごい, 先行研究と比べてどこがすごいの,
        先行研究と比べて何がすごい, 先行研究と比べてどこがすごいか, 先行研究との差分, 先行研究との違い, 従来研究との差分, 新規性, 差分, 新規性差分,
        新しさ, 新規性と差分, 新規性と貢献, 참신성, 새로운 점, 차별점, 차이점, 신규성, 핵심 아이디어, 핵심 혁신, 혁신점, 기존 연구와의 차이,
        선행 연구와의 차이, 선행 연구와 비교, 创新点, 核心创新点, 核心创新, 主要创新点, 创新, 新颖性, 核心思想, 核心观点, 与先前工作的区别,
        与以往工作的区别""",
    "method": """method, methods, methodology, approach, proposed method, proposed approach, model, models, architecture,
        network architecture, network architectures, architectures, network, framework, implementation, implementation details,
        training, training details, technical details, details, algorithm, loss, loss function, loss functions, key point of the method,
        key of the technique, heart of the method, optimization, inference,
        技術や手法の肝は, 技術や手法のキモはどこ, 技術や手法のキモは, 技術や手法の肝, 技術の手法や肝は, 技術の手法や肝, 技術の手法や肝はどこ,
        手法の肝, 手法のキモ, 手法, 提案手法, 方法, アプローチ, モデル, アーキテクチャ, ネットワーク構造, ネットワーク, 実装, 実装の詳細, 学習,
        学習方法, 学習の詳細, 損失関数, アルゴリズム, 手法の詳細, 技術の詳細, 방법, 방법론, 제안 방법, 제안하는 방법, 제안 기법, 접근 방법, 접근법, 모델, 모델 구조, 구조, 아키텍처,
        네트워크, 네트워크 구조, 네트워크 아키텍처, 구현, 구현 세부, 구현 세부사항, 구현 디테일, 학습, 학습 방법, 훈련, 손실 함수, 핵심 기술,
        기술 세부, 알고리즘, 세부 사항, 方法, 方法概述, 方法对比, 方法比较, 方法介绍, 方法细节, 本文方法, 提出的方法, 所提方法, 技术细节, 技术方案,
        网络架构, 网络结构, 网络, 模型, 模型结构, 模型架构, 架构, 实现, 实现细节, 训练, 训练细节, 训练方法, 训练过程, 损失函数, 算法, 框架, 整体框架""",
    "dataset": """dataset, datasets, data, data set, data sets, benchmark, benchmarks, データセット, データ, 使用データセット, 데이터셋,
        데이터 세트, 데이터, 数据集, 数据, 数据集介绍""",
    "results": """results, result, experiments, experiment, experimental results, experiments and results, results and analysis,
        evaluation, experimental evaluation, performance, comparison, comparison with the state of the art, comparison with state-of-the-art, ablation,
        ablation study, ablation studies, findings, 結果, 実験, 実験結果, 評価結果, 性能, 比較, 比較実験, 定量評価, 定性評価, アブレーション,
        결과, 실험, 실험 결과, 실험 및 결과, 성능, 성능 비교, 비교, 비교 실험, 분석 결과, 평가 결과, 결과 분석, 실험 분석, 结果, 实验, 实验结果, 实验与结果, 实验分析,
        实验结果与分析, 结果分析, 性能, 性能对比, 对比实验, 消融实验, 比较""",
    "validation": """validation, verification, how was it validated, how was it verified, how did they verify that it works,
        evaluation method, evaluation protocol, experimental configuration, experimental setup, experimental settings, experiment setup, setup, どうやって有効だと検証した,
        どうやって有効だと検証したか, どうやって有効だと検証したの, 有効性の検証, 検証, 検証方法, 評価, 評価方法, 実験設定, 実験条件, 검증,
        검증 방법, 어떻게 검증했나, 유효성 검증, 실험 설정, 실험 환경, 평가, 평가 방법, 验证, 验证方法, 有效性验证, 实验设置, 实验设定, 评估,
        评估方法, 评价""",
    "discussion": """discussion, discussions, conclusion, conclusions, concluding remarks, conclusion and future work, future work,
        議論はある, 議論はあるか, 議論, 議論はあるの, 考察, 結論, おわりに, まとめ, 今後の課題, 終わりに, 논의, 논의점, 논의할 점, 토론, 토의, 고찰, 결론, 결론 및 고찰,
        마치며, 맺음말, 향후 연구, 讨论, 结论, 总结, 结语, 展望, 未来工作, 总结与展望, 结论与展望""",
    "limitation": """limitation, limitations, weakness, weaknesses, drawbacks, cons, shortcomings, 限界, 制約, 弱点, 欠点, 問題点, 課題と限界,
        한계, 한계점, 단점, 제한점, 약점, 局限, 局限性, 不足, 缺点, 不足之处, 存在的问题""",
    "contribution": """contribution, contributions, main contributions, our contributions, key contributions, strengths, pros, 貢献,
        主な貢献, 本研究の貢献, コントリビューション, 기여, 기여점, 공헌, 주요 기여, 논문의 기여, 장점, 贡献, 主要贡献, 论文贡献, 本文贡献, 优点""",
    "insight": """insight, insights, takeaway, takeaways, take-home message, lessons, lessons learned, summary and insights, 示唆,
        知見, 学び, 得られた知見, まとめと示唆, 시사점, 인사이트, 배운 점, 느낀 점, 교훈, 정리와 시사점, 启发, 启示, 总结与启发, 总结与启示, 收获, 心得""",
    "understanding": """my understanding, understanding, thoughts, my thoughts, comment, comments, opinion, personal opinion, questions,
        question, my questions, q&a, q & a, review, notes, コメント, 感想, 所感, 自分の考え, 自分の理解, 疑問, 疑問点, 質問, メモ, 개인적 이해, 개인 의견, 나의 생각, 내 생각,
        개인적인 생각, 의견, 코멘트, 질문, 의문점, 생각, 후기, 个人理解, 我的理解, 个人思考, 思考, 想法, 个人想法, 疑问, 问题, 问答, 评论, 点评, 读后感""",
    "code": """code, code analysis, source code, implementation in code, official code, official implementation, コード, ソースコード,
        コード解析, 実装コード, 公式実装, 코드, 코드 분석, 소스 코드, 코드 리뷰, 공식 코드, 代码, 代码分析, 源码, 源码分析, 代码解读, 源码解读, 代码实现, 官方代码""",
    "next": """next, to follow up, references to follow up, papers to follow up,
        next papers, what to read next, papers to read next, further reading, read next, 次に読むべき論文は, 次に読むべき論文,
        次に読む論文, 次に読みたい論文, 関連論文, 다음에 읽을 논문, 다음에 읽어야 할 논문, 다음 논문, 더 읽을거리, 읽어볼 논문, 관련 논문, 接下来读什么,
        下一步阅读, 接下来要读的论文, 后续阅读, 延伸阅读, 推荐阅读, 扩展阅读, 相关论文""",
    "links": """link, links, url, urls, pdf, paper, paper link, reference, references, bibliography, citation, cite, bibtex, resources,
        project page, リンク, リンク集, 論文リンク, 論文, 参考, 参考文献, 引用, 論文情報, 論文情報・リンク, 参考リンク, 출처, 링크, 논문 링크, 참고, 참고 문헌, 참고 자료, 레퍼런스,
        인용, 链接, 论文链接, 论文地址, 参考, 参考文献, 参考资料, 引用, 原文链接, 代码链接, 项目地址, 资源""",
    "keywords": """keyword, keywords, tag, tags, index terms, キーワード, タグ, 키워드, 핵심어, 태그, 关键词, 关键字, 标签""",
}

# "3.1", "(2)", "IV.", "a)", "第2章", "一、", "가.", "Q1." before a heading's words.
_NUMBERING = re.compile(
    r"^[\W_]*(?:(?:\(?\d+(?:\.\d+)*\)?|[ivx]+(?=[.)、])|[a-z](?=[.)、])|q\d+|step \d+"
    r"|第?[一二三四五六七八九十\d]+(?=[章节節、.,)部])[章节節部]?|[가나다라마바사](?=[.)]))[\s.)、:,]*)+"
)
_PARENTHESES = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]|【([^【】]*)】|「([^「」]*)」")
_SEPARATORS = re.compile(r"[/|:;,·・、,—–]| - |&| and | 및 |와 |과 |与|和|及|・")
LONGEST = 80  # characters of a heading that is looked up; a longer line is a sentence
LONGEST_IN_PARTS = 50  # a longer heading is a title, which may well end in "dataset"


def _key(words: str) -> str:
    """How headings are compared: one width and case, letters and digits only."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", words).casefold())


@functools.cache
def _known() -> dict[str, Role]:
    known: dict[str, Role] = {}
    for role, words in HEADINGS.items():
        for one in words.split(","):
            known.setdefault(_key(one), role)
    for asked in (one for template in TEMPLATES.values() for one in template):
        for heading in asked[1:5]:
            known.setdefault(_key(str(heading)), asked.role)
    known.pop("", None)
    return known


def looked_up(heading: str) -> str:
    """A heading as it is compared, without its numbering."""
    words = unicodedata.normalize("NFKC", heading[:LONGEST]).casefold()
    return _key(_NUMBERING.sub("", words, count=1)) or _key(words)


def role_exactly(heading: str) -> Role | None:
    """The role of a heading that is listed here; numbering, decoration and punctuation do not matter."""
    if len(heading) > LONGEST:
        return None
    words = unicodedata.normalize("NFKC", heading).casefold()
    known = _known()
    return known.get(_key(words)) or known.get(_key(_NUMBERING.sub("", words, count=1)))


@functools.lru_cache(maxsize=4096)
def role_of(heading: str) -> Role | None:
    """What a section is about, by its heading; None if no format asks for that.

    The whole heading is looked up first, then without its parentheses, then the words in them, then part by part, then by
    its beginning or end ("Results on UCF-101", "实验结果与分析"). Links are known by whole headings alone: "paper" and
    "reference" stand in many that are about something else.
    """
    if len(heading) > LONGEST:
        return None
    words = unicodedata.normalize("NFKC", heading).casefold()
    words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", words)  # a link's words
    found = role_exactly(words)
    if found:
        return found
    words = _NUMBERING.sub("", words, count=1)
    inside = [part for match in _PARENTHESES.findall(words) for part in match if part]
    outside = _PARENTHESES.sub(" ", words)
    whole = len(outside) > LONGEST_IN_PARTS
    parts = [] if whole else [part for part in _SEPARATORS.split(outside) if _key(part)]
    roles = [role_exactly(part) for part in (outside, *inside, *parts)]
    role = roles[0] or next((role for role in roles if role not in (None, "links")), None)
    if role or whole:
        return role
    if parts and set(roles[-len(parts) :]) == {"links"}:
        return "links"
    return _by_its_ends(outside)


def _by_its_ends(words: str) -> Role | None:
    """The role of the longest known heading that these words begin with, else end with."""
    known, parts = _known(), re.findall(r"[^\W_]+", words)
    spaced = [_key(part) for part in parts]
    for size in range(len(spaced) - 1, 0, -1):
        for some in (spaced[:size], spaced[-size:]):
            role = known.get("".join(some))
            if role and role != "links":
                return role
    whole = "".join(spaced)
    if not re.search(r"[\u3040-\u30ff\u3400-\u9fff]", whole):
        return None  # only Japanese and Chinese run words together
    for size in range(len(whole) - 1, 1, -1):
        for part in (whole[:size], whole[-size:]):
            role = known.get(part)
            if role and role != "links":
                return role
    return None
