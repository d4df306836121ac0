import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).with_name("tiny_training.py")


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def train_elsewhere():
    """Train the tiny network in a process of its own; returns the finished process."""

    def train(folder: Path, **options) -> subprocess.CompletedProcess:
        command = [sys.executable, str(SCRIPT), str(folder), json.dumps(options)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=dict(os.environ))

    return train
