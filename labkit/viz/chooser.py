"""Menus and sliders above a picture in HTML: each choice has its own, and all are made beforehand.

    Chooser({("a", "1"): {"words": "one"}, ("b", "2"): {"words": "two"}}, ["letter", "number"], "<p>{words}</p>")

A control offers the values that go with the controls before it. The live version has ipywidgets. The static version has
native controls, its pictures as JSON, and one script that is the same on every page, so that a page's policy can allow it.
"""

import html
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from labkit.names import meant_or_all
from labkit.script_json import script_json
from labkit.viz.keys import MARK, keeping_keys
from labkit.viz.theme import BLUE, VERMILLION
from labkit.viz.twin import Twin

Choice = tuple[str, ...]  # one value for each control
Record = Mapping[str, Any]  # the HTML for each place of a template; for a part that repeats, a list of records
PLACE = re.compile(r"\{#(\w+)\}(.*?)\{/\1\}|\{(\w+)\}", flags=re.DOTALL)


def fill(template: str, record: Mapping[str, Any]) -> str:
    """The template with a record in it: `{name}` is a place, `{#rows}...{/rows}` repeats for each record in `rows`."""

    def one(found: re.Match[str]) -> str:
        part, inner, name = found.groups()
        return "".join(fill(inner, each) for each in record[part]) if part else str(record[name])

    return PLACE.sub(one, template)


class Lazy(Mapping[Choice, Record]):
    """Records that are made when they are looked at, of what `parts` has for each choice."""

    def __init__(self, parts: Mapping[Choice, Any], make: Callable[[Any], Record]) -> None:
        self._parts, self._make = parts, make

    def __getitem__(self, choice: Choice) -> Record:
        return self._make(self._parts[choice])

    def __iter__(self) -> Iterator[Choice]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)


def styled(picture: str) -> str:
    """A picture with the style of all choosers, as the live version shows it."""
    return f"<style>{STYLE}</style>{picture}"


