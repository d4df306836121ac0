"""What is committed in `summaries/`: every file reads, every reference leads somewhere, every number has its table."""

import functools
import html
import json
import re
import unicodedata
from pathlib import Path

import pytest
import yaml

from labkit.models.zoo import entry, list_models
from labkit.survey.card.file import CardFile, read_card
from labkit.survey.card.formats import TEMPLATES
from labkit.survey.card.schema import FORMATS, LANGUAGES
from labkit.survey.publication.cite import cite
from labkit.survey.publication.files import paper_ids, read_paper, read_results
from labkit.survey.publication.yaml_files import Loader
from labkit.survey.queue.references import library_names, resolve, settled

ROOT = Path(__file__).resolve().parents[3]
SUMMARIES, NOTEBOOKS = ROOT / "summaries", ROOT / "notebooks"
HARA, CARREIRA = "hara-2018-retrace", "carreira-2017-quo-vadis"
PAPERS = tuple(path.parent.name for path in sorted(SUMMARIES.glob("*/paper.yaml")))
CARDS = sorted(SUMMARIES.glob("*/cards/*.md"))
QUOTED_AS = {"Hara et al. 2018": HARA, "Carreira and Zisserman 2017": CARREIRA}
ACCURACY = re.compile(r"(?<![\d.])(\d{1,2}\.\d)\s?[%％]")  # one decimal and a percent sign: how the papers print them


def names(path):
    return f"{path.parent.parent.name}/{path.stem}"


@pytest.fixture(params=CARDS, ids=names)
def card(request) -> CardFile:
    return read_card(request.param)


@functools.cache
def published() -> frozenset[str]:
    """Every accuracy of the library, as printed."""
    return frozenset(r.printed for name in paper_ids() for r in read_results(name) if r.unit == "%")


@functools.cache
def cell_ids(notebook: str) -> frozenset[str]:
    text = (NOTEBOOKS / f"{notebook}.ipynb").read_text(encoding="utf-8")
    return frozenset(cell["id"] for cell in json.loads(text)["cells"])


@pytest.mark.parametrize("paper_id", PAPERS)
def test_a_paper_reads_and_is_found_by_its_id(paper_id):
    paper = read_paper(paper_id)
    assert paper.id == paper_id
    read_results(paper_id)
    if paper.kind == "paper":
        family = unicodedata.normalize("NFKD", paper.authors[0].family).encode("ascii", "ignore").decode().split()[0]
        assert paper_id.startswith(f"{family.casefold()}-{paper.year}-")
        assert paper.keywords
        assert paper.claims


def test_there_are_the_two_papers_and_more_than_twenty_around_them():
    around = [name for name in PAPERS if read_paper(name).kind == "paper" and name not in (HARA, CARREIRA)]
    assert len(around) >= 24


def test_every_paper_has_a_card():
    with_card = {path.parent.parent.name for path in CARDS}
    assert with_card == {name for name in PAPERS if read_paper(name).kind == "paper"}


def test_no_two_papers_share_an_arxiv_number_or_a_doi():
    numbers = [n.id for paper in map(read_paper, PAPERS) for n in (paper.arxiv, paper.doi) if n]
    assert len(numbers) > 25
    assert len(set(numbers)) == len(numbers)


def test_the_two_papers_are_told_in_four_languages_and_say_who_told_them():
    for paper in map(read_paper, (HARA, CARREIRA)):
        assert set(paper.titles) == set(paper.abstracts) == set(LANGUAGES)
        assert all(title.translated_by for language, title in paper.titles.items() if language != paper.language)
        assert all(abstract.translated_by == "labkit, in its own words" for abstract in paper.abstracts.values())
        # Folding a YAML text puts a space where its line breaks, which these languages do not have.
        told = [abstract.text for language, abstract in paper.abstracts.items() if language in ("ja", "zh")]
        assert not any(re.search(r"[\u3040-\u9fff、。，] | [\u3040-\u9fff]", text) for text in told)
        assert all(erratum.evidence for erratum in paper.errata)


