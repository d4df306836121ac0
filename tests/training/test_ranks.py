"""One training in several processes (gloo, on a CPU): what one process gives, one folder, and one end for all.

Starting processes takes seconds, so each start here answers several questions.
"""

import io
import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import psutil
import pytest
import tiny_training
from tiny_training import Tiny, freeze_norms, tiny_model

from labkit.records import History
from labkit.training import evaluate, fit, launch
from labkit.training.checkpoint import load
from labkit.training.launch import LaunchError, _Shown
from labkit.training.update import Update

SCRIPT = Path(tiny_training.__file__)
QUIET = {"batch_size": 4, "lr": 0.02, "device": "cpu", "progress": False}
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="torchrun and gloo are tried on Linux and macOS alone")


def torchrun(processes: int, folder: Path, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    command += [str(SCRIPT), str(folder), json.dumps(options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=dict(os.environ))


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.slow
def test_several_processes_give_the_losses_of_one_and_only_the_first_touches_the_folder(
    tmp_path, monkeypatch, processes
):
    report, folder = tmp_path / "report", tmp_path / "run"
    report.mkdir()
    # Ten clips in batches of four: the last batch has two, of three processes one gets none.
    options = {"clips": 10, "updates": 40, "epochs": None, "frozen": True, "dropout": 0.0, **QUIET}
    done = torchrun(processes, folder, report=str(report), **options)
    assert done.returncode == 0, done.stderr
    model = freeze_norms(tiny_model(dropout=0.0))
    monkeypatch.setattr(Update, "__call__", Update.__call__)  # set back afterwards
    alone = tiny_training.losses_of_updates()
    history = fit(model, Tiny(10), Tiny(12, seed=1, sampling="centre"), updates=40, **QUIET).table

    several = [json.loads((report / f"{rank}.json").read_text()) for rank in range(processes)]
    sums = np.sum([each["losses"] for each in several], axis=0)
    one = np.array(alone)
    assert sums[:, 1].tolist() == one[:, 1].tolist() == ([4, 4, 2] * 14)[:40]
    losses, expected = sums[:, 0] / sums[:, 1], one[:, 0] / one[:, 1]
    assert np.abs(losses - expected).max() < 1e-4 * expected[0]

    table = History.read(folder / "history.jsonl").table
    assert table["clips"].tolist() == history["clips"].tolist()
    for column in ("loss", "top1", "live_loss"):
        assert table[column].to_numpy() == pytest.approx(history[column].to_numpy(), abs=1e-4, nan_ok=True)

    assert [len(each["touched"]) > 0 for each in several] == [True] + [False] * (processes - 1)
    found = evaluate(model, Tiny(7, sampling="windows"), batch_size=3, device="cpu", progress=False)
    for each in several:
        assert tuple(each["videos"]) == found.videos
        assert np.array(each["scores"]) == pytest.approx(found.scores, abs=1e-3)


@pytest.mark.slow
def test_ctrl_c_in_one_process_stops_all_at_one_update_and_another_number_of_processes_goes_on(tmp_path):
    done = torchrun(2, tmp_path, interrupt_at=9, signalled=1, checkpoint_every=100)
    assert done.returncode == 1
    assert "TrainingInterrupted: run: stopped in epoch 2 of 4, after update 9." in done.stderr
    assert load(tmp_path / "checkpoint.safetensors").about["position"]["updates"] == 9
    options = {"epochs": 4, "batch_size": 6, "lr": 0.05, "device": "cpu", "progress": False}
    with pytest.warns(UserWarning, match=r"not bit for bit .*processes 2 then and 1 now"):
        fit(tiny_model(), Tiny(43), Tiny(12, seed=1, sampling="centre"), folder=tmp_path, **options)
    table = History.read(tmp_path / "history.jsonl").table
    assert table.loc[table["split"] == "train", "clips"].tolist() == [43] * 4  # those before the stop too
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a run that is over says nothing to the number it was finished with
        fit(tiny_model(), Tiny(43), Tiny(12, seed=1, sampling="centre"), folder=tmp_path, **options)


@pytest.mark.slow
def test_a_killed_process_ends_the_run_with_one_message_and_the_next_launch_goes_on(tmp_path, capfd):
    options = {"checkpoint_every": 2, "progress": True}
    with pytest.raises(LaunchError) as caught:
        launch(SCRIPT, str(tmp_path), json.dumps({**options, "kill_at": 10, "signalled": 1}), processes=2)
    assert str(caught.value) == (
        "process 1 of 2 was ended by SIGKILL (did the memory run out?). Its last checkpoint stands: "
        "launch the same again to go on from there"
    )
    shown = capfd.readouterr()
    assert "Traceback" not in shown.err
    assert load(tmp_path / "checkpoint.safetensors").about["position"]["updates"] in (6, 8)
    launch(SCRIPT, str(tmp_path), json.dumps(options), processes=2)
    shown = capfd.readouterr()
    assert "run: resumed after update" in shown.out + shown.err
    assert "clip/s" in shown.err
    assert shown.out.count("rows") == 1  # the second process's words are not shown
    table = History.read(tmp_path / "history.jsonl").table
    assert table.loc[table["split"] == "train", "clips"].tolist() == [43] * 4


@pytest.mark.slow
def test_an_error_of_the_script_is_the_message_of_the_launch(tmp_path, capfd):
    with pytest.raises(LaunchError, match="process 0 of 1 failed: ValueError: epochs must be at least 1, not 0"):
        launch(SCRIPT, str(tmp_path), json.dumps({"epochs": 0}), processes=1)
    assert "tiny_training.py" in capfd.readouterr().err  # where it happened


@pytest.mark.slow
def test_the_stop_button_ends_a_launch_with_its_one_line(tmp_path):
    script = tmp_path / "notebook.py"
    script.write_text(
        "import sys, threading, time, os, signal\n"
        "from pathlib import Path\n"
        "from labkit.training import launch\n"
        "def stop():\n"
        f"    while not Path({str(tmp_path / 'run' / 'history.jsonl')!r}).exists(): time.sleep(0.05)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=stop, daemon=True).start()\n"
        f"launch({str(SCRIPT)!r}, {str(tmp_path / 'run')!r}, sys.argv[1], processes=2)\n"
    )
    options = json.dumps({"epochs": 100_000})
    done = subprocess.run(
        [sys.executable, str(script), options], capture_output=True, text=True, timeout=300, check=False
    )
    assert "KeyboardInterrupt: TrainingInterrupted: run: stopped in epoch" in done.stderr
    assert load(tmp_path / "run" / "checkpoint.safetensors").about["position"]["updates"] > 0


def test_a_launch_is_refused_before_anything_starts():
    with pytest.raises(ValueError, match="processes must be at least 1, not 0"):
        launch(SCRIPT, processes=0)
    with pytest.raises(FileNotFoundError, match=r"no script at nowhere\.py"):
        launch("nowhere.py", processes=2)


@pytest.mark.slow
def test_the_processes_of_a_launch_end_with_the_one_that_launched_them(tmp_path):
    script = tmp_path / "notebook.py"
    arguments = f"{str(SCRIPT)!r}, {str(tmp_path / 'run')!r}, sys.argv[1], processes=2"
    script.write_text(f"import sys\nfrom labkit.training import launch\nlaunch({arguments})\n")
    started = subprocess.Popen([sys.executable, str(script), json.dumps({"epochs": 100_000})])
    try:
        while not (tmp_path / "run" / "history.jsonl").exists():
            assert started.poll() is None
            time.sleep(0.1)
        children = psutil.Process(started.pid).children(recursive=True)
    finally:
        started.kill()
        started.wait()
    assert len(children) >= 3  # torchrun and the two processes
    _, alive = psutil.wait_procs(children, timeout=120)
    assert alive == []


def test_a_traceback_is_shown_only_if_the_run_goes_on_after_it(tmp_path):
    file, to = tmp_path / "stderr.log", io.StringIO()
    shown = _Shown(to)

    def write(text):
        with file.open("a", encoding="utf-8") as opened:
            opened.write(text)
        shown.go_on(file)
        return to.getvalue()

    assert write("run: 10%\r") == "run: 10%\r"
    assert write("[rank0]: Traceback (most recent call last):\n") == "run: 10%\r"
    assert write("ValueError: this is logged, and é") == "run: 10%\r"
    assert write("\n\rrun: 20%").endswith("ValueError: this is logged, and é\n\rrun: 20%")
    before = to.getvalue()
    assert write("Traceback (most recent call last):\nKeyError: 1\n") == before
    shown.end()
    assert to.getvalue().endswith("KeyError: 1\n")
