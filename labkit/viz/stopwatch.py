"""A stopwatch with bands, in two versions: ipywidgets with a kernel, a script in the page without one.

    Stopwatch({"skim": (15, 30), "close reading": (60, None)}, on_stop=lambda minutes: ...)

The live version tells the kernel when it is started and stopped. The static version runs only in the page: it needs no
kernel and no network, and tells nobody.
"""

import asyncio
import html
import itertools
import time
from collections.abc import Callable
from typing import Any

from labkit.bands import Bands, Step, span, step_of, steps
from labkit.script_json import script_json
from labkit.viz.keys import MARK, keeping_keys
from labkit.viz.twin import Twin

_NUMBERS = itertools.count(1)


class Stopwatch(Twin):
    """Measures a time, and says in which band it falls.

    `bands` are in minutes, in order. `on_start()` and `on_stop(minutes)` are called when it is started and stopped, by
    hand or from code; `minutes` is the time since the last start. `clock` gives seconds. `live` shows the ipywidgets. None:
    only if Jupyter Server, VS Code or Colab started the kernel.

    Raises `ValueError` if there is no band, and for a band that ends before it begins or begins within another.
    """

    def __init__(
        self,
        bands: Bands,
        *,
        on_start: Callable[[], Any] | None = None,
        on_stop: Callable[[float], Any] | None = None,
        live: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(live)
        self.bands = dict(bands)
        self._steps = steps(self.bands)
        self._on_start, self._on_stop, self._clock = on_start, on_stop, clock
        self._since: float | None = None
        self._before = 0.0
        self._ticking: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self._since is not None

    @property
    def minutes(self) -> float:
        """The minutes of all runs together, with the present one."""
        return self._before + (self._clock() - self._since) / 60 if self._since is not None else self._before

    def start(self) -> None:
        """Start it. A running stopwatch just runs on."""
        if self._since is None:
            if self._on_start:
                self._on_start()
            self._since = self._clock()
            self._show()
            self._tick()

    def stop(self) -> float:
        """Stop it. Returns the minutes since the last start, 0 if it did not run."""
        if self._since is None:
            return 0.0
        minutes = (self._clock() - self._since) / 60
        self._before, self._since = self._before + minutes, None
        self._show()
        if self._on_stop:
            self._on_stop(minutes)
        return minutes

    def band(self, minutes: float | None = None) -> str:
        """The place of these minutes (default: the shown ones) in words: `short of a skim`, `a skim`, `past a skim`."""
        return _words(step_of(self.minutes if minutes is None else minutes, self.bands))

    # The live version

    def _build_widget(self) -> Any:
        """A button, and the time beside it."""
        import ipywidgets

        button = ipywidgets.Button(description="Start", tooltip="Start or stop the stopwatch")
        button.on_click(lambda _: self.stop() if self.running else self.start())
        self._widget = ipywidgets.HBox([button, ipywidgets.HTML()])
        self._widget.children += (keeping_keys(self._widget),)
        self._show()
        return self._widget

    def _show(self) -> None:
        if self._widget is not None:
            button, face, _ = self._widget.children
            button.description = "Stop" if self.running else "Start"
            seconds = int(self.minutes * 60)
            face.value = f"<b>{seconds // 60}:{seconds % 60:02}</b> {html.escape(self.band())}"

    def _tick(self) -> None:
        """Update the display while it runs, if the kernel has an event loop."""
        if self._widget is None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._ticking = loop.create_task(self._go_on())

    async def _go_on(self) -> None:
        while self.running:
            self._show()
            await asyncio.sleep(1)

    # The static version

    def static(self) -> str:
        """The stopwatch as HTML with its own script."""
        name = f"stopwatch-{next(_NUMBERS)}"
        said = "; ".join(f"{html.escape(band)}: {span(*ends)}" for band, ends in self.bands.items())
        steps = script_json([[step.minutes, _words(step)] for step in self._steps])
        script = _SCRIPT.replace("NAME", script_json(name)).replace("STEPS", steps)
        return (
            f'<div class="labkit-stopwatch" id="{name}"><button type="button" {MARK}>Start</button> '
            f'<b role="timer">0:00</b> <span></span><br><small>{said}</small></div><script>{script}</script>'
        )

    def _stored(self) -> dict[str, Any]:
        said = "; ".join(f"{band}: {span(*ends)}" for band, ends in self.bands.items())
        return {"text/html": self.static(), "text/plain": f"A stopwatch. {said}"}


def _words(step: Step) -> str:
    return f"a {step.band}" if step.side == "within" else f"{step.side} a {step.band}"


_SCRIPT = """(() => {
  const place = document.getElementById(NAME), steps = STEPS;
  const [button, face, said] = ["button", "b", "span"].map((part) => place.querySelector(part));
  let before = 0, since = null;
  const minutes = () => before + (since === null ? 0 : (performance.now() - since) / 60000);
  function show() {
    const seconds = Math.floor(minutes() * 60);
    face.textContent = Math.floor(seconds / 60) + ":" + String(seconds % 60).padStart(2, "0");
    said.textContent = steps.filter(([from]) => from <= minutes()).pop()[1];
    button.textContent = since === null ? "Start" : "Stop";
  }
  button.addEventListener("click", () => {
    [before, since] = since === null ? [before, performance.now()] : [minutes(), null];
    show();
  });
  setInterval(() => since !== null && show(), 250);
})();"""
