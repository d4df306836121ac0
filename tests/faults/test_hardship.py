"""Where disk, memory or rights are missing: one message that names it, an intact state, and afterwards the usual end."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from run_elsewhere import HERE, ROOT, python

from labkit.training import checkpoint

KEPT = "warning: the index of {} cannot be kept, so it will be made again: {}; set LABKIT_CACHE to a folder"
# Work, what is missing, how much is there (bytes), the exit status, and each line that is said.
TABLE = [
    ("training", "full disk", 600_000, 1, ["CheckpointError: .*No space left .* The one before is still in place"]),
    ("training", "limit on files", 100_000, 1, ["CheckpointError: .*File too large.* Is the disk full"]),
    ("training", "read-only folder", 0, 1, ["OSError: .*Read-only file system: '.*/run'"]),
    ("training with workers", "small /dev/shm", 1_000_000, 1, ["ReaderDiedError: .*No space left.*workers=0 needs no"]),
    ("indexing", "full disk", 20_000, 0, [KEPT.format(".*", "No space left on device")] * 2),
    ("indexing", "limit on files", 2_000, 0, [KEPT.format(".*", "File too large")] * 2),
    ("indexing", "read-only folder", 0, 0, [KEPT.format(".*", "Read-only file system")]),
    ("frame cache", "full disk", 600_000, 1, ["OSError: 12 videos .* has 1 MB free: take fewer videos"]),
    ("frame cache", "limit on files", 600_000, 1, ["OSError: .*File too large: '.*/frames'"]),
    ("frame cache", "read-only folder", 0, 1, ["OSError: .*Read-only file system; set LABKIT_CACHE"]),
    ("flow cache", "full disk", 600_000, 1, ["OSError: the flow of 12 videos .* has 1 MB free: take fewer videos"]),
    ("flow cache", "limit on files", 60_000, 1, ["OSError: .*File too large: '.*/flow'"]),
    ("flow cache", "read-only folder", 0, 1, ["OSError: .*Read-only file system; set LABKIT_CACHE"]),
    (
        "labkit run",
        "limit on files",
        6_000,
        1,
        ["00_first", "00_first", "labkit: 00_first stopped in cell .*ipynb: File too large"],
    ),
    (
        "labkit run",
        "full disk",
        90_000,
        1,
        ["00_first", "00_first", "labkit: 00_first stopped in .*No space left on device"],
    ),
    ("building the course", "full disk", 2_000_000, 1, ["OSError: .*No space left on device: '.*/plotly.min.js'"]),
    ("labkit run", "read-only folder", 0, 1, ["00_first", "00_first", "labkit: .*/runs: Read-only file system"]),
    ("labkit course", "read-only folder", 0, 1, ["labkit: .*Read-only file system"]),
]
MOUNTED = ("full disk", "read-only folder", "small /dev/shm")


def may_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize(
    ("work", "missing", "size", "status", "lines"), TABLE, ids=[f"{work}: {missing}" for work, missing, *_ in TABLE]
)
def test_what_is_missing_is_said_in_one_message_and_the_work_ends_as_usual_once_it_is_there(
    tmp_path: Path, work: str, missing: str, size: int, status: int, lines: list[str]
):
    if work == "flow cache":
        pytest.importorskip("cv2")
    if missing in MOUNTED and not may_mount():
        pytest.skip("this test mounts a small disk, and this user may not")
    prefix = ("unshare", "--mount") if missing in MOUNTED else ()
    script = HERE / "hardship_trial.py"
    process = python(script, work, missing, tmp_path / "here", size, cache=tmp_path / "cache", prefix=prefix)
    out, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors
    found = json.loads(out)
    assert found["status"] == status, found
    assert len(found["said"]) == len(lines), found["said"]
    assert all(re.match(line, said) for line, said in zip(lines, found["said"], strict=True)), found["said"]
    assert (found["after"], [line for line in found["said_after"] if "rror" in line]) == (0, [])
    assert found["left"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself Ctrl-C on Windows")
def test_ctrl_c_twice_stops_a_training_at_once_and_the_last_checkpoint_is_whole(tmp_path: Path):
    options = {"epochs": 100_000, "workers": 2, "checkpoint_every": 2}
    script = ROOT / "tests" / "training" / "tiny_training.py"
    process = python(script, tmp_path / "run", json.dumps(options), cache=tmp_path / "cache")
    while not (tmp_path / "run" / "checkpoint.safetensors").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGSTOP)  # so that both are there when it looks
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode != 0
    assert errors.strip().splitlines()[-1].startswith(("KeyboardInterrupt", "labkit.training.interrupt.Training"))
    found = checkpoint.load(tmp_path / "run" / "checkpoint.safetensors")
    assert found.about["position"]["updates"] >= 2


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_files_from_the_future_are_gone_on_with_as_any_others(tmp_path: Path):
    options = {"checkpoint_every": 2, "epochs": 2}
    script = ROOT / "tests" / "training" / "tiny_training.py"
    for name, kills in (("whole", [None]), ("set back", [9, None])):
        for kill in kills:
            given = options | ({} if kill is None else {"kill_at": kill})
            process = python(script, tmp_path / name, json.dumps(given), cache=tmp_path / "cache")
            process.communicate(timeout=300)
            assert process.returncode == (0 if kill is None else -signal.SIGKILL)
            for path in (tmp_path / name).iterdir():
                os.utime(path, (4e9, 4e9))  # the year 2096: the clock was set back since
    whole, other = (
        checkpoint.load(tmp_path / name / "checkpoint.safetensors").tensors for name in ("whole", "set back")
    )
    assert all(torch.equal(value, other[key]) for key, value in whole.items())
