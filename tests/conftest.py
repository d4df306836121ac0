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
def _own_cache(tmp_path_factory):
    """Tests never read or fill the user's cache."""
    before = os.environ.get("LABKIT_CACHE")
    os.environ["LABKIT_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["LABKIT_CACHE"]
    else:
        os.environ["LABKIT_CACHE"] = before


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
