"""The slides in a real browser: keys walk them, nothing of a card runs, all fits, and every letter has a glyph."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import CHROMIUMS, QUIET
from labkit.survey.card.file import CardFile
from labkit.survey.slides import card_deck, session_deck, stream_deck, write_slides
from labkit.survey.slides.decks import card_named
from labkit.survey.slides.page import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.slow]
READY = "html[data-slides=ready]"
LANGUAGES = ("en", "ja", "ko", "zh")
# Two different letters whose pictures are the same are boxes; and one that no font has is a box for sure.
TOFU = """font => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const picture = letter => {
    pen.clearRect(0, 0, 64, 64);
    pen.font = "40px " + font;
    pen.fillText(letter, 8, 50);
    return pen.getImageData(0, 0, 64, 64).data.join();
  };
  const box = picture("\\u{10FFFD}"), nothing = picture(" ");
  const letters = new Set(document.querySelector(".slides").textContent.replace(/\\s/gu, ""));
  return [...letters].filter(letter => [box, nothing].includes(picture(letter)));
}"""


@pytest.fixture
def show(page, tmp_path):
    """Opens a deck; what the console complains of fails the test when it ends."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def go(deck, query: str = ""):
        path = write_slides(deck, tmp_path / "slides.html")
        page.goto(path.as_uri() + query)
        page.wait_for_selector(READY, timeout=30_000)
        return page

    yield go
    assert complaints == []


def font_of(page) -> str:
    return page.evaluate("getComputedStyle(document.querySelector('.slides')).fontFamily")


def test_the_arrow_keys_and_space_walk_from_slide_to_slide(show):
    page = show(card_deck(card_named("hara-2018-retrace", "en")))
    where = "[Reveal.getIndices().h, Reveal.getIndices().v]"
    assert page.evaluate(where) == [0, 0]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    assert page.evaluate(where) == [2, 0]
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(where) == [1, 0]
    page.keyboard.press("o")
    assert page.evaluate("Reveal.isOverview()")


def test_a_session_goes_down_into_each_paper(show):
    page = show(session_deck("Monday", ["hara-2018-retrace", "wang-2016-tsn"]))
    page.evaluate("Reveal.slide(2)")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("[Reveal.getIndices().h, Reveal.getIndices().v]") == [2, 1]


def test_the_last_slide_tells_the_versions(show):
    page = show(card_deck(card_named("hara-2018-retrace", "ja")))
    page.keyboard.press("End")
    assert page.locator("section.present h2").inner_text() == "更新履歴"
    assert "第1版" in page.locator("section.present").inner_text()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_letter_of_a_card_is_a_box(show, tmp_path, language):
    page = show(card_deck(card_named("hara-2018-retrace", language)))
    if page.locator(".fontless").count():
        pytest.skip(f"this machine has no font for {language}: {page.locator('.fontless').inner_text()}")
    assert page.evaluate(TOFU, font_of(page)) == []
    shot = page.screenshot(path=tmp_path / f"{language}.png")
    assert shot.startswith(b"\x89PNG")


def test_a_letter_that_no_font_has_is_found_to_be_a_box(show, tmp_path):
    text = (
        "---\npaper: wang-2016-tsn\nlanguage: en\nformat: ochiai\nreader: reader-a\n---\n\n## Method\n\nA \U0010fffd.\n"
    )
    page = show(card_deck(CardFile.parse(text.encode(), tmp_path / "card.md")))
    assert page.evaluate(TOFU, font_of(page)) == ["\U0010fffd"]


def test_each_language_has_its_own_forms_of_the_letters(show):
    """The same Chinese character is written otherwise in Japan; the browser must be told which is meant."""
    fonts = {}
    for language in ("ja", "zh"):
        page = show(card_deck(card_named("hara-2018-retrace", language)))
        if page.locator(".fontless").count():
            pytest.skip(page.locator(".fontless").inner_text())
        page.keyboard.press("ArrowRight")
        cdp = page.context.new_cdp_session(page)
        cdp.send("DOM.enable")
        cdp.send("CSS.enable")
        root = cdp.send("DOM.getDocument")["root"]["nodeId"]
        node = cdp.send("DOM.querySelector", {"nodeId": root, "selector": "section.present p"})["nodeId"]
        used = cdp.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
        fonts[language] = max(used, key=lambda font: font["glyphCount"])["familyName"]
    if not all("CJK" in name or name.endswith((" JP", " SC")) for name in fonts.values()):
        pytest.skip(f"the fonts here do not tell languages apart: {fonts}")
    assert fonts["ja"] != fonts["zh"]


@pytest.mark.parametrize("deck", [*LANGUAGES, "session", "stream"])
def test_everything_fits_on_its_slide(show, deck):
    if deck == "session":
        made = session_deck("Monday", ["hara-2018-retrace", "carreira-2017-quo-vadis"], language="zh")
    elif deck == "stream":
        made = stream_deck("Kinetics")
    else:
        made = card_deck(card_named("hara-2018-retrace", deck))
    page = show(made)
    slides = page.evaluate("Reveal.getTotalSlides()")
    assert slides == sum(len(column) for column in made.columns)
    for _ in range(slides):
        tall, wide = page.evaluate(
            "(() => { const s = Reveal.getCurrentSlide(); return [s.scrollHeight, s.scrollWidth]; })()"
        )
        assert tall <= 720, page.evaluate("Reveal.getCurrentSlide().textContent")
        assert wide <= 1280, page.evaluate("Reveal.getCurrentSlide().textContent")
        page.keyboard.press("Space")