class Chooser(Twin):
    """Controls, and the picture of the values that they show.

    `states` has a record for each choice that can be made; the values of a choice are in the order of `controls`, the
    names of the controls with their units. Those in `sliders` are sliders, the others menus. Each record has the places of
    `template`; its texts are HTML, so its maker escapes names. `words` is one of them: the picture in words.
    The first state is shown first. `name` says what it is, to readers who cannot see it.

    `choice` and `record` are the present ones; `set(control=value)` moves the controls from code.

    Raises `ValueError` for no states, and for states that do not fit the controls.
    """

    note = ""  # HTML below the controls of the static version

    def __init__(
        self,
        states: Mapping[Choice, Record],
        controls: Sequence[str],
        template: str,
        *,
        name: str,
        sliders: Collection[str] = (),
        live: bool | None = None,
    ) -> None:
        super().__init__(live)
        if not states or any(len(choice) != len(controls) for choice in states):
            raise ValueError(
                f"a choice has a value for each of {', '.join(controls)}; there is none, or one of another length"
            )
        self.states, self.controls, self.template, self.name = states, tuple(controls), template, name
        self._sliders = frozenset(sliders)
        self._values = tuple(_in_order({choice[k]: None for choice in states}) for k in range(len(controls)))
        self.choice = next(iter(self.states))

    @property
    def record(self) -> Record:
        """The record of the present choice."""
        return self.states[self.choice]

    def set(self, **values: str) -> Record:
        """Move controls, as by hand, from the first to the last. Returns the new record.

        A control whose value does not go with those before it shows the first value that does. Raises `ValueError` for an
        unknown control or value.
        """
        for name, value in values.items():
            if name not in self.controls:
                raise ValueError(f"no such control: {name!r}{meant_or_all(name, self.controls)}")
            self._check(name, value)
        self._choose([values.get(name, now) for name, now in zip(self.controls, self.choice, strict=True)])
        self._show()
        return self.record

    def _check(self, name: str, value: str) -> None:
        known = self._values[self.controls.index(name)]
        if value not in known:
            raise ValueError(f"{name} cannot be {value!r}{meant_or_all(str(value), known)}")

    def _choose(self, wanted: Sequence[str]) -> None:
        self.choice = self.settled(wanted)

    def offered(self, number: int, before: Sequence[str]) -> list[str]:
        """The values of a control that go with the values before it, in the order in which it shows them."""
        fitting = {choice[number] for choice in self.states if choice[:number] == tuple(before)}
        return [value for value in self._values[number] if value in fitting]

    def settled(self, wanted: Sequence[str]) -> Choice:
        """The choice nearest to the wanted values: where one does not go with those before, the first state's that does."""
        chosen: Choice = ()
        for number, value in enumerate(wanted):
            fitting = [choice[number] for choice in self.states if choice[:number] == chosen]
            chosen = (*chosen, value if value in fitting else fitting[0])
        return chosen

    def picture(self) -> str:
        """The HTML of the present choice."""
        return fill(self.template, self.record)

    # The live version

    def _build_widget(self) -> Any:
        import ipywidgets

        self._moving = False
        boxes = [self._control(number) for number in range(len(self.controls))]
        for box in boxes:
            box.observe(self._moved, names="value")
        above = ipywidgets.HBox(boxes, layout={"flex_flow": "row wrap"})
        screen = ipywidgets.HTML(styled(self.picture()))
        screen.add_class(CLASS)
        return ipywidgets.VBox([above, screen, keeping_keys(above)])

    def _control(self, number: int) -> Any:
        """The ipywidgets control of a number among `controls`."""
        import ipywidgets

        name, options = self.controls[number], self.offered(number, self.choice[:number])
        kind = ipywidgets.SelectionSlider if name in self._sliders else ipywidgets.Dropdown
        return kind(
            options=options,
            value=self.choice[number],
            description=name,
            style={"description_width": "initial"},
            layout={"width": "min(20em, 95%)" if name in self._sliders else "max-content"},
            disabled=len(options) == 1,
        )

    def _dress(self, number: int, box: Any) -> None:
        """Let a control show the present choice, and offer what goes with it."""
        options = self.offered(number, self.choice[:number])
        if list(box.options) != options:
            box.options = options
        box.value, box.disabled = self.choice[number], len(options) == 1

    def _moved(self, _: Any) -> None:
        if not self._moving:
            self._choose([str(box.value) for box in self.widget.children[0].children])
            self._show()

    def _show(self) -> None:
        if self._widget is None:
            return
        above, screen, _ = self._widget.children
        self._moving = True  # what is set here was not moved by hand
        for number, box in enumerate(above.children):
            self._dress(number, box)
        self._moving = False
        screen.value = styled(self.picture())

    # The static version

    def static(self) -> str:
        """The controls and the picture as HTML with a script. Without the script, the present picture alone is shown."""
        now = self._of_table()
        shown = self.states[now]
        places, controls = [], []
        for number, name in enumerate(self.controls):
            made = _slider if name in self._sliders else _menu
            controls.append(made(name, now[number], self._values[number]))
            places.append({value: index for index, value in enumerate(self._values[number])})
        numbers = [[places[k][value] for k, value in enumerate(choice)] for choice in self.states]
        texts: dict[str, int] = {}
        keys, parts = _keys(shown), self.states.values()
        data = {
            "values": self._values,
            "states": numbers,
            "now": list(self.states).index(now),
            "template": _numbered(self.template, keys),
            "records": [_packed(record, keys, texts) for record in parts],
            "texts": list(texts),
        }
        return (
            f'<div class="{CLASS}" role="group" aria-label="{html.escape(self.name)}"><style>{STYLE}</style>'
            f'<div class="{CLASS}-controls" hidden>{"".join(controls)}{self.note}</div>'
            f'<div class="{CLASS}-shown">{fill(self.template, shown)}</div>'
            f'<script type="application/json">{script_json(data)}</script></div><script>{SCRIPT}</script>'
        )

    def _of_table(self) -> Choice:
        """The present choice, or that of the table nearest to it."""
        return Chooser.settled(self, self.choice)

    def _stored(self) -> dict[str, Any]:
        words = self.states[self._of_table()]["words"]
        return {"text/html": self.static(), "text/plain": html.unescape(str(words))}


def _in_order(values: Mapping[str, None]) -> list[str]:
    """Numbers by size; other values as they come."""
    try:
        return sorted(values, key=float)
    except ValueError:
        return list(values)


def _menu(name: str, value: str, values: Sequence[str]) -> str:
    options = "".join(f"<option{' selected' if each == value else ''}>{html.escape(each)}</option>" for each in values)
    return f'<label>{html.escape(name)} <select autocomplete="off" {MARK}>{options}</select></label>'


def _slider(name: str, value: str, values: Sequence[str]) -> str:
    return (
        f'<label>{html.escape(name)} <b>{html.escape(value)}</b> <input type="range" autocomplete="off" min="0" '
        f'max="{len(values) - 1}" value="{values.index(value)}" aria-valuetext="{html.escape(value)}" {MARK}></label>'
    )


def _keys(record: Record) -> dict[str, Any]:
    """The names in a record, each with its number and the names in its parts. Empty parts say nothing about theirs."""
    return {
        name: (number, _keys(value[0]) if isinstance(value, list | tuple) and value else {})
        for number, (name, value) in enumerate(record.items())
    }


def _packed(record: Record, keys: Mapping[str, Any], texts: dict[str, int]) -> list[Any]:
    """A record as a list of numbers of texts. Equal texts, such as pictures, are kept once."""
    return [
        [_packed(each, inner, texts) for each in record[name]]
        if isinstance(record[name], list | tuple)
        else texts.setdefault(str(record[name]), len(texts))
        for name, (_, inner) in keys.items()
    ]


