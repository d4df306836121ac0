"""`labkit run --tensorboard`: the switch reaches `fit` in the kernel. A small package stands in for TensorBoard's."""

import os
from pathlib import Path

import pytest
from toy_course import write_notebook
from typer.testing import CliRunner

from labkit.cli import app

WRITER = """
import pathlib

class SummaryWriter:
    def __init__(self, folder, **options):
        self.file = pathlib.Path(folder) / "scalars.txt"
        self.file.parent.mkdir(parents=True)

    def add_scalar(self, name, value, global_step):
        with self.file.open("a") as file:
            print(name, global_step, file=file)

    def flush(self): pass
    close = flush
"""
FIT = "fit(tiny_model(), Tiny(12), Tiny(6), epochs=2, batch_size=6, device='cpu', progress=False, name='tiny')"
NOTEBOOK = ["# 07 Toy", "from tiny_training import Tiny, tiny_model\nfrom labkit.training import fit", FIT]


@pytest.fixture
def notebook(tmp_path):
    return write_notebook(tmp_path / "07_toy.ipynb", NOTEBOOK, 'seed: int = 0\nout: str = ""')


@pytest.mark.slow
@pytest.mark.parametrize("switch", [[], ["--tensorboard"]])
def test_the_switch_lets_the_trainings_of_a_notebook_write_boards(tmp_path, notebook, monkeypatch, switch):
    for folder in ("tensorboardX", "tensorboardX-1.0.dist-info"):
        (tmp_path / "packages" / folder).mkdir(parents=True)
    (tmp_path / "packages" / folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tensorboardX\nVersion: 1.0\n"
    )
    (tmp_path / "packages" / "tensorboardX" / "__init__.py").write_text(WRITER)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    tests = Path(__file__).resolve().parents[1] / "training"
    paths = [str(tmp_path / "packages"), str(tests), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    done = CliRunner().invoke(app, ["run", str(notebook), "--folder", str(tmp_path / "run"), *switch])
    assert done.exit_code == 0, done.output
    written = {path.relative_to(tmp_path / "run").as_posix() for path in (tmp_path / "run").rglob("scalars.txt")}
    assert written == ({"tensorboard/tiny-1/tensorboard/scalars.txt"} if switch else set())
    for path in written:
        assert "val/top1 2" in (tmp_path / "run" / path).read_text().splitlines()


def test_without_the_package_the_switch_is_answered_in_one_line_before_anything_starts(tmp_path, notebook, monkeypatch):
    monkeypatch.setattr("labkit.training.board.is_tensorboard_available", lambda: False)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["run", str(notebook), "--tensorboard"])
    assert done.exit_code == 1
    assert "TensorBoard needs the package tensorboard: pip install tensorboard" in " ".join(done.output.split())
    assert not list(tmp_path.glob("runs/*/*"))
    assert not list(tmp_path.glob("runs/*"))
