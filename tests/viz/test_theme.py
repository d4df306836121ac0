import plotly.io as pio
import pytest

from labkit.viz import theme


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("paper", [theme.LIGHT_PAPER, theme.DARK_PAPER])
@pytest.mark.parametrize("look", theme.LOOKS, ids=lambda look: f"{look.colour} {look.dash}")
def test_every_series_stands_out_on_both_papers(look, paper):
    assert contrast(look.colour, paper) >= 3  # WCAG 2.2, 1.4.11


def test_text_reads_well_on_both_papers():
    assert contrast(theme.LIGHT_INK, theme.LIGHT_PAPER) >= 7
    assert contrast(theme.DARK_INK, theme.DARK_PAPER) >= 7


def test_no_two_series_differ_by_colour_alone():
    assert len({(look.dash, look.marker) for look in theme.LOOKS}) == len(theme.LOOKS)
    assert len({look.pattern for look in theme.LOOKS}) == len(theme.LOOKS)


def test_both_templates_are_registered_and_light_is_what_figures_use():
    assert {"labkit", "labkit_dark"} <= set(pio.templates)
    assert theme.figure().layout.template.layout.paper_bgcolor == theme.LIGHT_PAPER


def test_titles_are_plain_text_and_break_into_lines():
    fig = theme.figure(title="<b>x</b> " + "word " * 30)
    text = fig.layout.title.text
    assert text.startswith("&lt;b&gt;x&lt;/b&gt; word")
    assert all(len(line) <= theme.TITLE_WIDTH + 20 for line in text.split("<br>"))
    assert fig.layout.margin.t > theme.figure(title="short").layout.margin.t


def test_a_described_figure_says_what_it_shows():
    assert theme.describe(theme.figure(description="Two bars.")) == "Two bars."
    assert theme.describe(theme.figure()) == ""


def test_names_in_a_description_are_no_markup_unless_plain_words_are_wanted():
    figure = theme.figure(description="Best: <b>x & *y*.")
    assert theme.describe(figure) == r"Best: \<b>x \& \*y\*."
    assert theme.describe(figure, markdown=False) == "Best: <b>x & *y*."


def test_what_a_figure_says_of_itself_stays_when_more_is_said():
    fig = theme.scaled(theme.at_least(theme.figure(description="first"), 300), 900, 200)
    assert theme.describe(theme.described(fig, "second")) == "second"
    assert (fig.layout.meta[theme.NARROWEST], fig.layout.meta[theme.PICTURE]) == (300, [900, 200])


def test_a_line_and_a_label_have_the_pages_ink_and_paper():
    for look, ink, paper in (
        (theme.LIGHT, theme.LIGHT_INK, theme.LIGHT_PAPER),
        (theme.DARK, theme.DARK_INK, theme.DARK_PAPER),
    ):
        assert look.layout.shapedefaults.line.color == ink
        assert look.layout.annotationdefaults.bgcolor == paper
