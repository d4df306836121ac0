"""The parts of the site that need no build: links, the drawing, the reference, the search's words, folded code."""

import re

import nbformat
import pytest
from nbformat import v4

from labkit.course.glossary import Term
from labkit.course.website import reference
from labkit.course.website.build import build_site
from labkit.course.website.drawing import flowchart_svg
from labkit.course.website.glossary import glossary_page, link_words, shown
from labkit.course.website.lessons import lesson_page
from labkit.course.website.links import Leads, broken_links
from labkit.course.website.search import SearchPairs

FACTS = {
    "times": [("reading", "3 minutes")],
    "seconds": "",
    "file": "a.ipynb",
    "open_in": [],
    "failure": "",
    "other_size": "",
}


@pytest.fixture
def leads(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "notes.txt").write_text("n")
    pages = {"notebooks/02_b.ipynb", "notebooks/03_c.ipynb", "docs/flow.md"}
    return Leads(tmp_path, pages, {"hara-2018-retrace"}, {"clip"}, unrun={"notebooks/03_c.ipynb"})


@pytest.mark.parametrize(
    ("given", "led"),
    [
        ("[a](https://x.org/a_b)", "[a](https://x.org/a_b)"),
        ("[a](#end)", "[a](#end)"),
        ("[third](02_b.ipynb#end)", "[third](02_b.ipynb#end)"),
        ("[not run yet](03_c.ipynb#end)", "[not run yet](03_c.ipynb)"),
        ("[flow](../docs/flow.md)", "[flow](../docs/flow.md)"),
        ("[the `clip`s](../docs/glossary.md#clip)", "[the `clip`s](#word-clip)"),
        ("[card](../summaries/hara-2018-retrace/paper.yaml)", '<a href="../papers/hara-2018-retrace.html">card</a>'),
        ("[card](../summaries/absent/paper.yaml)", "card"),
        ("[file](notes.txt)", '<a href="../files/notebooks/notes.txt">file</a>'),
        ("[out](../../etc/passwd)", "out"),
        ("```\n[a](notes.txt)\n```\n", "```\n[a](notes.txt)\n```\n"),
    ],
)
def test_a_link_leads_to_the_sites_own_page(leads, given, led):
    assert leads.lead(given, "notebooks/01_a.ipynb") == led
    assert leads.copies == ({"notebooks/notes.txt"} if "files/" in led else set())


def test_a_missing_file_and_a_missing_place_are_broken_links(tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="b.html#there">x</a> <a href="#here">x</a> <img src="c.png">'
    )
    (tmp_path / "b.html").write_text(
        '<a href="a.html?q=1#gone">x</a><a href="https://x.org">x</a><script>"<a href=\'z\'>"</script>'
    )
    assert list(broken_links(tmp_path)) == [
        "a.html: b.html has no place #there",
        "a.html: there is no c.png",
        "b.html: a.html?q=1 has no place #gone",
    ]


def test_a_box_of_the_drawing_stands_below_all_that_point_at_it():
    svg = flowchart_svg(
        'flowchart TD\n  a["top"] --> b["mid"]\n  b["mid"] --> c["<low>"]\n  a["top"] --> c["<low>"]\n', 'a "title"'
    )
    heights = {text: float(y) for y, text in re.findall(r'y="([\d.]+)" text-anchor="middle">(.*?)<', svg)}
    assert heights["top"] < heights["mid"] < heights["&lt;low&gt;"]
    assert svg.count('<path d="M') == 3 + 1  # and the arrow's head
    assert 'aria-label="a &quot;title&quot;"' in svg
    with pytest.raises(ValueError, match="not an arrow"):
        flowchart_svg("flowchart TD\n  a -->|x| b", "t")


SOURCE = '''
"""A module with <b> and `<code>`."""
from labkit.records import Run as Kept

LIMIT = 3  # at most
_own = 1

class Shelf(ValueError):
    """A shelf of *runs*."""
    size: int = 0  # in MB
    def __init__(self, run: Kept, *, deep: "Shelf | None" = None) -> None: ...
    @property
    def first(self) -> Kept:
        """The first."""
    def _hidden(self): ...

def open_shelf(path: str, mode: Literal["a", "b"] = "a") -> Shelf:
    """Open it."""
'''


