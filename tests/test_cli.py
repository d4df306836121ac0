"""The command line: quick to answer, one line for an error, exit codes that a script can read."""

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from toy_course import write_course
from typer.testing import CliRunner

from labkit import __version__
from labkit.cli import app
from labkit.cli.app import console
from labkit.course.website.build import Site
from labkit.data.encode import write_video
from labkit.runs.execute import Step
from labkit.survey.publication.problems import plain
from labkit.terminal import run_progress

COMMANDS = [
    "doctor",
    "run",
    "sweep",
    "runs",
    "course",
    "findings",
    "models",
    "model",
    "video",
    "train",
    "evaluate",
    "predict",
    "data",
    "card",
    "papers",
    "group",
]


def labkit(*arguments: object, cwd=None) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "labkit", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def modules_after(statement: str) -> set[str]:
    program = f"import sys; {statement}; print(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


@pytest.mark.parametrize(
    "statement", ["import labkit", "import labkit.cli, labkit.runs, labkit.course, labkit.models, labkit.data"]
)
def test_importing_labkit_loads_no_torch(statement):
    assert not {"torch", "torchvision", "plotly"} & modules_after(statement)


def test_the_command_line_loads_nothing_heavy_until_it_must():
    heavy = {"torch", "pandas", "numpy", "plotly", "papermill", "nbformat", "IPython", "jupyter_client", "av"}
    assert not heavy & modules_after("import labkit.cli")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_listed_and_explains_itself(command):
    assert command in CliRunner().invoke(app, ["--help"]).output
    told = CliRunner().invoke(app, [command, "--help"])
    assert told.exit_code == 0
    # Every command teaches by an example, or is one itself.
    assert f"labkit {command} " in told.output or command in ("doctor", "data", "card", "papers")


WRONG_FOR_A_NETWORK = [  # torch is loaded before they are answered, which takes seconds
    (["model", "resnet18_2d", "--frames", "8"], "resnet18_2d reads single frames"),
    (["model", "two_stream", "--frames", "8"], "two_stream reads two streams of their own lengths"),
    (["model", "resnet18", "-p", "widht=3"], "did you mean 'width'"),
    (["model", "resnet18", "-p", "num_classes=3"], "num_classes is chosen by --classes"),
    (["model", "resnet18", "-p", "clip=3"], "clip is chosen by --frames and --size"),
]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "01_secnd"], "did you mean '01_second'?"),
        (["run", "00", "-p", "sed=3"], "00_first.ipynb has no parameter 'sed'; did you mean 'seed'?"),
        (["run", "00", "-p", "seed=many"], "'seed' takes int, not 'many'"),
        (["run", "00", "-p", "seed"], "name=value"),
        (["course", "--only", "09"], "no notebook of the course starts with '09'"),
        (["course", "09"], "no notebook of the course starts with '09'"),
        (["course", "run", "09"], "no notebook of the course starts with '09'"),
        (["course", "-p", "sed=3"], "the course has no parameter 'sed'; did you mean 'seed'?"),
        (["runs"], "there is no folder"),
        (["models", "vgg*"], "no network fits 'vgg*'"),
        (["models", "resnet19"], "did you mean 'resnet18'?"),
        (["model", "resnet19"], "did you mean 'resnet18'"),
        (["model", "resnet18", "-p", "width=wide"], "width must be a whole number, not 'wide'"),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in WRONG_FOR_A_NETWORK),
    ],
)
def test_what_is_not_there_is_answered_in_one_line_before_any_work(tmp_path, arguments, said):
    done = labkit(*arguments, cwd=write_course(tmp_path))
    assert done.returncode == 2
    assert said in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.strip()]) == 1
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "build").exists()


def test_wrong_usage_exits_with_2():
    assert labkit("run", "--nonsense").returncode == 2
    assert labkit("nonsense").returncode == 2


def test_debug_shows_the_traceback(tmp_path):
    done = labkit("--debug", "run", "nothing", cwd=write_course(tmp_path))
    assert done.returncode != 0
    assert "Traceback" in done.stderr


@pytest.mark.slow
def test_parameters_come_from_a_file_and_the_command_line_goes_before_it(tmp_path):
    project = write_course(tmp_path)
    (project / "given.yaml").write_text("seed: 4\nsizes: [7]\n")
    done = labkit("run", "02", "-f", "given.yaml", "-p", "seed=5", cwd=project)
    assert done.returncode == 0, done.stderr
    folder = done.stdout.splitlines()[-1]
    assert os.path.basename(os.path.dirname(folder)) == "runs"  # noqa: PTH119, PTH120
    table = labkit("runs", cwd=project).stdout
    assert "seed=5 sizes=[7]" in table
    assert "done" in table


