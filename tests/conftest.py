"""What all tests share: where the real clips are, and a cache folder of their own."""

import os
import signal
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # the tests share the cores: torch's threads would wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.pop("COLUMNS", None)  # pytest-xdist sets it for its own lines; labkit would print tables that narrow

REAL = Path(os.environ.get("LABKIT_REAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "real"))


@pytest.fixture(autouse=True, scope="session")
def _own_files(tmp_path_factory):
    """Tests never read or fill the user's cache, and never count in the user's progress."""
    own = {
        "LABKIT_CACHE": tmp_path_factory.mktemp("cache"),
        "LABKIT_PROGRESS": tmp_path_factory.mktemp("progress") / "progress.json",
    }
    before = {name: os.environ.get(name) for name in own}
    os.environ.update({name: str(place) for name, place in own.items()})
    yield
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_is_heard():
    """A shell starts what it puts in the background deaf to Ctrl-C, and its children inherit that: not in these tests."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real clips, labels and weights; the test is skipped, with the reason, where it is absent."""
    if not (REAL / "videos").is_dir():
        pytest.skip(f"the real clips are not at {REAL}; set LABKIT_REAL_DATA to the folder that holds videos/")
    return REAL
