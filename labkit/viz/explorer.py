"""Figures with controls, in two versions: ipywidgets with a kernel, plotly's slider and menu without one.

    Explorer(draw, slider={"epoch": range(1, 21)}, menu={"clips": [64, 512]})

`draw(epoch=..., clips=...)` makes the figure of one choice. All figures are drawn when the explorer is made. So `draw`
must be quick (compute before), an error in it stops the cell at once, and moving a control costs nothing. The live
version shows these figures; keys pressed on its controls stay there. The static version is one figure with plotly's
controls, whose steps hold the changes. It needs no kernel and no network: saved notebooks and built pages show it.
"""

import base64
import itertools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from labkit.front_end import has_front_end
from labkit.names import meant_or_all
from labkit.viz.keys import keeping_keys
from labkit.viz.theme import describe, plain
from labkit.viz.twin import Twin

PLOTLY = "application/vnd.plotly.v1+json"
MOST_FIGURES = 500
MENU, SLIDER, UNDER_AXIS = 44, 84, 48  # pixels a menu and a slider take, and from the axes to the first slider
FIXED = ("template", "height", "margin")  # the static version takes the largest for all
MARK = "explorer"  # in the static version's `meta`
LISTS = ("annotations", "shapes", "images")  # parts of a layout that are emptied, not unset

Choice = tuple[int, ...]  # for each control, the number of the value chosen