@pytest.fixture
def without_opencv(tmp_path, monkeypatch) -> Path:
    """The toy course on a machine without OpenCV; its first two notebooks need optical flow."""
    plan = write_course(tmp_path) / "notebooks" / "course.toml"
    needy = re.sub(r"(file = \"0[01])", r'needs = "flow"\n\1', plan.read_text(encoding="utf-8"))
    plan.write_text(needy, encoding="utf-8")
    monkeypatch.setitem(sys.modules, "cv2", None)
    made = Site(tmp_path / "build" / "site" / "index.html", 1.0, 1)
    monkeypatch.setattr("labkit.course.website.build.write_site", lambda *given: made)
    monkeypatch.setattr("labkit.cli.course._generate_motion", lambda: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_course_leaves_out_what_needs_opencv_says_how_to_get_it_and_ends_well(without_opencv):
    done = CliRunner().invoke(app, ["course"])
    assert done.exit_code == 0, done.output
    for name in ("00_first", "01_second"):
        assert f"{name} is left out: optical flow needs OpenCV" in done.stderr
    assert done.stderr.count("pip install opencv-contrib-python-headless") == 2
    assert [path.name for path in (without_opencv / "build" / "runs").iterdir()] == ["02_third"]
    assert done.stdout == f"{without_opencv / 'build' / 'site' / 'index.html'}\n"


def test_a_course_of_nothing_but_what_needs_opencv_fails_in_one_line(without_opencv):
    done = CliRunner().invoke(app, ["course", "--only", "00"])
    assert done.exit_code == 1
    assert "optical flow needs OpenCV" in done.stderr
    assert not (without_opencv / "build").exists()


@pytest.mark.slow
def test_a_failed_run_exits_with_1_and_one_line(tmp_path):
    project = write_course(tmp_path)
    done = labkit("run", "01", cwd=project)
    assert done.returncode == 1
    assert "labkit: 01_second failed in cell [4] at `whole / 0`: ZeroDivisionError: division by zero" in done.stderr
    assert "Traceback" not in done.stderr
    assert (Path(done.stdout.splitlines()[-1]) / "run.json").is_file()
    assert "failed" in labkit("runs", cwd=project).stdout


def test_the_parameters_of_a_notebook_can_be_asked_for(tmp_path):
    shown = labkit("run", "00", "--parameters", cwd=write_course(tmp_path)).stdout
    assert "start of every random choice" in shown
    assert "Literal['fast', 'slow']" in shown


def test_a_file_that_is_no_video_is_one_line(tmp_path):
    path = tmp_path / "text.mp4"
    path.write_text("not a video")
    done = labkit("video", path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"labkit: {path}: not a readable video file")
    assert len(done.stderr.splitlines()) == 1


def test_an_error_of_the_system_names_the_file_first(tmp_path):
    done = labkit("run", "00", "-f", "none.yaml", cwd=write_course(tmp_path))
    assert (done.returncode, done.stderr) == (2, "labkit: none.yaml: No such file or directory\n")


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a child")
def test_ctrl_c_is_one_line_and_leaves_nothing_half_made(tmp_path):
    command = [sys.executable, "-m", "labkit", "data", "motion", "--root", str(tmp_path / "motion")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "video/s" not in process.stderr.read(1) + process.stderr.readline(60):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "labkit: stopped"
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_zoo_is_listed_with_costs_and_published_accuracies_and_their_tables():
    done = labkit("models", "resnet[13]*")
    assert done.returncode == 0
    assert done.stderr == ""  # no bar where nobody sees it move
    lines = done.stdout.splitlines()
    row = next(line for line in lines if line.startswith("resnet18 "))
    assert row.split() == ["resnet18", "16×112²", "33.24", "8.30", "54.2", "%", "[1]", "hara-2018-retrace"]
    assert "%" not in next(line for line in lines if line.startswith("resnet10 "))  # no paper kept here prints one
    assert lines[-1] == "[1] top-1, Kinetics-400, RGB: Hara et al. 2018, Table 2, validation"


def test_a_network_is_shown_by_layer_and_by_endpoint():
    done = labkit("model", "resnet18", "--batch", "32")
    assert done.returncode == 0, done.stderr
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert max(map(len, lines)) <= 100
    rows = {line.split()[0]: line.split()[1:] for line in lines if line}
    assert rows["conv1"] == ["Conv3d", "64×16×56²", "65,856", "3,304.39", "77.1", "7×7²"]
    assert rows["layer2"] == ["128×4×14²", "53×99²", "4×8²"]
    assert "33,235,280 parameters, 8,296,275,968 multiply-accumulates for one (3, 16, 112, 112)" in lines
    assert "training keeps 1.60 GB of activations for a batch of 32," in lines


@pytest.mark.slow
def test_what_a_network_reads_can_be_chosen_and_its_layers_left_out():
    settings = ["-p", "width=8", "-p", "in_channels=2", "--classes", 5, "--frames", 8, "--size", 56, "--no-layers"]
    shown = labkit("model", "resnet18", *settings).stdout
    assert "resnet18 reads 8×56² and tells 5 classes apart" in shown
    assert "for one (2, 8, 56, 56)" in shown
    assert "BatchNorm3d" not in shown


@pytest.mark.slow
def test_a_network_made_for_one_size_is_made_for_the_size_asked_about():
    shown = labkit("model", "c3d", "-p", "width=8", "--size", 32, "--no-layers").stdout
    assert "c3d reads 16×32² and tells 400 classes apart" in shown


@pytest.mark.slow
def test_a_parameter_may_be_true_or_false():
    settings = ["i3d", "-p", "width=8", "--frames", 8, "--size", 32, "--no-layers"]
    with_scale, without = (labkit("model", *settings, "-p", f"scale={scale}").stdout for scale in (True, False))
    assert "252,384 parameters" in with_scale
    assert "251,474 parameters" in without


@pytest.mark.slow
def test_a_network_of_two_streams_shows_what_both_see():
    shown = labkit("model", "two_stream", "--size", 64, "-p", "width=8", "--no-layers").stdout
    assert "two_stream reads 1×64² + 10×64²" in shown
    last = next(line for line in shown.splitlines() if line.startswith("logits"))
    assert re.search(r"1×\d+² \+ 10×\d+²", last)


def test_the_version_is_shown():
    done = labkit("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{__version__}\n", "")


ODD_FILES = {
    "a number as a name": (b"1: 2\n", "1 cannot be the name of a parameter"),
    "a yes as a name": (b"yes: 2\n", "True cannot be the name of a parameter"),
    "utf-16": ("seed: 2\n".encode("utf-16"), "not UTF-8"),
    "a bomb": (b"a: &a [x, x]\n" + b"".join(b"b%d: &b%d [%s]\n" % (n, n, b"*a, " * 9000) for n in range(9)), "nested"),
    "a deep one": (b"[" * 400_000 + b"]" * 400_000, "nested"),
    "one name twice": (b"seed: 1\nseed: 2\n", "key 'seed' twice"),
    "a list": (b"- 1\n", "holds a list of 1: choose one with --index, from 0 to 0"),
}


@pytest.mark.parametrize("name", ODD_FILES)
def test_an_odd_file_of_parameters_is_one_line_with_its_name(tmp_path, name):
    data, said = ODD_FILES[name]
    (tmp_path / "given.yaml").write_bytes(data)
    done = labkit("run", "02", "-f", "given.yaml", cwd=write_course(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("labkit: given.yaml")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_of_parameters_may_have_a_byte_order_mark(tmp_path):
    (tmp_path / "given.yaml").write_bytes(b"\xef\xbb\xbfsed: 2\n")
    done = labkit("run", "02", "-f", "given.yaml", cwd=write_course(tmp_path))
    assert "did you mean 'seed'?" in done.stderr


def test_an_odd_run_is_one_line_and_the_others_are_shown(tmp_path):
    for name, text in {"odd\x1b[2J": "{", "whole": '{"status": "done"}'}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text)
    done = labkit("runs", tmp_path)
    assert done.returncode == 0
    assert "whole" in done.stdout
    assert done.stderr.startswith("labkit: warning: a run is left out: ")
    assert len(done.stderr.splitlines()) == 1
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize(("columns", "wide"), [("60", 60), (None, 200), ("", 200), ("0", 200), ("many", 200)])
def test_a_pipe_gets_lines_as_wide_as_columns_says_or_else_200(monkeypatch, columns, wide):
    if columns is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert console().width == wide


def test_progress_takes_names_and_headings_as_they_are():
    screen = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    with run_progress(screen) as progress:
        progress.start("05 [/b] a\x1b]0;title\x07")
        progress.step(Step(1, 3, "Results [/x] of [bold]all[/]\x1b[2J"))
        progress._progress.refresh()
    shown = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "Results [/x] of [bold]all[/]\\x1b[2J" in shown
    assert "05 [/b] a\\x1b]0;title\\x07: 0 s" in shown


def test_progress_in_a_log_takes_names_as_they_are():
    log = Console(file=io.StringIO(), width=120)
    with run_progress(log) as progress:
        progress.start("05 [/b] [red]a")
    assert log.file.getvalue() == "05 [/b] [red]a ...\n05 [/b] [red]a: 0 s\n"  # type: ignore[attr-defined]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_never_steers_the_terminal_in_a_warning_or_a_table(tmp_path):
    folder = tmp_path / "train" / "wave"
    folder.mkdir(parents=True)
    for number in range(2):
        write_video(folder / f"{number}.mp4", np.zeros((4, 32, 32, 3), np.uint8))
    (folder / "e\x1b]0;owned\x07.mp4").touch()
    done = labkit("data", "check", "folder", tmp_path)
    assert done.returncode == 1
    assert "\\x1b]0;owned\\x07.mp4" in done.stderr
    assert not {"\x1b", "\x07"} & {*done.stderr, *done.stdout}


def test_what_cannot_be_printed_is_written_out():
    assert plain("caf\udce9 \x1b[2J \u202etxt") == "caf\\xdce9 \\x1b[2J \\x202etxt"


def test_a_warning_is_one_line_without_code(tmp_path):
    folder = tmp_path / "train" / "wave"
    folder.mkdir(parents=True)
    for number in range(2):
        write_video(folder / f"{number}.mp4", np.zeros((4, 32, 32, 3), np.uint8))
    (folder / "empty.mp4").touch()
    done = labkit("data", "check", "folder", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("labkit: warning: 1 of 3 videos cannot be read; the first is")
    assert len(done.stderr.splitlines()) == 1


def test_what_was_passed_over_is_listed_and_no_fault(tmp_path):
    write_video(tmp_path / "wave" / "1.mp4", np.zeros((4, 32, 32, 3), np.uint8))
    (tmp_path / "wave" / "1.jpg").touch()
    done = labkit("data", "check", "folder", tmp_path)
    assert done.returncode == 0
    assert "passed over, since they are not videos: 1 file or folder" in done.stdout
    assert "a picture" in done.stdout


def test_the_flow_of_a_folder_is_computed_once_and_a_video_without_it_shows_in_the_exit_code(tmp_path, monkeypatch):
    pytest.importorskip("cv2")
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "set" / "train" / "wave"
    folder.mkdir(parents=True)
    for number in range(3):
        write_video(folder / f"{number}.mp4", np.full((4, 32, 32, 3), 60 * number, np.uint8))
    command = ("data", "flow", "folder", tmp_path / "set", "--bound", 4)
    first = labkit(*command)
    assert first.returncode == 0
    assert first.stdout.splitlines() == [
        "folder train: flow of 3 videos (dis, up to ±4 pixels)",
        f"0.0 MB in {tmp_path / 'cache' / 'flow'}",
    ]
    made = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache" / "flow").iterdir()}
    (folder / "empty.mp4").touch()
    again = labkit(*command)
    assert (again.returncode, again.stdout) == (1, first.stdout)
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "cache" / "flow").iterdir()} == made


def test_an_unknown_flow_method_is_answered_with_the_nearest(tmp_path):
    done = labkit("data", "flow", "folder", tmp_path, "--method", "tvl")
    assert done.returncode == 2
    assert done.stderr == "labkit: unknown flow method 'tvl'; did you mean 'tvl1'?\n"


def test_a_network_of_two_streams_is_shown_with_another_stack():
    done = labkit("model", "fused_two_stream", "-p", "stack=4", "-p", "width=8", "--size", 32, "--no-layers")
    assert done.returncode == 0
    assert "fused_two_stream reads 5×32² + 20×32² and tells" in done.stdout
    wrong = labkit("model", "fused_two_stream", "-p", "stack=0", "--size", 32)
    assert wrong.stderr == "labkit: stack must be at least 1, not 0\n"
