"""The doctor on healthy and on broken machines; what is broken is made so for the test."""

import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

import labkit
from labkit import doctor
from labkit.lab_extensions import WIDGETS

NMS = 'raise RuntimeError("operator torchvision::nms does not exist")'


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """Puts a package of this name and content before the installed one, in the doctor's processes."""

    def put(name: str, content: str) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(content)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return put


def test_this_machine_can_run_the_course():
    lines = {line.what: line for line in doctor.examine()}
    assert [*lines] == [*doctor.CHECKS]
    assert {line.what: line.seen for line in lines.values() if line.state == "error"} == {}
    assert all(line.to_do == "" for line in lines.values() if line.state == "ok")


def test_paths_are_short_in_a_checkout_and_below_home(tmp_path, monkeypatch):
    home = tmp_path / "home"
    run = home / "labkit" / "runs" / "1"
    run.mkdir(parents=True)
    (home / "labkit" / "notebooks").mkdir()
    (home / "labkit" / "notebooks" / "course.toml").touch()
    monkeypatch.setattr("pathlib.Path.home", lambda: home)
    monkeypatch.setattr("sys.executable", str(home / "labkit" / ".venv" / "bin" / "python"))
    monkeypatch.setenv("LABKIT_CACHE", str(home / "cache"))
    for place, interpreter in (
        (home / "labkit", Path(".venv/bin/python")),
        (run, Path(".venv/bin/python")),  # where a notebook runs
        (tmp_path, Path("home/labkit/.venv/bin/python")),
        (tmp_path.parent, Path(tmp_path.name, "home/labkit/.venv/bin/python")),
    ):
        monkeypatch.chdir(place)
        assert doctor.python().seen.endswith(f" at {interpreter}")
    monkeypatch.chdir(run)
    assert doctor.cache().seen == str(Path("~/cache"))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    assert doctor.python().seen.endswith(f" at {tmp_path / 'python'}")


def test_torch_and_torchvision_of_two_sources_are_told_apart_with_the_remedy(broken):
    broken("torchvision", NMS)
    line = doctor.torch_pair()
    assert line.state == "error"
    assert "operator torchvision::nms does not exist" in line.seen
    assert "reinstall both from one source" in line.to_do


def test_a_missing_torchvision_says_what_to_install(broken):
    broken("torchvision", "raise ModuleNotFoundError(\"No module named 'torchvision'\")")
    line = doctor.torch_pair()
    assert line.state == "error"
    assert "pip install torch torchvision" in line.to_do


def test_optical_flow_is_looked_for_as_functions(broken):
    """Plain OpenCV over the contrib wheel leaves the module `cv2.optflow` and takes the function away."""
    broken("cv2", "def DISOpticalFlow_create(*_): ...\nclass optflow: ...")
    line = doctor.flow()
    assert line.state == "warning"
    assert "no cv2.optflow.DualTVL1OpticalFlow_create" in line.seen
    assert "leaves notebook 07 out" in line.seen
    assert line.to_do.endswith("pip install --force-reinstall --no-deps opencv-contrib-python-headless")


def test_a_missing_opencv_says_what_to_install(broken):
    broken("cv2", "raise ModuleNotFoundError(\"No module named 'cv2'\")")
    line = doctor.flow()
    assert (line.state, line.to_do) == ("warning", "pip install opencv-contrib-python-headless")


def test_an_opencv_that_fails_otherwise_is_named_with_its_reason(broken):
    broken("cv2", "raise OSError('libGL.so.1 is missing')")
    line = doctor.flow()
    assert line.state == "warning"
    assert "libGL.so.1 is missing" in line.seen


def test_a_torch_that_cannot_be_imported_makes_the_device_unknown(broken):
    broken("torch", "raise ImportError('broken')")
    assert doctor.device().state == "error"


def test_a_gpu_that_torch_does_not_see_is_a_warning(broken, tmp_path, monkeypatch):
    broken(
        "torch", "from types import SimpleNamespace as S\ncuda = S(is_available=lambda: False)\nbackends = S(mps=cuda)"
    )
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    line = doctor.device()
    assert line.state == "warning"
    assert "torch does not see a GPU" in line.seen


