"""Work that is killed at random moments loses what it did since it last saved, and ends as if it had not been killed."""

import json
import os
from pathlib import Path

import pytest
from kills_trial import SUBJECTS
from run_elsewhere import HERE, python

MOMENTS = 3  # the script of the report takes fifty


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("subject", list(SUBJECTS))
def test_work_killed_at_random_moments_ends_as_if_it_had_not_been(tmp_path: Path, subject: str):
    if subject == "flow cache":
        pytest.importorskip("cv2")
    process = python(
        HERE / "kills_trial.py", subject, MOMENTS, os.getpid(), tmp_path / "work", cache=tmp_path / "cache"
    )
    out, messages = process.communicate(timeout=500)
    assert process.returncode == 0, messages
    assert json.loads(out)["kills"] == MOMENTS
