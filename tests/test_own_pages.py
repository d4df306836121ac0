"""The pages about bringing your own work as they are printed, and the documents' tables name what exists."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
ALIAS = 'labkit() { "$PYTHON" -m labkit "$@"; }\nset -e\n'
unix = pytest.mark.skipif(os.name == "nt", reason="the blocks are for a Unix shell")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)


def bash(text: str, folder: Path) -> str:
    env = {**os.environ, "PYTHON": sys.executable}
    command = ["bash", "-c", ALIAS + text]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_the_network_of_the_page_trains_as_printed(tmp_path):
    code, _, _ = blocks("own_network.md", "python")
    (tmp_path / "a.py").write_text(code, encoding="utf-8")
    done = subprocess.run([sys.executable, "a.py"], cwd=tmp_path, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "head" in done.stdout
    assert "top1" in done.stdout


def test_the_network_of_the_page_gets_a_name(monkeypatch):
    import torch

    from labkit.models import create_model, zoo
    from labkit.models.zoo import baselines

    _, file, row = blocks("own_network.md", "python")
    module = ModuleType("labkit.models.small")
    exec(file, vars(module))
    monkeypatch.setitem(sys.modules, "labkit.models.small", module)
    table = dict(vars(baselines))
    exec(row, table)
    assert table["BASELINES"] == (*baselines.BASELINES, table["SMALL"])
    monkeypatch.setitem(zoo._ENTRIES, "small", table["SMALL"])
    network = create_model("small", num_classes=5, width=4)
    walked = dict(network.walk(torch.zeros(2, *zoo.entry("small").shape)))
    assert tuple(walked) == network.endpoints == ("conv", "relu", "features", "logits")
    assert walked["logits"].shape == (2, 5)
    assert zoo.list_models()[-1] == "small"


@unix
@pytest.mark.slow
def test_the_paper_of_the_page_gets_a_card_in_a_new_folder(tmp_path):
    (listed,), (header,) = blocks("own_paper.md", "bibtex"), blocks("own_paper.md", "text")
    (tmp_path / "list.bib").write_text(listed, encoding="utf-8")
    said = bash("".join(blocks("own_paper.md", "bash")), tmp_path)
    assert "1 paper, 1 card, 0 numbers: 0 errors, 0 warnings" in said
    assert (tmp_path / "summaries" / "wang-2018-non" / "cards" / "en-kim.md").is_file()
    with (ROOT / "summaries" / "hara-2018-retrace" / "results.csv").open(encoding="utf-8") as file:
        assert file.readline() == header


@unix
@pytest.mark.slow
def test_the_notebook_of_the_page_runs_and_has_a_page_in_a_new_folder(tmp_path):
    (begin, measure), (finding,) = blocks("own_notebook.md", "bash"), blocks("own_notebook.md", "toml")
    assert "mean = 0.3" in bash(begin, tmp_path)
    course = tmp_path / "my-course"
    assert (course / "build" / "site" / "notebooks" / "11_camera_motion.html").is_file()
    (course / "docs").mkdir()
    (course / "docs" / "findings.toml").write_text(finding, encoding="utf-8")
    said = bash(measure.replace("--only 11", "--only 11 --seeds 2"), course)
    assert re.search(r"mean-above-quarter +holds +mean > 0\.25", said)
