"""A wall of videos in a real browser: they play, stop and start again, by mouse and by keyboard."""

import numpy as np
import pytest

from labkit.data.previews import preview
from labkit.viz.videos import VideoWall

pytestmark = pytest.mark.browser
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; media-src data:"
STATES = "[...document.querySelectorAll('video')].map((video) => !video.paused)"


def wait_until(page, script: str) -> None:
    """Playwright's own waiting evaluates text in the page, which the policy forbids."""
    for _ in range(100):
        if page.evaluate(script):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"still not so after 10 s: {script}")


@pytest.fixture
def wall(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (10, 32, 32, 3), np.uint8)
    html = VideoWall({"one": preview(frames, 10), "two": preview(frames[::-1], 10)}, title="Two").static()
    path = tmp_path / "wall.html"
    head = f'<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    # Twice, as when a cell is run again: each wall is taken by a script once.
    path.write_text(head + html + html, encoding="utf-8")
    return path.as_uri()


def test_videos_play_until_the_reader_stops_one_or_all(page, wall):
    page.goto(wall)
    wait_until(page, "[...document.querySelectorAll('video')].every((video) => video.currentTime > 0.2)")
    buttons = page.locator("button")
    assert [buttons.nth(i).inner_text() for i in range(2)] == ["Stop all", "Stop all"]
    buttons.nth(0).click()
    assert page.evaluate(STATES) == [False, False, True, True]
    wait_until(page, "document.querySelector('button').textContent === 'Play all'")
    assert buttons.nth(1).inner_text() == "Stop all"
    first = page.locator("video").nth(0)
    first.focus()
    page.keyboard.press("Space")
    wait_until(page, f"{STATES}[0]")
    assert page.evaluate(STATES) == [True, False, True, True]
    page.keyboard.press("Enter")
    first.click()
    page.locator("video").nth(3).click()
    wait_until(page, f"{STATES}[0]")
    assert page.evaluate(STATES) == [True, False, True, False]


def test_readers_who_want_less_motion_start_with_still_videos(page, wall):
    page.emulate_media(reduced_motion="reduce")
    page.goto(wall)
    assert page.evaluate(STATES) == [False] * 4
    assert page.locator("button").nth(0).inner_text() == "Play all"
