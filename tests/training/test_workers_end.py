"""A training that is killed: the processes that read its clips end with it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

SCRIPT = Path(__file__).with_name("tiny_training.py")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_the_readers_of_a_killed_training_end(tmp_path):
    options = {"epochs": 100_000, "workers": 2}
    started = subprocess.Popen([sys.executable, str(SCRIPT), str(tmp_path), json.dumps(options)])
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "history.jsonl").exists():
            assert started.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        children = psutil.Process(started.pid).children(recursive=True)
    finally:
        started.kill()
        started.wait()
    assert len(children) >= 2
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
