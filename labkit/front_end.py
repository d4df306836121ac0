"""Who looks at what the kernel shows: nobody (papermill, nbgrader, a script), or a front end, with widgets or without."""

import os
from functools import cache

from labkit.lab_extensions import WIDGETS, State, extension_state


def has_front_end() -> bool:
    """Whether a front end shows widgets. Under papermill and nbgrader there is none, and dead controls would be saved."""
    if any(name in os.environ for name in ("LABKIT_RUN", "NBGRADER_EXECUTION")):
        return False
    return any(name in os.environ for name in ("JPY_SESSION_NAME", "VSCODE_PID", "COLAB_RELEASE_TAG"))


def lacks_extension() -> State | None:
    """What is wrong with JupyterLab's extension for widgets; None where all is well or another front end is there."""
    others = any(name in os.environ for name in ("VSCODE_PID", "COLAB_RELEASE_TAG"))  # these need no extension
    if others or not has_front_end() or (state := _widgets()) == "ok":
        return None
    return state


@cache
def _widgets() -> State:
    return extension_state(WIDGETS)
