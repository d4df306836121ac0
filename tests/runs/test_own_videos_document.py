"""Every command of docs/own_videos.md is run, from top to bottom, on videos as phones leave them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from phone import MOVES, film, phone_folder, write_phone

from labkit.records import Predictions

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "own_videos.md").read_text(encoding="utf-8")
ALIAS = 'labkit() { "$PYTHON" -m labkit "$@"; }\nset -e\n'


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the blocks are for a Unix shell")
def test_three_folders_of_phone_videos_become_a_network_that_names_them(tmp_path):
    phone_folder(tmp_path / "my videos", videos=5, seconds=2.0)
    three = np.concatenate([film(move, seed=40, count=90, fps=30) for move in MOVES])
    write_phone(tmp_path / "new video.MOV", three, 30, True)
    # The same commands with a training of seconds.
    script = (
        "".join(blocks("bash"))
        .replace("--cached --out net", "--cached --updates 6 --out net")
        .replace("width=16", "width=4")
    )
    env = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run(
        ["bash", "-c", ALIAS + script], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "rotation     90" in done.stdout
    assert "new video.MOV: 0:09.0" in done.stdout
    assert (tmp_path / "predictions" / "new_video.csv").read_text() == (
        tmp_path / "again" / "new_video.csv"
    ).read_text()
    assert len(Predictions.load(tmp_path / "net" / "predictions-video.parquet").videos) == 3
    (code,) = blocks("python")
    told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "resnet18" in told
    assert all(move in told for move in MOVES)


def test_the_page_shows_the_folders_that_the_test_makes():
    (tree,) = blocks("text")
    assert re.findall(r"^  (\S.*)/$", tree, flags=re.MULTILINE) == list(MOVES)
