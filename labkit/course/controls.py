"""An explorer's controls on a page: menus and sliders in HTML instead of plotly's, which know nothing of each other.

In a stored explorer, a step of one control holds the steps of the controls after it, and sets these back to their start.
A page has a script instead (`site/course.js`). It takes the figure from a table with one row for each combination of
choices. So every control stays where the reader put it, has a name, and answers to the keyboard.
"""

import html
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labkit.viz.explorer import MENU, SLIDER, is_explorer

Control = Mapping[str, Any]


def take_controls(layout: dict[str, Any]) -> tuple[list[dict[str, Any]], list[Any]]:
    """Remove an explorer's controls, and the room for them, from its layout, in place.

    Returns the controls (`kind`, `label`, `values`, `active`) and their table: the arguments of `Plotly.update` for
    every choice, with the last control's values next to each other. For other figures, both lists are empty.
    """
    if not is_explorer(layout):
        return [], []
    menus, sliders = layout.pop("updatemenus", []), layout.pop("sliders", [])
    layout["height"] -= (MENU if menus else 0) + SLIDER * len(sliders)
    layout["margin"]["t"] -= MENU if menus else 0
    layout["margin"]["b"] -= SLIDER * len(sliders)
    places = [
        *(("menu", f"updatemenus[{number}].buttons", menu, menu["buttons"]) for number, menu in enumerate(menus)),
        *(("slider", f"sliders[{number}].steps", slider, slider["steps"]) for number, slider in enumerate(sliders)),
    ]
    controls = [
        {
            "kind": kind,
            "label": one["name"],
            "values": [step["name"] for step in steps],
            "active": one.get("active", 0),
        }
        for kind, _, one, steps in places
    ]
    return controls, list(_rows(places[0][3], [path for _, path, _, _ in places[1:]]))


def _rows(steps: Sequence[Any], later: Sequence[str]) -> Iterator[Any]:
    for step in steps:
        traces, layout = step["args"]
        if later:
            yield from _rows(layout[later[0]], later[1:])
        else:
            yield [traces, layout]


def controls_html(controls: Sequence[Control], name: str) -> str:
    """The controls of the figure `name`, hidden until the script draws it. Labels and values are in plotly's HTML."""
    if not controls:
        return ""
    return f'<div class="controls" id="{name}-controls" hidden>{"".join(_MADE[one["kind"]](one) for one in controls)}</div>'


def _menu(one: Control) -> str:
    options = "".join(
        f"<option{' selected' if number == one['active'] else ''}>{_text(value)}</option>"
        for number, value in enumerate(one["values"])
    )
    return f"<label>{_text(one['label'])} <select autocomplete='off'>{options}</select></label>"


def _slider(one: Control) -> str:
    now = _text(one["values"][one["active"]])
    values = html.escape(json.dumps([html.unescape(value) for value in one["values"]]))
    return (
        f"<label>{_text(one['label'])} <b>{now}</b>"
        f'<input type="range" autocomplete="off" min="0" max="{len(one["values"]) - 1}" value="{one["active"]}"'
        f' aria-valuetext="{now}" data-values="{values}"></label>'
    )


def _text(value: str) -> str:
    return html.escape(html.unescape(value))


_MADE = {"menu": _menu, "slider": _slider}
