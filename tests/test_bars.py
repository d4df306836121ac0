"""The progress bar is a widget only where widgets are shown."""

import importlib

import pytest
import tqdm.auto
import tqdm.std

from labkit import bars, front_end
from labkit.lab_extensions import WIDGETS


@pytest.fixture
def bar(monkeypatch):
    """The class that `labkit.bars` takes where JupyterLab's extension is in this state and these variables are set."""

    def take(state, **variables):
        for name in ("VSCODE_PID", "COLAB_RELEASE_TAG", "JPY_SESSION_NAME", "LABKIT_RUN", "NBGRADER_EXECUTION"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(front_end, "extension_state", {WIDGETS: state}.get)
        front_end._widgets.cache_clear()
        return importlib.reload(bars).tqdm

    yield take
    monkeypatch.undo()
    front_end._widgets.cache_clear()
    importlib.reload(bars)


@pytest.mark.parametrize("state", ["missing", "disabled"])
def test_in_a_jupyterlab_without_the_extension_the_bar_is_text(bar, state):
    assert bar(state, JPY_SESSION_NAME="notebook.ipynb") is tqdm.std.tqdm


@pytest.mark.parametrize(
    ("state", "variables"),
    [
        ("ok", {"JPY_SESSION_NAME": "notebook.ipynb"}),
        ("missing", {"JPY_SESSION_NAME": "notebook.ipynb", "VSCODE_PID": "1"}),
        ("missing", {"JPY_SESSION_NAME": "notebook.ipynb", "LABKIT_RUN": "1"}),  # pages leave its bars out
        ("missing", {}),
    ],
)
def test_elsewhere_tqdm_chooses(bar, state, variables):
    assert bar(state, **variables) is tqdm.auto.tqdm
