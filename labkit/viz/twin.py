"""What a reader touches, in two versions: ipywidgets with a kernel, and a twin without one in saved notebooks and pages.

Both stand in one output. A front end without widgets shows the twin.
"""

import warnings
from functools import cache
from typing import Any

from labkit.front_end import has_front_end, lacks_extension

WIDGET = "application/vnd.jupyter.widget-view+json"


@cache
def _say(state: str) -> None:
    """Say once in a kernel why the version without a kernel is shown."""
    warnings.warn(
        f"JupyterLab's extension for controls is {'missing' if state == 'missing' else 'switched off'}, so they run "
        "without the kernel; `labkit doctor` says how to get it",
        stacklevel=4,
    )


class Twin:
    """The part that all of them share: one output with both versions.

    A kind of twin writes `_build_widget`, the ipywidgets, and `_stored`, the version without a kernel by mimetype, with
    its words under `text/plain`. `live` shows the ipywidgets. None: only if a front end that shows them started the kernel.
    """

    def __init__(self, live: bool | None = None) -> None:
        lacking = lacks_extension()
        self.live = has_front_end() and not lacking if live is None else live
        if lacking and live is None:
            _say(lacking)
        self._widget: Any = None

    @property
    def widget(self) -> Any:
        """The ipywidgets."""
        if self._widget is None:
            self._widget = self._build_widget()
        return self._widget

    def _build_widget(self) -> Any:
        raise NotImplementedError

    def _stored(self) -> dict[str, Any]:
        raise NotImplementedError

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle = self._stored()
        if self.live:
            bundle[WIDGET] = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        return bundle