def test_the_reference_has_every_public_name_with_types_that_lead_home():
    module = reference._module("labkit.shelf", SOURCE)
    assert list(reference.public_names(module)) == [
        "labkit.shelf",
        "labkit.shelf.LIMIT",
        "labkit.shelf.Shelf",
        "labkit.shelf.Shelf.size",
        "labkit.shelf.Shelf.first",
        "labkit.shelf.open_shelf",
    ]
    page = reference.pages([reference.Module("labkit", "", (), {}), module])["labkit"]
    assert "A module with \\<b> and `<code>`." in page
    assert ":value: 3" in page
    assert "at most" in page
    assert "{py:exception} Shelf(run: labkit.records.Run, *, deep: " in page
    assert "{py:function} open_shelf(path: str, mode: Literal['a', 'b']='a') -> labkit.shelf.Shelf" in page


def test_the_reference_leaves_the_answers_of_the_exercises_out():
    names = [module.name for module in reference.modules()]
    assert "labkit.models.zoo" in names or "labkit.models.zoo.registry" in names
    assert not [name for name in names if ".exercises.notebook_" in name]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ResNet-18 動画認識", ["ResNet", "18", "動画", "画認", "認識", "動", "画", "認", "識"]),
        ("학습 데이터", ["학습", "학", "습", "데이", "이터", "데", "이", "터"]),
        ("视频x", ["视频", "视", "频", "x"]),
        ("ﾃﾞｰﾀ Ｒｅｓ", ["デー", "ータ", "デ", "ー", "タ", "Res"]),
    ],
)
def test_the_search_cuts_runs_of_characters_into_pairs(text, words):
    search = SearchPairs({})
    assert search.split(text) == words
    assert search.stem("動画") == "動画"
    assert search.stem("networks") == "network"
    assert all(search.word_filter(word) for word in words if not word.isdigit())


def output(**data):
    return v4.new_output("display_data", data={kind.replace("_", "/"): value for kind, value in data.items()})


def test_the_code_of_figures_answers_and_tools_is_folded_and_other_code_is_not(tmp_path):
    figure = v4.new_output("display_data", data={"application/vnd.plotly.v1+json": {"data": [], "layout": {}}})
    cells = [
        v4.new_markdown_cell("# 01 Title\n\nA question?"),
        v4.new_code_cell("a\nb\nc\nd", outputs=[figure]),
        v4.new_code_cell("draw()", outputs=[figure]),
        v4.new_code_cell("### BEGIN SOLUTION\nx = 1\n### END SOLUTION"),
        v4.new_code_cell('from labkit.course.quiz import quiz\n\nquiz("01")'),
        v4.new_code_cell("a = 1\nb = 2\nc = 3\nd = 4"),
    ]
    nbformat.write(v4.new_notebook(cells=cells), tmp_path / "a.ipynb")
    content, _ = lesson_page(tmp_path / "a.ipynb", FACTS, lambda text: text)
    folded = [
        cell.metadata.get("mystnb", {}).get("code_prompt_show", "")
        for cell in content.cells
        if cell.cell_type == "code"
    ]
    assert folded == ["The code of this figure", "", "One solution", "The code of this cell", ""]
    assert content.cells[0].source.startswith(
        '# 01 Title\n\n<p class="lesson-facts"><span><b>reading</b> 3 minutes</span>'
    )


def shown_below(tmp_path, markdown: str, *outputs) -> list[str]:
    """The HTML of a cell's outputs on the site's page, with this Markdown above."""
    cells = [v4.new_markdown_cell("# T"), v4.new_markdown_cell(markdown), v4.new_code_cell("x", outputs=[*outputs])]
    nbformat.write(v4.new_notebook(cells=cells), tmp_path / "a.ipynb")
    content, _ = lesson_page(tmp_path / "a.ipynb", FACTS, lambda text: text)
    return [one["data"]["text/html"] for one in content.cells[-1].outputs]


def test_each_table_scrolls_in_a_region_with_a_name_of_its_own(tmp_path):
    table = "<table><tr><th>a</th></tr></table>"
    made = shown_below(tmp_path, "x", output(text_html=table), output(text_markdown="| a |\n|---|\n| 1 |"))
    assert [re.findall(r'<div class="wide" tabindex="0" role="region" aria-label="(.*?)">', one) for one in made] == [
        ["Table 1"],
        ["Table 2"],
    ]
    assert '<td data-kind="n">1</td>' in made[1]