@pytest.mark.parametrize("language", LANGUAGES)
def test_on_a_phone_slides_have_arrows_and_a_number_fit_and_can_be_read(show, page, language):
    page.set_viewport_size({"width": 356, "height": 500})
    show(card_deck(card_named("hara-2018-retrace", language)))
    slides = page.evaluate("Reveal.getTotalSlides()")
    for number in range(1, slides + 1):
        assert "".join(page.locator(".slide-number").inner_text().split()) == f"{number}/{slides}"
        letters, tall = page.evaluate(
            "(() => { const s = Reveal.getCurrentSlide(); return [parseFloat(getComputedStyle(s).fontSize) * Reveal.getScale(), s.scrollHeight]; })()"
        )
        assert letters >= 9, page.evaluate("Reveal.getCurrentSlide().textContent")
        assert tall <= PHONE["height"]
        if number < slides:
            page.locator(".controls .navigate-right.enabled").click()


def test_a_deck_in_a_notebooks_page_is_laid_out_for_a_phone_where_that_is_one(page, tmp_path):
    (tmp_path / "a.html").write_text(card_deck(card_named("hara-2018-retrace", "en"))._repr_html_(), encoding="utf-8")
    for width, phone in ((390, 1), (1280, 0)):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto((tmp_path / "a.html").as_uri())
        page.frame_locator("iframe").locator(READY).wait_for(state="attached", timeout=30_000)
        assert page.frame_locator("iframe").locator("html.phone").count() == phone


def test_a_table_that_is_too_tall_is_shrunk(show, tmp_path):
    rows = "\n".join(f"| row {number} | {number} |" for number in range(24))
    text = "---\npaper: wang-2016-tsn\nlanguage: en\nformat: ochiai\nreader: reader-a\n---\n\n"
    card = CardFile.parse(f"{text}## Method\n\n| a | b |\n|---|---|\n{rows}\n".encode(), tmp_path / "card.md")
    page = show(card_deck(card))
    page.keyboard.press("ArrowRight")
    assert page.evaluate("Reveal.getCurrentSlide().scrollHeight") <= 720


def test_nothing_that_a_card_says_runs(show, tmp_path):
    attacks = (
        "<script>window.hit = 1</script>\n\n<img src=x onerror='window.hit = 1'>\n\n[click](javascript:window.hit=1)\n\n"
        "<svg onload='window.hit = 1'>\n\n<section data-background-iframe='https://example.org'></section>\n\n"
        "![p](https://example.org/p.png)\n\n<a href='javascript:window.hit=1'>click</a>"
    )
    goal = "</script><script>window.hit = 1</script><img src=x onerror=window.hit=1>"
    front = f'---\npaper: wang-2016-tsn\nlanguage: en\nformat: ochiai\nreader: reader-a\ngoal: "{goal}"\n---\n\n'
    card = CardFile.parse(f"{front}## <img src=x onerror=window.hit=1>\n\n{attacks}\n".encode(), tmp_path / "card.md")
    page = show(card_deck(card))
    for _ in range(page.evaluate("Reveal.getTotalSlides()")):
        for link in page.locator("section.present a").all():
            link.click()
        page.keyboard.press("Space")
    assert page.evaluate("window.hit") is None
    assert page.locator(".slides img, .slides svg, .slides script, iframe").count() == 0


def test_the_print_view_has_a_page_for_every_slide(show):
    deck = card_deck(card_named("hara-2018-retrace", "ko"))
    page = show(deck, "?view=print")
    page.wait_for_selector(".pdf-page", timeout=20_000)
    assert page.locator(".pdf-page").count() >= len(deck.columns)


def test_a_computer_without_the_letters_is_told_so(browser, tmp_path):
    """A browser that is given a Latin font alone shows boxes; the slides must not pretend otherwise."""
    if not shutil.which("fc-match"):
        pytest.skip("only fontconfig lets a test choose the fonts of a browser")
    asked = ["fc-match", "--format=%{file}", "sans:lang=en"]
    font = Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
    if "CJK" in font.name:
        pytest.skip(f"the only font here, {font.name}, has all letters")
    fonts = tmp_path / "fonts"
    fonts.mkdir()
    shutil.copy(font, fonts)
    config = tmp_path / "fonts.conf"
    config.write_text(f"<fontconfig><dir>{fonts}</dir><cachedir>{tmp_path}/cache</cachedir></fontconfig>")
    path = write_slides(card_deck(card_named("hara-2018-retrace", "ja")), tmp_path / "slides.html")
    chromium = next(filter(None, map(shutil.which, CHROMIUMS)))
    environment = {**os.environ, "FONTCONFIG_FILE": str(config)}
    poor = browser.browser_type.launch(executable_path=chromium, args=QUIET, env=environment)
    try:
        page = poor.new_page()
        page.goto(path.as_uri())
        page.wait_for_selector(READY, timeout=30_000)
        assert "no font for Japanese" in page.locator(".fontless").inner_text()
        assert {"動", "の"} <= set(page.evaluate(TOFU, font_of(page))), "the test for boxes finds them"
    finally:
        poor.close()