def test_every_network_of_the_zoo_has_its_paper_and_its_published_number():
    for each in map(entry, list_models()):
        if each.paper:
            assert each.paper in PAPERS, each.name
        if each.published:
            assert cite(each.published["paper"], **{k: v for k, v in each.published.items() if k != "paper"}), each.name


AROUND = [name for name in PAPERS if name not in (HARA, CARREIRA, "datasets")]


@pytest.mark.parametrize("paper_id", AROUND)
def test_a_number_says_where_it_was_read(paper_id):
    own = re.compile(r"abstract|Table \d.*|the authors' (?:README|model zoo|model table)\b.*")
    for result in read_results(paper_id):
        quoted = result.source.partition(", Table ")[0] in QUOTED_AS
        assert quoted or own.fullmatch(result.source) or result.status == "unsure", str(result)
        assert result.status == "printed" or result.note, f"{result}: unsure, and nothing says why"


@pytest.mark.parametrize("paper_id", AROUND)
def test_what_is_missing_of_a_papers_numbers_is_said_and_shown(paper_id):
    paper = read_paper(paper_id)
    assert paper.missing
    assert html.escape(paper.missing) in paper._repr_html_()
    # Not a word for all of them, where there are some.
    assert paper.missing.startswith("All of them") == (not read_results(paper_id))


def test_most_papers_have_numbers_and_few_of_these_are_unsure():
    rows = [row for name in PAPERS for row in read_results(name)]
    assert sum(bool(read_results(name)) for name in AROUND) >= 0.9 * len(AROUND)
    assert sum(row.status == "unsure" for row in rows) <= 0.05 * len(rows)


def test_the_papers_that_readers_of_the_reviewed_one_want_next_are_there():
    wanted = {one.paper for one in read_card(SUMMARIES / HARA / "cards/en-labkit.md").about.next}
    for title in (
        "YouTube-8M",
        "ConvNet Architecture Search for Spatiotemporal Feature Learning",
        "Towards Good Practices for Very Deep Two-Stream ConvNets",
    ):
        found = settled(resolve(title, library_names()))
        assert found, title
        assert found.paper in wanted
        assert read_paper(found.paper).abstracts["en"].translated_by == "labkit, in its own words"


@pytest.mark.parametrize("paper_id", AROUND)
def test_a_quoted_number_is_the_one_that_the_quoting_paper_prints(paper_id):
    for result in read_results(paper_id):
        author, _, table = result.source.partition(", Table ")
        if author not in QUOTED_AS:
            continue
        origin = [r for r in read_results(QUOTED_AS[author]) if r.source == f"Table {table}"]
        same = ("model", "variant", "dataset", "split", "metric", "printed", "unit", "input", "pretraining", "status")
        assert any(all(getattr(result, key) == getattr(r, key) for key in same) for r in origin), str(result)
        assert "as quoted there" in result.note


def test_every_network_that_the_two_papers_compare_with_has_the_numbers_that_they_quote():
    own = {"ResNeXt-101", "I3D"}
    quoted = {(r.model, r.source) for name in PAPERS for r in read_results(name) if "Table 5" in r.source}
    for author, paper_id in QUOTED_AS.items():
        for result in read_results(paper_id):
            if result.source == "Table 5" and result.model not in own:
                assert (result.model, f"{author}, Table 5") in quoted


def test_a_card_stands_where_its_front_matter_says(card):
    assert card.path.name == card.about.file_name
    assert card.path.parent.parent.name == card.about.paper
    assert bytes(card) == card.path.read_bytes()


def test_a_card_says_who_read_it_and_what_for(card):
    about = card.about
    assert (about.reader, about.institution, about.status) == ("labkit", "", "done")
    assert about.goal
    assert about.keywords
    assert about.minutes.budget == (60 if about.mode == "close" else 20)


def test_a_card_has_something_to_say_under_every_heading_of_its_format(card):
    for asked in TEMPLATES[card.about.format]:
        assert card.role(asked.role), f"nothing about {asked.role}"
    prose = "".join(section.text for section in card.sections)
    assert len(re.sub(r"\s|https?://\S+", "", prose)) >= 250


def test_what_to_read_next_is_in_the_library_or_plainly_is_not(card):
    library = library_names()
    for reference in card.about.next:
        found = settled(resolve(reference.text, library))
        assert (found.paper if found else None) == reference.paper, reference.text


