"""What a reader touches, in two versions: ipywidgets with a kernel, and a twin without one in saved notebooks and pages.

Both stand in one output. A front end that knows no widgets shows the twin.
"""

import os
from typing import Any

WIDGET = "application/vnd.jupyter.widget-view+json"


def has_front_end() -> bool:
    """Whether a front end shows widgets. Under papermill and nbgrader there is none, and dead controls would be saved."""
    if any(name in os.environ for name in ("LABKIT_RUN", "NBGRADER_EXECUTION")):
        return False
    return any(name in os.environ for name in ("JPY_SESSION_NAME", "VSCODE_PID", "COLAB_RELEASE_TAG"))


class Twin:
    """The part that all of them share: one output with both versions.

    A kind of twin writes `_build_widget`, the ipywidgets, and `_stored`, the version without a kernel by mimetype, with
    its words under `text/plain`. `live` shows the ipywidgets. None: only if a front end started the kernel.
    """

    def __init__(self, live: bool | None = None) -> None:
        self.live = has_front_end() if live is None else live
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
