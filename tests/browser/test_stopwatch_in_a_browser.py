"""The stopwatch of a page without a kernel, pressed in a real browser while its clock is moved on."""

import pytest

from labkit.viz.stopwatch import Stopwatch

pytestmark = pytest.mark.browser


def test_pressing_starts_and_stops_it_and_the_band_follows(page, tmp_path):
    watch = Stopwatch({"skim": (15, 30), "close reading": (60, None)}, live=False)
    path = tmp_path / "watch.html"
    path.write_text(f"<!doctype html><meta charset='utf-8'>{watch.static()}", encoding="utf-8")
    page.clock.install()
    page.goto(path.as_uri())
    face, said, button = (page.locator(f".labkit-stopwatch {part}") for part in ("b", "span", "button"))
    button.click()
    page.clock.run_for(500)
    for minutes, band in ((10, "short of a skim"), (10, "a skim"), (20, "past a skim"), (30, "a close reading")):
        page.clock.run_for(minutes * 60_000)
        assert said.inner_text() == band
    assert face.inner_text() == "70:00"
    button.click()
    page.clock.run_for(600_000)
    assert face.inner_text() == "70:00"
    assert button.inner_text() == "Start"
