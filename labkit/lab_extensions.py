"""JupyterLab's extensions as its server finds them: installed or missing, and switched off or not."""

import json
from pathlib import Path
from typing import Literal

WIDGETS = "@jupyter-widgets/jupyterlab-manager"  # draws ipywidgets
PLOTLY = "jupyterlab-plotly"  # draws plotly's figures

State = Literal["ok", "missing", "disabled"]


def extension_state(name: str) -> State:
    """The state of the extension of this name."""
    from jupyter_core.paths import jupyter_path

    if not any((Path(place) / name / "package.json").is_file() for place in jupyter_path("labextensions")):
        return "missing"
    return "disabled" if name in _disabled() else "ok"


def _disabled() -> set[str]:
    """The names of the extensions that are switched off; a plugin's own name has a colon and counts for its extension."""
    from jupyter_core.paths import jupyter_config_path

    off: dict[str, bool] = {}
    for folder in reversed(jupyter_config_path()):  # the first folder has the last word
        try:
            page = json.loads((Path(folder) / "labconfig" / "page_config.json").read_text("utf-8"))
            named = page["disabledExtensions"]
            off |= dict.fromkeys(named, True) if isinstance(named, list) else dict(named)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # no such file, or one that JupyterLab cannot read either
    return {name.partition(":")[0] for name, switched in off.items() if switched}
