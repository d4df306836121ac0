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
