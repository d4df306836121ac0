"""`labkit doctor`: whether this machine can run the course, line by line, and the way out where it cannot.

Every check is a function that returns a `Line` and raises nothing. A check that may crash the interpreter or take long
runs in a process of its own.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from labkit import __version__, waiting
from labkit.counting import counted
from labkit.lab_extensions import PLOTLY, WIDGETS, extension_state

OLDEST_PYTHON = (3, 11)
DISK_NEEDED, DISK_WANTED = 0.5e9, 5e9  # bytes: generated data and pages; room for a data set's index and runs
EXTENSIONS = {"jupyterlab_widgets": WIDGETS, "plotly": PLOTLY}  # that draw controls and figures, by package
ONE_SOURCE = "reinstall both from one source: pip install --force-reinstall torch torchvision"


@dataclass(frozen=True)
class Line:
    """The result of one check: its state, the finding, and the way out (empty where all is well)."""

    what: str
    state: Literal["ok", "warning", "error"]
    seen: str
    to_do: str = ""


def examine() -> Iterator[Line]:
    """Run all checks, several at a time, and give their lines in the order of `CHECKS`."""
    with ThreadPoolExecutor() as pool:
        yield from pool.map(_look, CHECKS.items())


def _look(check: tuple[str, Callable[[], Line]]) -> Line:
    """The line of one check, also where the check fails."""
    what, look = check
    try:
        return look()
    except Exception as error:  # the doctor says what it saw
        return Line(what, "error", f"{type(error).__name__}: {error}", "this should not happen; please report it")


def python() -> Line:
    """The interpreter's version."""
    seen = f"{platform.python_version()} at {_short(sys.executable)}"
    if sys.version_info < OLDEST_PYTHON:
        return Line("Python", "error", seen, "install Python 3.11 or newer")
    return Line("Python", "ok", seen)


def labkit() -> Line:
    """This package: its version and its folder. The package index has another project called labkit: a warning."""
    seen = f"{__version__} at {Path(__file__).parent}"
    other = _installed("labkit")
    if other == "missing":
        return Line("labkit", "ok", seen)
    to_do = "pip uninstall labkit, then install labkit-video again: both have a folder called labkit"
    return Line("labkit", "warning", f"{seen}; a distribution called labkit {other} is installed too", to_do)


def torch_pair() -> Line:
    """torch and torchvision, imported in a process of their own: builds from two sources fail at import."""
    done = _python("import torch, torchvision; print(torch.__version__, torchvision.__version__)", seconds=120)
    if done.returncode == 0:
        torch, torchvision = done.stdout.split()[-2:]
        return Line("torch, torchvision", "ok", f"{torch} with {torchvision}")
    lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
    said = lines[-1] if lines else f"the import ended with exit code {done.returncode}"
    seen = f"{said} (torch {_installed('torch')}, torchvision {_installed('torchvision')})"
    if "torchvision::nms" in done.stderr:
        return Line("torch, torchvision", "error", seen, f"they are built for different devices; {ONE_SOURCE}")
    if "No module named" in said:
        return Line("torch, torchvision", "error", seen, "install them: pip install torch torchvision")
    return Line("torch, torchvision", "error", seen, ONE_SOURCE)


def device() -> Line:
    """The device for training. A GPU that torch cannot use gives a warning; a machine without a GPU gives none."""
    program = (
        "import torch; c = torch.cuda.is_available(); m = torch.backends.mps.is_available();"
        "print(torch.cuda.get_device_name(0) if c else 'Apple GPU (mps)' if m else '')"
    )
    done = _python(program, seconds=120)
    if done.returncode != 0:
        return Line("device", "error", "torch cannot be imported", "see the line of torch, torchvision")
    name = done.stdout.strip()
    if name:
        return Line("device", "ok", name)
    cores = os.cpu_count() or 1
    if shutil.which("nvidia-smi"):
        to_do = "install a torch built for this GPU's driver; until then everything runs on the CPU"
        return Line(
            "device",
            "warning",
            f"CPU, {counted(cores, 'core')}; there is an NVIDIA driver, but torch does not see a GPU",
            to_do,
        )
    return Line("device", "ok", f"CPU, {counted(cores, 'core')} (enough for the course)")


