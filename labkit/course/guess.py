"""A guess before the result: the reader commits to a number, and a later cell sets it beside the result.

    guess("01-one-frame", "How often is the direction right?", 0, 100, unit="%")
    beside("01-one-frame", 100 * share)

With a kernel and a front end these are ipywidgets, and the guess is kept in the learner's progress. On a built page they
are a native slider and a closed fold with the result; the guess stays in the browser.
"""

import html
import itertools
import math
import re
from typing import Any

from labkit.course.progress import note, noted
from labkit.script_json import script_json
from labkit.viz.keys import MARK, keeping_keys
from labkit.viz.twin import Twin

NAME = re.compile(r"(\d\d)-[a-z0-9-]+")
_NUMBERS = itertools.count(1)
_asked: dict[str, "Guess"] = {}  # this kernel's guesses by name, each as its cell ran last
_told: dict[str, "Beside"] = {}  # and the results


class Guess(Twin):
    """A question with a number as its answer, from `low` to `high` in steps of `step`, in `unit`.

    `name` starts with the notebook's number: `01-one-frame`. `live` shows the ipywidgets. None: only if a front end
    started the kernel. Raises `ValueError` for another name, and for a range without room.
    """

    def __init__(
        self,
        name: str,
        ask: str,
        low: float,
        high: float,
        *,
        step: float = 1,
        unit: str = "",
        live: bool | None = None,
    ) -> None:
        super().__init__(live)
        found = NAME.fullmatch(name)
        if not found:
            raise ValueError(
                f"the name of a guess is its notebook's number and a few words, `01-one-frame`, not {name!r}"
            )
        if not low < high or not 0 < step <= high - low:
            raise ValueError(f"a guess needs low < high and a step within them, not {low}, {high} and {step}")
        self.name, self.notebook, self.ask = name, found[1], ask
        self.low, self.high, self.step, self.unit = low, high, step, unit
        kept = noted("guess", self.notebook, name) if self.live else None
        self.value = None if kept is None or kept.value is None else self._within(kept.value)
        _asked[name] = self

    def keep(self, value: float) -> None:
        """Commit to a guess. It is cut to the range, kept in the learner's progress, and set beside the result."""
        self.value = self._within(value)
        note("guess", self.notebook, self.name, done=True, value=self.value)
        self._show()
        if self.name in _told:
            _told[self.name].show()

    def _within(self, value: float) -> float:
        return min(max(float(value), self.low), self.high)

    def said(self, value: float, more: int = 0) -> str:
        """A number with its unit, with as many decimals as the step has, and `more`."""
        decimals = max(0, -math.floor(math.log10(self.step) + 1e-9)) + more
        text = f"{value:,.{decimals}f}"
        return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {self.unit}".rstrip()

    # The live version

    def _build_widget(self) -> Any:
        """The question, a slider and a button."""
        import ipywidgets

        decimals = max(0, -math.floor(math.log10(self.step) + 1e-9))
        slider = ipywidgets.FloatSlider(
            min=self.low,
            max=self.high,
            step=self.step,
            value=(self.low + self.high) / 2 if self.value is None else self.value,
            description=self.unit or " ",
            readout_format=f".{decimals}f",
            style={"description_width": "initial"},
            layout={"width": "min(32em, 95%)"},
        )
        button = ipywidgets.Button(description="Keep my guess", tooltip=self.ask)
        button.on_click(lambda _: self.keep(slider.value))
        asked = ipywidgets.HTML(f"<b>Your guess.</b> {html.escape(self.ask)}")
        self._widget = ipywidgets.VBox([asked, ipywidgets.HBox([slider, button]), ipywidgets.HTML()])
        self._widget.children += (keeping_keys(self._widget),)
        self._show()
        return self._widget

    def _show(self) -> None:
        if self._widget is not None:
            told = "" if self.value is None else f"Your guess is kept: {html.escape(self.said(self.value))}."
            self._widget.children[2].value = told

    # The static version

    def static(self) -> str:
        """The guess as HTML with its own script: a native slider and a button."""
        name = f"guess-{next(_NUMBERS)}"
        middle = self.low + self.step * round((self.high - self.low) / 2 / self.step)
        values = {"place": name, "name": self.name, "unit": self.unit}
        return (
            f'<div class="labkit-guess" id="{name}"><p><b>Your guess.</b> {html.escape(self.ask)}</p><p><label>'
            f'<input type="range" min="{self.low}" max="{self.high}" step="{self.step}" value="{middle}" autocomplete="off"'
            f' style="width: min(20em, 60%); vertical-align: middle" aria-label="Your guess" {MARK}> <output>{middle:g}</output> {html.escape(self.unit)}</label> '
            f'<button type="button" {MARK}>Keep my guess</button></p></div>'
            f"<script>{_SCRIPT.replace('VALUES', script_json(values))}</script>"
        )

    def _stored(self) -> dict[str, Any]:
        scale = f"from {self.low:g} to {self.said(self.high)}"
        return {"text/html": self.static(), "text/plain": f"Your guess, {scale}. {self.ask}"}


