import json
import re

import pytest
from nbformat import v4

from labkit.course.page import (
    WIDGET,
    computed_markdown,
    figure_html,
    mark_columns,
    prepare,
)

PLOTLY = "application/vnd.plotly.v1+json"
SPEC = {
    "data": [{"type": "scatter", "y": [1, 2], "name": "</script><script>alert(1)</script>"}],
    "layout": {
        "title": {"text": "5 &lt; 6<br>and <b>more</b>"},
        "template": {"layout": {"font": {"size": 99}}},
        "meta": {"description": "A line & a <dot>."},
        "height": 400,
        "margin": {"t": 84},
        "sliders": [
            {
                "steps": [
                    {"args": [{}, {"title.text": "next", "sliders[0].steps": [{"args": [{"title.text": "deep"}]}]}]}
                ]
            }
        ],
    },
}


def data_of(html: str) -> dict:
    return json.loads(re.search(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.DOTALL).group(1))


def test_a_figure_keeps_its_data_and_gives_its_title_and_description_as_text():
    html = figure_html(SPEC, "figure-7")
    assert 'id="figure-7"' in html
    assert '<p class="figure-title" id="figure-7-title">5 &lt; 6 and more</p>' in html
    assert '<span class="in-words">A line &amp; a &lt;dot&gt;.</span>' in html
    spec = data_of(html)
    assert spec["data"] == SPEC["data"]
    assert "title" not in spec["layout"]
    assert "template" not in spec["layout"]
    assert (spec["layout"]["height"], spec["layout"]["margin"]["t"]) == (356, 40)


def test_a_figure_that_needs_more_room_than_a_phone_has_says_how_much():
    layout = {**SPEC["layout"], "meta": {"narrowest": 640}}
    assert "min-width:640px" in figure_html({"data": [], "layout": layout}, "f")
    assert "min-width:0px" in figure_html(SPEC, "f")


def test_text_in_a_figures_data_cannot_end_the_script():
    assert figure_html(SPEC, "f").count("<script") == 1


def test_html_in_a_computed_text_is_shown_and_not_obeyed():
    shown = computed_markdown(
        "**Best**: it's & <script>alert(1), `<b>`, <img src=x onerror=alert(1)>\n\n<div>block</div>\n"
    )
    assert "<strong>Best</strong>" in shown
    assert "&lt;script&gt;" in shown
    assert not re.search(r"<(script|img|div|b)\b", shown)


def test_a_figures_own_controls_change_the_title_beside_it():
    text = json.dumps(data_of(figure_html(SPEC, "f")))
    assert text.count("meta.title") == 2
    assert "title.text" not in text


@pytest.mark.parametrize("layout", [{}, {"title": "plain"}, {"title": None}, {"meta": "text"}])
def test_a_bare_figure_needs_none_of_that(layout):
    html = figure_html({"data": [], "layout": layout}, "f")
    assert "<figcaption>" not in html
    assert data_of(html)["data"] == []


def cell(*outputs, source="x", **metadata):
    return v4.new_code_cell(source, outputs=list(outputs), metadata=metadata)


def prepared(*cells):
    content = v4.new_notebook(cells=list(cells), metadata={"widgets": {"state": 1}})
    return prepare(content), content


def test_figures_are_numbered_over_the_page_and_widgets_leave_their_twin():
    def both():
        return v4.new_output("display_data", data={PLOTLY: SPEC, WIDGET: {"model_id": "1"}, "text/plain": "f"})

    figures, content = prepared(cell(both()), cell(both()))
    assert figures == 2
    assert [re.findall(r'class="plotly-figure" id="(.*?)"', c.outputs[0].data["text/html"]) for c in content.cells] == [
        ["figure-1"],
        ["figure-2"],
    ]
    assert "widgets" not in content.metadata


def test_progress_bars_and_widgets_without_a_twin_leave_nothing():
    bar = v4.new_output("display_data", data={WIDGET: {"model_id": "1"}, "text/plain": "  0%|    | 0/8"})
    noise = v4.new_output("stream", name="stderr", text="100%|####| 8/8")
    _, content = prepared(cell(bar, noise))
    assert content.cells[0].outputs == []


def test_a_line_written_over_itself_shows_its_last_version():
    _, content = prepared(cell(v4.new_output("stream", name="stdout", text="1 of 2\r2 of 2\nnext\r\n")))
    assert content.cells[0].outputs[0].text == "2 of 2\nnext\n"


def test_cells_of_papermills_machinery_are_left_out_but_given_parameters_stay():
    folder = cell(source='# Parameters\nout = "."\n', tags=["injected-parameters"])
    seed = cell(source='# Parameters\nseed = 3\nout = "."\n', tags=["injected-parameters"])
    banner = v4.new_markdown_cell("error", metadata={"tags": ["papermill-error-cell-tag"]})
    _, content = prepared(folder, seed, banner)
    assert [one.source for one in content.cells] == [seed.source]


def test_columns_of_numbers_are_marked_and_columns_of_text_are_not():
    table = "<tr><th></th><th>name</th><th>n</th></tr><tr><th>0</th><td>a 1</td><td>1,200.5</td></tr><tr><th>1</th><td>2</td><td>93 %</td></tr>"
    marked = mark_columns(table)
    assert re.findall(r"<(t[hd]) data-kind", marked) == ["th", "td", "td"]
    assert re.sub(' data-kind="n"', "", marked) == table
    assert mark_columns('<tr><td colspan="2">1</td></tr>') == '<tr><td colspan="2">1</td></tr>'


def test_columns_with_a_sentence_are_marked_so_that_a_phone_does_not_squeeze_them():
    table = (
        f"<tr><th>name</th><th>question</th></tr><tr><td>a</td><td>{'word ' * 9}</td></tr><tr><td>b</td><td></td></tr>"
    )
    assert re.findall(r"<(t[hd]) data-kind=\"w\">(\w*)", mark_columns(table)) == [
        ("th", "question"),
        ("td", "word"),
        ("td", ""),
    ]


def test_columns_with_some_words_are_marked_so_that_a_phone_does_not_squeeze_them():
    table = "<tr><th>a</th><th>b</th></tr><tr><th>two or three words</th><td>one</td></tr>"
    assert re.findall(r"<(t[hd]) data-kind=\"m\">([\w ]*)", mark_columns(table)) == [
        ("th", "a"),
        ("th", "two or three words"),
    ]


def test_the_line_that_marks_a_cell_for_the_tests_is_not_on_the_page():
    marked = cell(source="# NBVAL_CHECK_OUTPUT\n# a comment\nprint(1)")
    _, content = prepared(marked, cell(source="# NBVAL_SKIP"), v4.new_markdown_cell("# NBVAL_CHECK_OUTPUT"))
    assert [one.source for one in content.cells] == ["# a comment\nprint(1)", "", "# NBVAL_CHECK_OUTPUT"]