def test_a_widget_with_a_table_scrolls_by_itself(tmp_path):
    widget = '<div class="labkit-chooser" role="group"><table><tr><td>a</td></tr></table></div>'
    assert shown_below(tmp_path, "x", output(text_html=widget)) == [widget]


def test_the_headings_of_an_output_follow_the_heading_above_it(tmp_path):
    script = "<script>'<h4>'</script>"
    given = f"<h4>a</h4><h5>b</h5>{script}"
    text = "## Part\n\n```\n# a comment\n```\n"
    (made,) = shown_below(tmp_path, text, output(text_html=given))
    assert made == f'<h4 aria-level="3">a</h4><h5 aria-level="4">b</h5>{script}'


def test_the_page_of_a_run_with_other_parameters_says_so(tmp_path):
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell("# T\n\nA question?")]), tmp_path / "a.ipynb")
    said = {**FACTS, "other_size": "A <quick> run."}
    content, _ = lesson_page(tmp_path / "a.ipynb", said, lambda text: text)
    assert "<p><strong>A &lt;quick&gt; run.</strong></p>\n\nA question?" in content.cells[0].source


def test_html_in_a_computed_text_stays_text_and_scripts_are_taken_out(tmp_path):
    outputs = [output(text_markdown="**a** <img src=x onerror=alert(1)>"), output(application_javascript="alert(1)")]
    cells = [v4.new_markdown_cell("# T"), v4.new_code_cell("x", outputs=outputs)]
    nbformat.write(v4.new_notebook(cells=cells), tmp_path / "a.ipynb")
    content, allowed = lesson_page(tmp_path / "a.ipynb", FACTS, lambda text: text)
    (kept,) = content.cells[1].outputs
    assert "<strong>a</strong> &lt;img" in kept["data"]["text/html"]
    assert allowed == ""


def test_a_word_of_the_glossary_is_linked_where_it_first_stands():
    from docutils import nodes
    from docutils.utils import new_document

    terms = [
        Term(("epoch", "update"), (False, False), "m"),
        Term(("onecycle",), (True,), "m"),
        Term(("top-1",), (False,), "m"),
    ]
    document = new_document("")
    document += nodes.title("", "An epoch")
    document += nodes.paragraph("", "The top-10 of onecycle. An Update, then an epoch and an update. Top-1.")
    assert link_words(document, terms) == 2
    links = [(one.astext(), one["reftarget"]) for one in document.findall() if one.tagname == "pending_xref"]
    assert links == [("Update", "word-epoch"), ("Top-1", "word-top-1")]
    assert shown("a <b> and `<c>`") == "a &lt;b> and `<c>`"
    assert "(word-epoch)=\n\n**epoch**, **update**\n: m" in glossary_page(terms)


@pytest.mark.parametrize("address", ["http://x.org/{path}", "https://x.org/", "javascript:alert({path})"])
def test_the_address_of_a_service_is_checked_before_anything_is_built(tmp_path, address):
    with pytest.raises(ValueError, match=r"begin with https:// and hold \{path\}"):
        build_site(folder=tmp_path, open_in={"Colab": address})


@pytest.mark.parametrize("failure", ["took longer than 600 s", "was killed."])
def test_the_note_on_a_failure_is_two_sentences(tmp_path, failure):
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell("# T")]), tmp_path / "a.ipynb")
    content, _ = lesson_page(tmp_path / "a.ipynb", {**FACTS, "failure": failure}, lambda text: text)
    assert f"It {failure.rstrip('.')}. Its results" in content.cells[0].source


def test_a_notebook_opens_in_a_service_only_where_its_address_is_set(tmp_path):
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell("# T")]), tmp_path / "a.ipynb")
    for given, there in (([], []), ([("Colab", "https://example.org/a.ipynb")], ["https://example.org/a.ipynb"])):
        content, _ = lesson_page(tmp_path / "a.ipynb", {**FACTS, "open_in": given}, lambda text: text)
        assert re.findall(r'class="open-in" href="(.*?)"', content.cells[0].source) == there
