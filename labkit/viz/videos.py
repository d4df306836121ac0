"""Videos that play in a notebook and on its page: a wall of them, with one button for all.

They are stored inside the page, as `data:` addresses, and nothing is fetched. Without scripts (an untrusted notebook, VS
Code) each video has the browser's own controls.
"""

import base64
import html
import re
from collections.abc import Mapping
from typing import Any

from labkit.counting import counted
from labkit.viz.keys import MARK

WORD_IN_NAME = re.compile(r"(?<=[a-z])(?=[A-Z])")  # in OrbitClockwise: a long caption breaks here first


class VideoWall:
    """Videos side by side. They play in a loop until the reader stops one (a click, Space) or all (the button).

    `videos` are MP4 files as bytes, by caption; None stands for a video that cannot be shown, and the wall says so. `title`
    and `words` say what is to be seen, `words` for readers who do not see the videos too. `width` is that of one video in
    pixels. Readers who asked their system for less motion start with all videos still.

    Raises `ValueError` without a video.
    """

    def __init__(
        self, videos: Mapping[str, bytes | None], *, title: str = "", words: str = "", width: int = 150
    ) -> None:
        if not videos:
            raise ValueError("there is no video to show")
        self.videos, self.title, self.words, self.width = dict(videos), title, words, width

    def static(self) -> str:
        """The wall as HTML with its own script."""
        title, words = html.escape(self.title), html.escape(self.words)
        figures = "".join(self._figure(caption, file) for caption, file in self.videos.items())
        head = f"<b>{title}</b> " if title else ""
        return (
            f'<div class="labkit-videos" role="group" aria-label="{title or "videos"}">'
            f'<p>{head}<button type="button" hidden {MARK}>Stop all</button></p>'
            f'<div style="display:flex;flex-wrap:wrap;gap:10px">{figures}</div>'
            f"{f'<p>{words}</p>' if words else ''}</div><script>{SCRIPT}</script>"
        )

    def _figure(self, caption: str, file: bytes | None) -> str:
        said = html.escape(caption)
        video = "<p>This video cannot be shown.</p>"
        if file is not None:
            address = "data:video/mp4;base64," + base64.b64encode(file).decode("ascii")
            video = (
                f'<video src="{address}" width="{self.width}" loop muted playsinline controls aria-label="{said}" '
                f'style="width:100%;border-radius:4px" {MARK}></video>'
            )
        return (
            f'<figure style="margin:0;width:{self.width}px">{video}'
            f'<figcaption style="overflow-wrap:anywhere;font-size:0.8em">{WORD_IN_NAME.sub("<wbr>", said)}</figcaption></figure>'
        )

    def __repr__(self) -> str:
        return (
            f"{self.title or 'Videos'}: {counted(len(self.videos), 'video')} ({', '.join(self.videos)}). {self.words}"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.static(), "text/plain": repr(self)}


# Twelve sets of the browser's controls would cover the small videos: with a script, a click or a key does their work. The
# script is the same for every wall, so that a page's policy can allow it; it takes the walls that no script has taken yet.
SCRIPT = """for (const place of document.querySelectorAll(".labkit-videos:not([data-ready])")) {
  place.dataset.ready = "yes";
  const button = place.querySelector("button");
  const videos = [...place.querySelectorAll("video")], playing = () => videos.some((video) => !video.paused);
  const show = () => { button.textContent = playing() ? "Stop all" : "Play all"; };
  const toggle = (video) => video.paused ? video.play() : video.pause();
  for (const video of videos) {
    video.controls = false;
    video.tabIndex = 0;
    video.setAttribute("role", "button");
    video.style.cursor = "pointer";
    video.addEventListener("click", () => toggle(video));
    video.addEventListener("keydown", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      toggle(video);
    });
    for (const what of ["play", "pause"]) video.addEventListener(what, show);
  }
  button.addEventListener("click", () => {
    const stop = playing();
    for (const video of videos) stop ? video.pause() : video.play();
  });
  button.hidden = false;
  show();
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) for (const video of videos) video.play();
}"""