class Beside(Twin):
    """The result beside the guess of this name. Without a guess it says the result alone."""

    def __init__(self, name: str, value: float) -> None:
        super().__init__(name in _asked and _asked[name].live)
        self.name, self.value = name, float(value)
        _told[name] = self

    def __str__(self) -> str:
        guess = _asked.get(self.name)
        if guess is None:
            return f"The result is {self.value:g}. Run the cell with the guess first to see both."
        if math.isnan(self.value):
            return "This run has no result to set beside the guess."
        result = f"The result is {guess.said(self.value, more=1)}"
        if guess.value is None:
            return f"{result}."
        apart = guess.said(abs(self.value - guess.value), more=1)
        apart = f"{apart[:-2]} points" if guess.unit == "%" else apart
        return f"Your guess was {guess.said(guess.value)}. {result}: {apart} away."

    def _build_widget(self) -> Any:
        """The text. It changes when the guess is kept later."""
        import ipywidgets

        self._widget = ipywidgets.HTML()
        self.show()
        return self._widget

    def show(self) -> None:
        """Say the guess and the result as they are now."""
        if self._widget is not None:
            self._widget.value = html.escape(str(self))

    def static(self) -> str:
        """The result as HTML, folded, so that a guess comes first. The guess's script opens it."""
        digits = "" if math.isnan(self.value) else f' data-value="{self.value!r}"'
        return (
            f'<details class="labkit-beside" data-guess="{html.escape(self.name)}"{digits}><summary>The result beside your guess'
            f"</summary><p>{html.escape(str(self))} <span></span></p></details>"
        )

    def _stored(self) -> dict[str, Any]:
        return {"text/html": self.static(), "text/plain": str(self)}


def guess(name: str, ask: str, low: float, high: float, *, step: float = 1, unit: str = "") -> Guess:
    """Ask the reader for a guess from `low` to `high`. See `Guess`."""
    return Guess(name, ask, low, high, step=step, unit=unit)


def beside(name: str, value: float) -> Beside:
    """Set the result `value` beside the guess `name`, in the guess's unit. NaN: this run has no result."""
    return Beside(name, value)


_SCRIPT = """(() => {
  const { place, name, unit } = VALUES, key = "labkit-guess-" + name;
  const box = document.getElementById(place);
  const [slider, shown, button] = ["input", "output", "button"].map((part) => box.querySelector(part));
  const plain = (value) => String(Math.round(value * 100) / 100);
  function show(guess) {
    slider.value = guess;
    shown.textContent = slider.value;
    button.textContent = "Kept. Keep another";
    for (const result of document.querySelectorAll('.labkit-beside[data-guess="' + name + '"]')) {
      result.open = true;
      const away = Math.abs(Number(result.dataset.value) - slider.value);
      if (result.dataset.value) result.querySelector("span").textContent =
        "Your guess was " + slider.value + " " + unit + ", " + plain(away) + " " + (unit === "%" ? "points" : unit) + " away.";
    }
  }
  slider.addEventListener("input", () => { shown.textContent = slider.value; });
  button.addEventListener("click", () => {
    show(slider.value);
    try { localStorage.setItem(key, slider.value); } catch (error) { /* a browser may refuse to keep it */ }
  });
  const kept = () => { try { return localStorage.getItem(key); } catch (error) { return null; } };
  const start = () => { if (kept() !== null) show(kept()); };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
})();"""
