"""Runs code of labkit in a process that may die, without harm to the tests."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MODULES = (ROOT, HERE, ROOT / "tests" / "training", ROOT / "tests")


def environment(cache: Path, *first: Path) -> dict[str, str]:
    """The variables of such a process: its own cache folder, one thread, and these folders first on Python's path."""
    path = os.pathsep.join([*map(str, (*first, *MODULES)), os.environ.get("PYTHONPATH", "")])
    return {
        **os.environ,
        "PYTHONPATH": path,
        "LABKIT_CACHE": str(cache),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "always",
    }


def python(
    script: Path | str,
    *arguments: object,
    cache: Path,
    first: tuple[Path, ...] = (),
    prefix: tuple[str, ...] = (),
    **options,
) -> subprocess.Popen:
    """Start a script with these arguments, after the command `prefix` if there is one."""
    command = [*prefix, sys.executable, str(script), *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment(cache, *first), **{**pipes, **options})
