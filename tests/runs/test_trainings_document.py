"""The blocks of the documents that show trainings: a sweep and its dashboard, and curves that grow."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from toy_course import write_notebook

DOCS = Path(__file__).resolve().parents[2] / "docs"
TRAINS = """
from labkit.records import History
for clips, gap in ((40, 0.6), (2000, 0.1)):
    row = {"run": f"{clips} clips, seed {seed}", "epoch": 1, "level": "clip", "loss": 1.0, "clips": clips}
    both = (("train", 1.0), ("val", 1.0 - gap - seed / 100))
    History.append(f"{out}/history.jsonl", [{**row, "split": split, "top1": top1} for split, top1 in both])
"""


def blocks(page: str, heading: str) -> list[tuple[str, str]]:
    section = (DOCS / page).read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"```(\w+)\n(.*?)```", section, flags=re.DOTALL)


def words_of(text: str, project: Path) -> str:
    """The words of what the last line of a block shows."""
    *lines, last = text.strip().splitlines()
    script = "\n".join([*lines, f"print(({last.partition('  #')[0]})._repr_mimebundle_()['text/plain'])"])
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the block is for a Unix shell")
def test_the_dashboard_of_a_sweep_shows_the_gap_over_the_size_of_the_set(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "course.toml").write_text("")
    parameters = 'seed: int = 0  # a seed\nout: str = ""  # folder'
    write_notebook(tmp_path / "notebooks" / "05_overfitting_curves.ipynb", ["# 05 Toy", TRAINS], parameters)
    (_, shell), (_, python) = blocks("sweeps.md", "The gap, epoch by epoch")
    command = ["bash", "-ec", 'labkit() { "$PYTHON" -m labkit "$@"; }\n' + shell]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHON": sys.executable}, capture_output=True, check=True)
    said = words_of(python, tmp_path)
    assert "largest at training clips 40: 61 points (95 % interval 59 to 63, 3 trainings)" in said
    assert "smallest at training clips 2,000: 11 points" in said


def test_curves_of_a_training_that_has_not_begun_wait_for_it(tmp_path):
    ((_, python),) = blocks("runs.md", "While a training runs")
    assert words_of(python, tmp_path).startswith("No epoch has ended yet.")
