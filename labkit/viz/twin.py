"""What a reader touches, in two versions: ipywidgets with a kernel, and a twin without one in saved notebooks and pages.

Both stand in one output. A front end without widgets shows the twin.
"""

import os
import warnings
from functools import cache
from typing import Any

from labkit.lab_extensions import WIDGETS, extension_state

WIDGET = "application/vnd.jupyter.widget-view+json"


def has_front_end() -> bool:
    """Whether a front end shows widgets. Under papermill and nbgrader there is none, and dead controls would be saved."""
    if any(name in os.environ for name in ("LABKIT_RUN", "NBGRADER_EXECUTION")):
        return False
    return any(name in os.environ for name in ("JPY_SESSION_NAME", "VSCODE_PID", "COLAB_RELEASE_TAG"))


def shows_widgets() -> bool:
    """Whether widgets are worth making: a front end shows them, and if it is JupyterLab, it has the extension for that."""
    if not has_front_end():
        return False
    own = any(name in os.environ for name in ("VSCODE_PID", "COLAB_RELEASE_TAG"))  # these need no extension
    return own or _lab_shows_widgets()


@cache
def _lab_shows_widgets() -> bool:
    """Whether JupyterLab has the extension that draws ipywidgets. If not, a warning says so once."""
    state = extension_state(WIDGETS)
    if state != "ok":
        warnings.warn(
            f"JupyterLab's extension for controls is {'missing' if state == 'missing' else 'switched off'}, so they run "
            "without the kernel; `labkit doctor` says how to get it",
            stacklevel=4,
        )
    return state == "ok"


class Twin:
    """The part that all of them share: one output with both versions.

    A kind of twin writes `_build_widget`, the ipywidgets, and `_stored`, the version without a kernel by mimetype, with
    its words under `text/plain`. `live` shows the ipywidgets. None: only if a front end that shows them started the kernel.
    """

    def __init__(self, live: bool | None = None) -> None:
        self.live = shows_widgets() if live is None else live
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
