"""The origin of a number, so that it can be trusted later: versions, hardware, and the commit of the code."""

import json
import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "torchvision", "av", "numpy", "pandas", "accelerate", "plotly", "papermill")

GIVEN = "LABKIT_PROVENANCE"  # in the environment: what a sweep has looked up once for its runs


def collect(folder: Path) -> dict[str, Any]:
    """`versions`, `hardware` and `code` of the notebook in `folder`, as far as the sweep that started this run has not."""
    given = json.loads(os.environ.pop(GIVEN, "{}"))  # for this run alone, not for others that its notebook may start
    found = {"versions": versions, "hardware": hardware, "code": lambda: code(folder)}
    return {name: given[name] if name in given else look() for name, look in found.items()}


def versions() -> dict[str, str]:
    """The versions of Python, labkit and the packages it computes with. Nothing is imported: installed metadata are read."""
    from labkit import __version__

    found = {"python": platform.python_version(), "labkit": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def hardware() -> dict[str, Any]:
    """This machine: system, processor, cores that this process may use, memory in GB, NVIDIA GPUs."""
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": cores,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "gpus": _gpus(),
    }


def code(folder: Path) -> dict[str, Any]:
    """The commit of `folder`, and whether tracked files differ from it. Both are None outside git."""
    commit = _output("git", "-C", str(folder), "rev-parse", "HEAD")
    if not commit:
        return {"commit": None, "dirty": None}
    changes = _output("git", "-C", str(folder), "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": bool(changes)}


def _processor() -> str:
    """The processor's model name; Linux keeps it in a file, elsewhere the platform knows."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _gpus() -> list[str]:
    """Names of the NVIDIA GPUs, asked of the driver so that torch need not be loaded."""
    listing = _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    if listing:
        return listing.splitlines()
    return ["Apple GPU"] if sys.platform == "darwin" and platform.machine() == "arm64" else []


def _output(*command: str) -> str:
    """The output of a command; empty if it is missing, fails or takes too long."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