def threads() -> Line:
    """The number of torch's threads in this process, and whether they leave the processor to others while they wait."""
    torch = sys.modules.get("torch")
    count = torch.get_num_threads() if torch else os.environ.get("OMP_NUM_THREADS") or "torch's number of"
    seen = f"{count} thread{'' if str(count) == '1' else 's'}"
    settings = ", ".join(f"{name}={os.environ[name]}" for name in waiting.CHOICES if name in os.environ)
    if waiting.STATE == "too late":
        to_do = "restart the kernel and import labkit before torch: beside other programs training may take many times as long"
        return Line(
            "threads", "warning", f"{seen}; torch was loaded before labkit, and they spin while they wait", to_do
        )
    if waiting.STATE == "chosen":
        return Line("threads", "ok", f"{seen}; how they wait is your choice: {settings}")
    return Line("threads", "ok", f"{seen}, which wait briefly and then sleep ({settings})")


def codecs() -> Line:
    """H.264 through PyAV: a few frames are encoded and decoded again."""
    program = """
import io, av, numpy as np
data = io.BytesIO()
with av.open(data, "w", format="mp4") as file:
    stream = file.add_stream("libx264", rate=25)
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    for value in range(4):
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 60 * value, np.uint8), format="rgb24")
        file.mux(stream.encode(frame))
    file.mux(stream.encode())
data.seek(0)
with av.open(data) as file:
    print("decoded", sum(1 for _ in file.decode(video=0)), av.__version__)
"""
    done = _python(program, seconds=60)
    if done.returncode == 0 and "decoded 4" in done.stdout:
        return Line("codecs", "ok", f"H.264 written and read by PyAV {done.stdout.split()[-1]}")
    lines = done.stderr.strip().splitlines()
    said = lines[-1] if lines else f"4 frames written, and read: {done.stdout.strip() or 'nothing'}"
    return Line(
        "codecs", "error", said, "install PyAV's own wheel, which carries libx264: pip install --force-reinstall av"
    )


def jupyter() -> Line:
    """JupyterLab, and the two extensions that draw controls and figures in it."""
    absent = [
        name for name in ("jupyterlab", "ipywidgets", "jupyterlab_widgets", "plotly") if _installed(name) == "missing"
    ]
    if absent:
        return Line("JupyterLab", "error", f"missing: {', '.join(absent)}", f"pip install {' '.join(absent)}")
    seen = (
        f"JupyterLab {_installed('jupyterlab')}, ipywidgets {_installed('ipywidgets')}, plotly {_installed('plotly')}"
    )
    states = {package: extension_state(name) for package, name in EXTENSIONS.items()}
    if lost := [package for package, state in states.items() if state == "missing"]:
        to_do = f"controls or figures would not move in JupyterLab: pip install --force-reinstall {' '.join(lost)}"
        return Line("JupyterLab", "warning", f"{seen}; its extension is missing from {', '.join(lost)}", to_do)
    if off := [package for package, state in states.items() if state == "disabled"]:
        enable = " && ".join(f"jupyter labextension enable {EXTENSIONS[package]}" for package in off)
        to_do = f"controls or figures would not move in JupyterLab: {enable}"
        return Line("JupyterLab", "warning", f"{seen}; the extension of {', '.join(off)} is switched off", to_do)
    return Line("JupyterLab", "ok", seen)