class Explorer(Twin):
    """A figure with controls: `draw(**values)` for every value of every slider and menu.

    `slider` and `menu` map an argument of `draw` to the values it may take; values are shown by `str`.
    `labels` maps arguments to the text beside the control (with the unit), `start` to the first value.
    `live` shows the ipywidgets. None: only if Jupyter Server, VS Code or Colab started the kernel.

    `values` and `figure` are the present ones; `set(**values)` moves the controls from code.

    All figures must have the same traces, with different data. Menus come before sliders: in a saved notebook without a
    kernel, a choice in one control sets the controls after it back to their start.

    Raises `ValueError` for no values or too many, for figures with different traces, and if `draw` fails, with the values.
    """

    def __init__(
        self,
        draw: Callable[..., go.Figure],
        *,
        slider: Mapping[str, Sequence[Any]],
        menu: Mapping[str, Sequence[Any]] | None = None,
        labels: Mapping[str, str] | None = None,
        start: Mapping[str, Any] | None = None,
        live: bool | None = None,
    ) -> None:
        super().__init__(live)
        self._menus = tuple(menu or {})
        self._names = (*self._menus, *slider)
        self._options = {name: list(values) for name, values in {**(menu or {}), **slider}.items()}
        self._labels = {name: (labels or {}).get(name, name.replace("_", " ")) for name in self._options}
        _check_options(self._options, start or {})
        self._start = tuple(
            values.index(start[name]) if start and name in start else 0 for name, values in self._options.items()
        )
        self._chosen = self._start
        self._figures = self._draw_all(draw)
        self._trace_keys, self._layout_keys = _what_varies([*self._figures.values()])

    @property
    def values(self) -> dict[str, Any]:
        """The values chosen now."""
        return self._values(self._chosen)

    @property
    def figure(self) -> go.Figure:
        """The figure of the values chosen now."""
        return self._figures[self._chosen]

    def set(self, **values: Any) -> go.Figure:
        """Move controls to these values, as by hand; the others stay. Returns the new figure.

        Raises `ValueError` for an unknown control or value.
        """
        _check_options(self._options, values)
        choice = [
            options.index(values[name]) if name in values else now
            for (name, options), now in zip(self._options.items(), self._chosen, strict=True)
        ]
        if self._widget is None:
            self._chosen = tuple(choice)
        else:
            for control, index in zip(self.controls, choice, strict=True):
                control.value = index
        return self.figure

    # The live version

    @property
    def controls(self) -> tuple[Any, ...]:
        """The ipywidgets controls, menus first. The `value` of each is the number of the shown value."""
        return tuple(self.widget.children[0].children)

    def _build_widget(self) -> Any:
        """Controls above the figure."""
        import ipywidgets

        controls = []
        for (name, values), now in zip(self._options.items(), self._chosen, strict=True):
            kind = ipywidgets.Dropdown if name in self._menus else ipywidgets.SelectionSlider
            control = kind(
                options=[(str(value), number) for number, value in enumerate(values)],
                value=now,
                description=self._labels[name],
                style={"description_width": "initial"},
                layout={"width": "max-content" if name in self._menus else "min(36em, 95%)"},
            )
            controls.append(control)
        # The output is set instead of printed into: it does not flicker, and needs no answer from the front end.
        screen = ipywidgets.Output(outputs=self._screen())

        def show(_: Any) -> None:
            self._chosen = tuple(control.value for control in controls)
            screen.outputs = self._screen()

        for control in controls:
            control.observe(show, names="value")
        above = ipywidgets.VBox(controls)
        return ipywidgets.VBox([above, screen, keeping_keys(above)])

    def _screen(self) -> tuple[dict[str, Any], ...]:
        data = {**_drawn(self.figure), "text/plain": describe(self.figure, markdown=False)}
        return ({"output_type": "display_data", "data": data, "metadata": {}},)

    # The static version

    @property
    def static(self) -> go.Figure:
        """One plotly figure with plotly's own menus and sliders, precomputed for all values."""
        menus, sliders = len(self._menus), len(self._options) - len(self._menus)
        figures = self._figures.values()
        above = max(f.layout.margin.t or 64 for f in figures) + (MENU if menus else 0)
        below = max(f.layout.margin.b or 56 for f in figures) + SLIDER * sliders
        height = max(f.layout.height or 450 for f in figures) + (MENU if menus else 0) + SLIDER * sliders
        fig = go.Figure(self._figures[self._start])
        fig.update_layout(margin={"t": above, "b": below}, height=height)
        fig.update_layout(meta={**(fig.layout.meta or {}), MARK: True})
        fig.update_layout(
            updatemenus=[self._menu(number) for number in range(menus)],
            sliders=[self._slider(menus + number, axes=height - above - below) for number in range(sliders)],
        )
        return fig

    def _menu(self, number: int) -> dict[str, Any]:
        return {
            "name": plain(self._labels[self._names[number]]),
            "buttons": self._steps(self._start, number),
            "active": self._start[number],
            "x": 0.35 * number,
            "xanchor": "left",
            "y": 1,
            "yanchor": "bottom",
            "pad": {"b": 30},  # over a legend
        }

    def _slider(self, number: int, *, axes: int) -> dict[str, Any]:
        label = plain(self._labels[self._names[number]])
        return {
            "name": label,
            "steps": self._steps(self._start, number),
            "active": self._start[number],
            "currentvalue": {"prefix": f"{label}: "},
            "pad": {"t": UNDER_AXIS + SLIDER * (number - len(self._menus))},
            "x": 0,
            "len": 1,
        }

    def _steps(self, choice: Choice, number: int) -> list[dict[str, Any]]:
        """The steps of one control, with the controls before it at `choice`.

        Plotly's controls know nothing of each other. So each step also gives the controls after it new steps, and sets them
        back to their start; the figure and its title are then at the start too. On a built page the controls stay where they
        are (`labkit.course.controls`).
        """
        name = self._names[number]
        steps = []
        for index, value in enumerate(self._options[name]):
            target = (*choice[:number], index, *self._start[number + 1 :])
            traces, layout = self._changes(target)
            for later in range(number + 1, len(self._names)):
                is_menu = later < len(self._menus)
                control = f"updatemenus[{later}]" if is_menu else f"sliders[{later - len(self._menus)}]"
                layout[f"{control}.{'buttons' if is_menu else 'steps'}"] = self._steps(target, later)
                layout[f"{control}.active"] = self._start[later]
            label = f"{plain(self._labels[name])}: {plain(value)}" if number < len(self._menus) else plain(value)
            steps.append({"label": label, "name": plain(value), "method": "update", "args": [traces, layout]})
        return steps

    def _changes(self, choice: Choice) -> tuple[dict[str, Any], dict[str, Any]]:
        """The arguments of `Plotly.update` that turn any figure into that of `choice`."""
        spec = _plain_spec(self._figures[choice])
        traces = [_flat(trace) for trace in spec["data"]]
        layout = _flat(spec["layout"])
        return (
            {key: [trace.get(key) for trace in traces] for key in self._trace_keys},
            {key: layout.get(key, [] if key in LISTS else None) for key in self._layout_keys},
        )

    # Both

    def _values(self, choice: Choice) -> dict[str, Any]:
        return {name: values[i] for (name, values), i in zip(self._options.items(), choice, strict=True)}

    def _draw_all(self, draw: Callable[..., go.Figure]) -> dict[Choice, go.Figure]:
        from labkit.bars import tqdm

        choices = list(itertools.product(*(range(len(values)) for values in self._options.values())))
        if len(choices) > MOST_FIGURES:
            raise ValueError(
                f"{len(choices)} figures to draw is too many for a page; give at most {MOST_FIGURES} values"
            )
        figures = {}
        for choice in tqdm(choices, desc="drawing", unit="figure", delay=2, leave=False):
            values = self._values(choice)
            said = ", ".join(f"{name}={value!r}" for name, value in values.items())
            try:
                figures[choice] = draw(**values)
            except Exception as error:
                raise ValueError(f"the figure for {said} cannot be drawn: {type(error).__name__}: {error}") from error
            kinds = [trace.type for trace in figures[choice].data]
            first = [trace.type for trace in figures[choices[0]].data]
            if kinds != first:
                raise ValueError(f"all figures must have the same traces; the first has {first}, {said} has {kinds}")
        return figures

    def _stored(self) -> dict[str, Any]:
        words = describe(self.figure, markdown=False) or "A figure with a control."
        return {**_drawn(self.static), "text/plain": words}


