"""The pages about bringing your own work as they are printed, and the documents' tables name what exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.mark.slow
def test_the_network_of_the_page_trains_as_printed(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "own_network.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "a.py").write_text(code, encoding="utf-8")
    done = subprocess.run([sys.executable, "a.py"], cwd=tmp_path, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "head" in done.stdout
    assert "top1" in done.stdout


def test_every_exercise_at_the_end_of_a_notebook_has_an_answer():
    import nbformat

    from labkit.course.plan import read_plan

    text = (DOCS / "answers.md").read_text(encoding="utf-8")
    answers = {part[:2]: len(re.findall(r"^\d+\. ", part, re.MULTILINE)) for part in text.split("\n## ")[1:]}
    asked = {}
    for lesson in read_plan().lessons:
        cells = nbformat.read(lesson.path, as_version=4).cells
        (listed,) = [cell.source for cell in cells if cell.source.startswith("## Exercises")]
        asked[lesson.number] = len(re.findall(r"^\d+\. ", listed, re.MULTILINE))
    assert answers == asked
