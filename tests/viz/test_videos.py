"""A wall of videos: what it stores, and what it says to readers who cannot see it."""

import re

import pytest

from labkit.viz.videos import SCRIPT, VideoWall


def test_every_video_stands_in_the_page_with_its_caption_and_controls():
    html = VideoWall({"a": b"one", "b": b"two"}, title="Two", words="They move.").static()
    assert re.findall(r'src="([^"]*)"', html) == ["data:video/mp4;base64,b25l", "data:video/mp4;base64,dHdv"]
    assert re.findall(r'<video[^>]*controls aria-label="([^"]*)"', html) == ["a", "b"]
    assert re.findall(r"<figcaption[^>]*>([^<]*)<", html) == ["a", "b"]
    assert "They move." in html
    assert html.endswith(f"<script>{SCRIPT}</script>")


def test_names_are_text_and_never_markup():
    hostile = '</figcaption><script>alert(1)</script>" onplay="alert(1)'
    html = VideoWall({hostile: b""}, title=hostile, words=hostile).static()
    assert html.count("<script>") == 1
    assert 'onplay="' not in html


def test_the_text_says_how_many_videos_and_what_they_are():
    wall = VideoWall({"動き": b"", "x" * 200: b""}, title="Moves", words="A word.")
    bundle = wall._repr_mimebundle_()
    assert bundle["text/plain"] == f"Moves: 2 videos (動き, {'x' * 200}). A word."
    assert set(bundle) == {"text/html", "text/plain"}


def test_a_video_that_cannot_be_shown_says_so_beside_the_others():
    html = VideoWall({"wide": None, "b": b"two"}).static()
    assert re.findall(r"<figure[^>]*><p>([^<]*)</p><figcaption[^>]*>wide<", html) == ["This video cannot be shown."]
    assert re.findall(r'<video[^>]*aria-label="([^"]*)"', html) == ["b"]


def test_a_wall_without_videos_is_refused():
    with pytest.raises(ValueError, match="there is no video to show"):
        VideoWall({})