def _check_options(options: Mapping[str, Sequence[Any]], chosen: Mapping[str, Any]) -> None:
    if not options:
        raise ValueError("an explorer needs a slider or a menu")
    for name, values in options.items():
        if not len(values):
            raise ValueError(f"the control {name!r} has no values")
    for name, value in chosen.items():
        if name not in options:
            raise ValueError(f"no such control: {name!r}{meant_or_all(name, options)}")
        if value not in options[name]:
            raise ValueError(f"{name} cannot be {value!r}; it can be {', '.join(map(repr, options[name]))}")


def is_explorer(layout: Mapping[str, Any]) -> bool:
    """Whether the layout of a stored figure is that of an explorer's static version."""
    meta = layout.get("meta")
    return isinstance(meta, Mapping) and bool(meta.get(MARK))


def _drawn(fig: go.Figure) -> dict[str, Any]:
    """The figure by mimetype. Colab draws no plotly JSON: there it is HTML with plotly.js from the network, as plotly's own figures are."""
    drawn: dict[str, Any] = {PLOTLY: _plain_spec(fig)}
    if "COLAB_RELEASE_TAG" in os.environ and has_front_end():
        drawn["text/html"] = fig.to_html(full_html=False, include_plotlyjs="cdn")
    return drawn


def _plain_spec(fig: go.Figure) -> dict[str, Any]:
    """The figure as a notebook stores it, in plain JSON: plotly.js reads packed arrays in a figure's data, but not in a slider's steps."""
    return _unpacked(fig.to_plotly_json())


def _unpacked(value: Any) -> Any:
    if isinstance(value, Mapping):
        if "bdata" in value:
            numbers = np.frombuffer(base64.b64decode(value["bdata"]), dtype=value["dtype"])
            shape = [int(n) for n in str(value.get("shape", numbers.size)).split(",")]
            return _unpacked(numbers.reshape(shape))
        return {key: _unpacked(part) for key, part in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _unpacked(value.tolist())
    if isinstance(value, list | tuple):
        return [_unpacked(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _what_varies(figures: Sequence[go.Figure]) -> tuple[list[str], list[str]]:
    """The properties of the traces, and of the layout, that differ between the figures."""
    specs = [_plain_spec(fig) for fig in figures]
    traces = [[_flat(trace) for trace in spec["data"]] for spec in specs]
    layouts = [_flat({key: part for key, part in spec["layout"].items() if key not in FIXED}) for spec in specs]
    keys = {key for figure in traces for trace in figure for key in trace}
    trace_keys = sorted(
        key for key in keys if any(_column(figure, key) != _column(traces[0], key) for figure in traces)
    )
    keys = {key for layout in layouts for key in layout}
    return trace_keys, sorted(key for key in keys if any(layout.get(key) != layouts[0].get(key) for layout in layouts))


def _column(traces: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    return [trace.get(key) for trace in traces]


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested properties as plotly's dotted names: `{"marker": {"color": 1}}` becomes `{"marker.color": 1}`."""
    flat: dict[str, Any] = {}
    for key, part in value.items():
        flat.update(_flat(part, f"{prefix}{key}.") if isinstance(part, Mapping) else {f"{prefix}{key}": part})
    return flat