def kernel() -> Line:
    """The kernel that notebooks name, python3, must be this interpreter's."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        command = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        return Line("kernel", "error", "there is no kernel python3", "pip install ipykernel")
    found = shutil.which(command) or command
    # A bare `python` is replaced by this interpreter when the kernel starts.
    if Path(command).name == command or Path(found).resolve() == Path(sys.executable).resolve():
        return Line("kernel", "ok", "python3 is this interpreter")
    to_do = (
        f"notebooks would run without the packages installed here: {sys.executable} -m ipykernel install --sys-prefix"
    )
    return Line("kernel", "warning", f"python3 starts {_short(command)}", to_do)


def cache() -> Line:
    """The cache folder can be made and written."""
    from labkit.cache import cache_folder

    to_do = "set LABKIT_CACHE to a folder you may write"
    try:
        folder = cache_folder()
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"labkit")
    except OSError as error:
        return Line("cache folder", "error", f"{error.filename or ''}: {error.strerror or error}".lstrip(": "), to_do)
    return Line("cache folder", "ok", _short(folder))


def disk() -> Line:
    """Free space where the cache is."""
    from labkit.cache import cache_folder

    try:
        folder = cache_folder()
    except OSError:
        folder = Path.home() if Path.home().exists() else Path(tempfile.gettempdir())
    free = shutil.disk_usage(folder).free
    seen = f"{free / 1e9:.1f} GB free at {_short(folder)}"
    if free < DISK_NEEDED:
        return Line("disk", "error", seen, "make room, or set LABKIT_CACHE to another disk: the course needs 0.5 GB")
    if free < DISK_WANTED:
        return Line("disk", "warning", seen, "enough for the course; a real data set needs more")
    return Line("disk", "ok", seen)


def flow() -> Line:
    """Optical flow from OpenCV, for notebook 07. The functions are looked for: a second OpenCV wheel takes some away."""
    program = """
from labkit.data.flow import METHODS, FlowError, check_opencv
try:
    for method in METHODS:
        check_opencv(method)
except FlowError as error:
    print("lacks", error.to_do, error.reason, sep="\\n")
else:
    import cv2
    print("found", cv2.__version__, sep="\\n")
"""
    done = _python(program, seconds=60)
    said = done.stdout.strip().splitlines()
    if said[:1] == ["found"]:
        return Line("optical flow", "ok", f"DIS and TV-L1 from OpenCV {said[1]}")
    without = "`labkit course` leaves notebook 07 out"
    if said[:1] == ["lacks"]:
        return Line("optical flow", "warning", f"{' '.join(said[2:])}; {without}", said[1])
    why = (done.stderr.strip().splitlines() or [f"the import ended with exit code {done.returncode}"])[-1]
    to_do = "pip install --force-reinstall opencv-contrib-python-headless"
    return Line("optical flow", "warning", f"OpenCV cannot be imported ({why}); {without}", to_do)


def ffmpeg() -> Line:
    """The ffmpeg program. Only some tests of the decoder use it."""
    found = shutil.which("ffmpeg")
    seen = _short(found) if found else "not installed (only tests of the decoder use the program)"
    return Line("ffmpeg", "ok", seen)


CHECKS: dict[str, Callable[[], Line]] = {
    "Python": python,
    "labkit": labkit,
    "torch, torchvision": torch_pair,
    "device": device,
    "threads": threads,
    "codecs": codecs,
    "optical flow": flow,
    "JupyterLab": jupyter,
    "kernel": kernel,
    "disk": disk,
    "cache folder": cache,
    "ffmpeg": ffmpeg,
}


def _python(program: str, *, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a program in this interpreter, in a process of its own. A timeout counts as a failure, and the error says so."""
    command = [sys.executable, "-c", program]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer after {seconds:.0f} s")


def _short(path: str | Path) -> str:
    """A path as one would type it: from the folder one stands in or from its checkout, else from home (`~`), else whole.

    A notebook stands in its run's folder, so the checkout is looked for upwards.
    """
    here = Path.cwd()
    checkouts = (folder for folder in here.parents if (folder / "notebooks" / "course.toml").is_file())
    for start, sign in ((here, ""), (next(checkouts, here), ""), (Path.home(), "~")):
        if start != Path(start.anchor) and Path(path).is_relative_to(start):  # in a container the home may be "/"
            return str(Path(sign) / Path(path).relative_to(start))
    return str(path)


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
