"""Where disk, memory or rights are missing: one message that names it, an intact state, and afterwards the usual end."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from run_elsewhere import HERE, python

KEPT = "warning: the index of {} cannot be kept, so it will be made again: {}; set LABKIT_CACHE to a folder"
# Work, what is missing, how much is there (bytes), the exit status, and each line that is said.
TABLE = [
    ("training", "full disk", 600_000, 1, ["CheckpointError: .*No space left .* The one before is still in place"]),
    ("training", "limit on files", 100_000, 1, ["CheckpointError: .*File too large.* Is the disk full"]),
    ("training", "read-only folder", 0, 1, ["OSError: .*Read-only file system: '.*/run'"]),
    ("training with workers", "small /dev/shm", 1_000_000, 1, ["ReaderDiedError: .*No space left.*workers=0 needs no"]),
    (
        "training with workers",
        "no memory",
        200_000_000,
        1,
        ["ReaderDiedError: .*memory|TooLittleMemoryError: |MemoryError"],
    ),
    ("indexing", "full disk", 60_000, 0, [KEPT.format(".*", "No space left on device")]),
    ("indexing", "limit on files", 2_000, 0, [KEPT.format(".*", "File too large")] * 2),
    ("indexing", "read-only folder", 0, 0, [KEPT.format(".*", "Read-only file system")]),
    ("indexing", "no memory", 300_000, 1, [".*Memory"]),
    ("frame cache", "full disk", 600_000, 1, ["OSError: 12 videos .* has 1 MB free: take fewer videos"]),
    ("frame cache", "limit on files", 600_000, 1, ["OSError: .*File too large: '.*/frames'"]),
    ("frame cache", "read-only folder", 0, 1, ["OSError: .*Read-only file system; set LABKIT_CACHE"]),
    ("frame cache", "no memory", 300_000, 1, [".*Memory"]),
    ("flow cache", "full disk", 600_000, 1, ["OSError: the flow of 12 videos .* has 1 MB free: take fewer videos"]),
    ("flow cache", "limit on files", 60_000, 1, ["OSError: .*File too large: '.*/flow'"]),
    ("flow cache", "read-only folder", 0, 1, ["OSError: .*Read-only file system; set LABKIT_CACHE"]),
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