def test_claims_and_questions_lead_to_notebooks_and_cells_that_exist(card):
    known = {result.dataset for name in paper_ids() for result in read_results(name)}
    for one in (*card.about.claims, *card.about.questions):
        if one.notebook:
            assert (NOTEBOOKS / f"{one.notebook}.ipynb").is_file(), one.text
            assert not one.cell or one.cell in cell_ids(one.notebook), f"{one.notebook}: {one.cell}"
    for question in card.about.questions:
        assert question.dataset in {"", *known}
        assert question.condition, f"where on the map is: {question.text}"


def test_a_disputed_claim_is_one_of_the_paper_or_quoted(card):
    claims = {claim.id for claim in read_paper(card.about.paper).claims}
    for claim in card.about.claims:
        if re.fullmatch(r"[a-z0-9-]+", claim.disputes):
            assert claim.disputes in claims


def test_accuracies_on_a_card_are_published_ones_and_name_their_table(card):
    for section in card.sections:
        for number in ACCURACY.findall(section.text):
            assert number in published(), f"{section.heading}: {number} %"
            assert "Table" in section.text, f"{section.heading}: {number} % without its table"


def test_each_of_the_two_papers_has_a_card_in_every_language_and_no_two_ask_the_same():
    for paper_id in (HARA, CARREIRA):
        cards = [read_card(path) for path in CARDS if path.parent.parent.name == paper_id]
        assert {card.about.language for card in cards} == set(LANGUAGES)
        assert len({card.about.goal for card in cards}) == len(cards)
        keywords = [set(card.about.keywords) for card in cards]
        assert all(a != b for i, a in enumerate(keywords) for b in keywords[i + 1 :])


def test_all_formats_and_languages_occur():
    about = [read_card(path).about for path in CARDS]
    assert {one.format for one in about} == set(FORMATS)
    assert {one.language for one in about} == set(LANGUAGES)


def test_the_questions_that_reviews_raise_are_on_the_map():
    about = [read_card(path).about for path in CARDS]
    asked = {(q.dataset, q.condition, q.notebook) for one in about for q in one.questions}
    assert ("Kinetics-400", "equal parameters", "02_3d_blocks") in asked, "why did DenseNet lose?"
    assert ("Kinetics-400", "LSTM", "03_inflating_2d") in asked, "why was the LSTM weak?"
    assert ("HMDB-51", "64 frames at 112²", "02_3d_blocks") in asked, "does 64 frames at 112² hurt transfer?"
    disputed = [claim for one in about for claim in one.claims if claim.disputes == "two-orders-of-magnitude"]
    assert [claim.notebook for claim in disputed] == ["05_overfitting_curves"], "how much larger is Kinetics?"


def test_how_much_larger_kinetics_is_follows_from_the_sizes():
    def clips(dataset):
        return float(cite("datasets", dataset=dataset, metric="clips", split="", dataset_copy=""))

    def seconds(dataset):
        return float(cite("datasets", dataset=dataset, metric="clip length"))

    times = {name: clips("Kinetics-400") / clips(name) for name in ("UCF-101", "HMDB-51")}
    hours = {name: times[name] * seconds("Kinetics-400") / seconds(name) for name in times}
    assert [round(times[name]) for name in times] == [23, 44]
    assert [round(hours[name]) for name in hours] == [32, 148]
    claim = next(c for c in read_card(SUMMARIES / CARREIRA / "cards/en-labkit.md").about.claims if c.disputes)
    assert {"23", "44", "32", "148"} <= set(re.findall(r"\d+", claim.evidence))


def test_files_read_alike_where_libyaml_is_missing():
    """libyaml forgives more than PyYAML's own parser, such as a bare question mark before a comma."""
    texts = [path.read_text(encoding="utf-8") for path in SUMMARIES.glob("*/paper.yaml")]
    texts += [card.text[: card.body_start].strip("-\n") for card in map(read_card, CARDS)]
    for text in texts:
        assert yaml.load(text, yaml.SafeLoader) == yaml.load(text, Loader)
