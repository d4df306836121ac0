"""The page of a prediction: a click in the curve jumps in the video, the keyboard does too, and nothing leaves the machine."""

import numpy as np
import pytest
from phone import MOVES, film, write_phone

from labkit.course import predict_page
from labkit.course.predict_page import write_page
from labkit.data.playable import playable
from labkit.timeline import Timeline

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CLASSES = ("<b>jump</b>", "手を振る", "turn " * 40)


@pytest.fixture(params=["inside", "beside"])
def page_file(request, tmp_path, monkeypatch):
    """A page about 6 seconds of a phone's video, in the page itself or as a file beside it."""
    if request.param == "beside":
        monkeypatch.setattr(predict_page, "SMALL", 0)
    video = write_phone(tmp_path / "my <i>film</i> #1?.MOV", film(MOVES[0], seed=1, count=180, fps=30), 30, True)
    scores = np.zeros((11, 3), np.float32)
    scores[:6, 0] = scores[6:, 1] = 0.9
    scores[:, 2] = 0.1
    timeline = Timeline(video.name, np.arange(11) / 2, 1.0, 6.0, scores, CLASSES)
    timeline.write_csv(tmp_path / "out" / "film.csv")
    shown = playable(video, tmp_path / "out" / "media", "film")
    write_page(timeline, tmp_path / "out", "film", shown, source=video, about="A test.")
    assert shown.exists() == (request.param == "beside")
    return tmp_path / "out" / "film.html"


def test_a_click_in_the_curve_jumps_in_the_video_and_the_playhead_follows(browser, page_file):
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    problems, requests = [], []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(page_file.as_uri())
    page.wait_for_function("document.querySelector('video').readyState >= 2")
    curve = page.locator("#curve")
    box = curve.bounding_box()
    left, right = predict_page.LEFT / predict_page.WHOLE, predict_page.RIGHT / predict_page.WHOLE
    curve.click(position={"x": box["width"] * (left + (right - left) * 4.5 / 6), "y": box["height"] / 2})
    page.wait_for_function("!document.querySelector('video').seeking")
    assert page.evaluate("document.querySelector('video').currentTime") == pytest.approx(4.5, abs=0.05)
    head = float(page.locator("#playhead").get_attribute("x1"))
    assert head == pytest.approx(predict_page.LEFT + (predict_page.RIGHT - predict_page.LEFT) * 0.75, abs=5)
    assert page.locator("#now").inner_text() == "0:04.5: 手を振る, 90%"

    page.get_by_role("button", name="0:00.0, jump there").first.click()
    page.wait_for_function("document.querySelector('video').currentTime < 0.05")
    assert page.locator("#now").inner_text() == "0:00.0: <b>jump</b>, 90%"

    slider = page.get_by_role("slider", name="Time in the video, in seconds")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("Math.abs(document.querySelector('video').currentTime - 1.5) < 0.05")
    assert "<b>jump</b>" in slider.get_attribute("aria-valuetext")

    before = float(page.locator("#playhead").get_attribute("x1"))
    page.evaluate("document.querySelector('video').muted = true; document.querySelector('video').play()")
    page.wait_for_function(f"document.getElementById('playhead').getAttribute('x1') > {before + 20}")
    assert problems == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    page.close()


def test_names_are_text_and_no_line_is_wider_than_a_phone(browser, page_file):
    page = browser.new_page(viewport={"width": 360, "height": 800})
    page.goto(page_file.as_uri())
    assert page.locator("main b, main i").count() == 0
    assert page.locator("h1").inner_text() == "my <i>film</i> #1?.MOV"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert "<b>jump</b> from 0:00.0 to 0:03.0 (90%)" in page.locator("#curve-words").text_content()
    page.close()