def _numbered(template: str, keys: Mapping[str, Any]) -> str:
    """The template with the numbers of its places instead of their names."""

    def one(found: re.Match[str]) -> str:
        part, inner, name = found.groups()
        if part:
            number, below = keys[part]
            return f"{{#{number}}}{_numbered(inner, below)}{{/{number}}}"
        return f"{{{keys[name][0]}}}"

    return PLACE.sub(one, template)


CLASS = "labkit-chooser"

# Colours come from the page: its ink, more or less transparent, and the two of labkit's palette.
STYLE = f"""
.{CLASS} {{ --faint: color-mix(in srgb, currentColor 22%, transparent); max-width: 60em; line-height: 1.45; }}
.{CLASS}-controls {{ display: flex; flex-wrap: wrap; gap: .5em 1.4em; align-items: end; margin-bottom: .7em; }}
.{CLASS}-controls[hidden] {{ display: none; }}
.{CLASS}-controls label {{ max-width: 100%; }}
.{CLASS}-controls input {{ display: block; width: min(16em, 80vw); margin: .4em 0 0; accent-color: {BLUE}; }}
.{CLASS}-controls select {{ font: inherit; color: inherit; background: Canvas; max-width: 100%; padding: .2em; border: 1px solid currentColor; border-radius: .3em; }}
.{CLASS}-controls :focus-visible {{ outline: 3px solid {BLUE}; outline-offset: 2px; }}
.{CLASS} h4 {{ margin: .2em 0 .5em; font-size: 1.05em; }}
.{CLASS} p {{ margin: .5em 0; }}
.{CLASS} .wide {{ overflow-x: auto; background: none; }}
.{CLASS} table {{ border-collapse: collapse; font-size: .9em; font-variant-numeric: tabular-nums; margin: .6em 0; background: none; }}
.{CLASS} :is(th, td) {{ padding: .25em .6em; border: 0; border-bottom: 1px solid var(--faint); text-align: left; vertical-align: middle; min-width: 0; white-space: nowrap; color: inherit; background: none; }}
.{CLASS} .bar {{ display: inline-block; height: .7em; background: {BLUE}; vertical-align: baseline; }}
.{CLASS} .other {{ background: {VERMILLION}; }}
.{CLASS} svg text {{ fill: currentColor; font-size: 11px; font-family: inherit; }}
.{CLASS} img {{ image-rendering: pixelated; display: block; max-width: none; }}
""".replace("\n", " ").strip()

# The same for every chooser: it connects each one on the page that is not connected yet.
SCRIPT = """(() => {
  const fill = (template, record, texts) => template.replace(
    /\\{#(\\d+)\\}([\\s\\S]*?)\\{\\/\\1\\}|\\{(\\d+)\\}/g,
    (_, part, inner, place) => part === undefined ? texts[record[place]]
      : record[part].map((one) => fill(inner, one, texts)).join(""));
  function connect(box) {
    const { values, states, now, template, records, texts } = JSON.parse(box.querySelector("script").textContent);
    const [controls, shown] = ["-controls", "-shown"].map((part) => box.querySelector(".labkit-chooser" + part));
    const inputs = [...controls.querySelectorAll("select, input")];
    let choice = states[now];
    const fitting = (k, before) => states.filter((state) => before.every((value, n) => state[n] === value)).map((state) => state[k]);
    function settled(wanted) {
      const chosen = [];
      wanted.forEach((value, k) => {
        const fit = fitting(k, chosen);
        chosen.push(fit.includes(value) ? value : fit[0]);
      });
      return chosen;
    }
    const offered = (k) => [...new Set(fitting(k, choice.slice(0, k)))].sort((a, b) => a - b);
    function dress(input, k) {
      const offer = offered(k), at = offer.indexOf(choice[k]), value = values[k][choice[k]];
      input.disabled = offer.length === 1;
      if (input.matches("select")) {
        const same = input.options.length === offer.length && offer.every((one, n) => input.options[n].text === values[k][one]);
        if (!same) input.replaceChildren(...offer.map((one) => new Option(values[k][one])));
        input.selectedIndex = at;
      } else {
        input.max = offer.length - 1;
        input.value = at;
        input.setAttribute("aria-valuetext", value);
        input.closest("label").querySelector("b").textContent = value;
      }
    }
    const chosen = (input, k) => offered(k)[input.matches("select") ? input.selectedIndex : Number(input.value)];
    controls.addEventListener("input", ({ target }) => {
      const moved = inputs.indexOf(target);
      choice = settled(choice.map((value, k) => k === moved ? chosen(target, k) : value));
      inputs.forEach(dress);
      const row = states.findIndex((state) => state.every((value, k) => value === choice[k]));
      shown.innerHTML = fill(template, records[row], texts);
    });
    inputs.forEach(dress);
    controls.hidden = false;
    box.dataset.ready = "yes";
  }
  document.querySelectorAll(".labkit-chooser[role]:not([data-ready])").forEach(connect);
})();"""