def test_a_pyav_without_libx264_is_an_error(broken):
    broken("av", "def open(*a, **k):\n    raise ValueError('unknown codec libx264')")
    line = doctor.codecs()
    assert line.state == "error"
    assert "libx264" in line.seen
    assert "force-reinstall av" in line.to_do


def test_missing_widgets_are_named(monkeypatch):
    monkeypatch.setattr(doctor, "version", lambda name: _absent() if name == "ipywidgets" else "1.0")
    line = doctor.jupyter()
    assert line.state == "error"
    assert line.to_do == "pip install ipywidgets"


def _absent() -> str:
    raise doctor.PackageNotFoundError


def test_an_extension_that_jupyterlab_does_not_find_is_a_warning(monkeypatch, tmp_path):
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *parts: [str(tmp_path)])
    line = doctor.jupyter()
    assert line.state == "warning"
    assert "jupyterlab_widgets" in line.to_do
    assert "plotly" in line.to_do


@pytest.mark.parametrize(
    ("written", "state"),
    [
        ({"disabledExtensions": {WIDGETS: True}}, "warning"),
        ({"disabledExtensions": [f"{WIDGETS}:base-2.0.0"]}, "warning"),
        ({"disabledExtensions": {WIDGETS: False}}, "ok"),
        ({"disabledExtensions": None}, "ok"),
        ([], "ok"),
    ],
)
def test_an_extension_that_is_switched_off_is_a_warning_with_the_way_on(monkeypatch, tmp_path, written, state):
    (tmp_path / "labconfig").mkdir()
    (tmp_path / "labconfig" / "page_config.json").write_text(json.dumps(written))
    monkeypatch.setattr("jupyter_core.paths.jupyter_config_path", lambda: [str(tmp_path), "/nowhere"])
    line = doctor.jupyter()
    assert line.state == state
    assert ("switched off" in line.seen) == (state == "warning")
    assert line.to_do.endswith(f"jupyter labextension enable {WIDGETS}" if state == "warning" else "")


def test_a_kernel_of_another_python_is_a_warning(monkeypatch, tmp_path):
    other = tmp_path / "kernels" / "python3"
    other.mkdir(parents=True)
    (other / "kernel.json").write_text(
        '{"argv": ["/opt/other/bin/python", "-m", "ipykernel_launcher"], "display_name": "x"}'
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    line = doctor.kernel()
    assert line.state == "warning"
    assert "/opt/other/bin/python" in line.seen


def test_a_cache_folder_that_cannot_be_made_says_which_setting_changes_it(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("in the way")
    monkeypatch.setenv("LABKIT_CACHE", str(file / "cache"))
    line = doctor.cache()
    assert line.state == "error"
    assert "LABKIT_CACHE" in line.to_do
    assert doctor.disk().state in ("ok", "warning", "error")


@pytest.mark.parametrize(("free", "state"), [(1e8, "error"), (2e9, "warning"), (5e10, "ok")])
def test_little_disk_is_said(monkeypatch, free, state):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, free))
    assert doctor.disk().state == state


def test_an_old_python_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    assert doctor.python().state == "error"


def test_the_doctor_says_which_labkit_it_is():
    line = doctor.labkit()
    assert labkit.__version__ in line.seen
    assert str(Path(labkit.__file__).parent) in line.seen


@pytest.mark.parametrize(("other", "state"), [("missing", "ok"), ("0.3", "warning")])
def test_a_distribution_of_the_same_import_name_is_a_warning(monkeypatch, other, state):
    monkeypatch.setattr(doctor, "_installed", {"labkit": other}.__getitem__)
    line = doctor.labkit()
    assert line.state == state
    assert ("pip uninstall labkit" in line.to_do) == (state == "warning")


def test_a_check_that_breaks_is_itself_a_line(monkeypatch):
    monkeypatch.setattr(doctor, "CHECKS", {"odd": lambda: 1 / 0})
    (line,) = doctor.examine()
    assert (line.what, line.state) == ("odd", "error")
    assert "ZeroDivisionError" in line.seen


@pytest.mark.slow
def test_the_command_exits_with_1_and_shows_the_remedy(broken):
    broken("torchvision", NMS)
    done = subprocess.run([sys.executable, "-m", "labkit", "doctor"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "-> they are built for different devices; reinstall both from one source" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.slow
def test_the_command_looks_from_any_folder(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "labkit", "doctor"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stdout
