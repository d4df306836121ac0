"""The kernel for a notebook: this interpreter, unless the user names another kernel."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.names import meant_or_all
from labkit.runs.notebook import NotebookError

if TYPE_CHECKING:
    from jupyter_client.kernelspec import KernelSpec

USUAL = "python3"  # the name that Jupyter gives the kernel of its own interpreter


@dataclass(frozen=True)
class Kernel:
    """The kernel to start, and a note for the reader of the notebook; the note may be empty."""

    name: str
    spec: "KernelSpec"
    said: str = ""


def choose_kernel(metadata: Mapping[str, Any], notebook: str, name: str | None = None) -> Kernel:
    """The kernel with this name; without a name, this interpreter's. `metadata` and the name `notebook` are the notebook's.

    Raises `NotebookError` for a kernel that is not installed, with the nearest name, and for a language other than Python.
    """
    if name:
        return Kernel(name, _installed(name))
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec

    saved, language = _saved(metadata)
    if language and language.lower() not in ("python", "ipython"):
        raise NotebookError(f"{notebook} is written in {language}; labkit runs Python")
    spec = KernelSpec(**get_kernel_dict())  # Jupyter's python3 may be another interpreter, without labkit
    if saved == USUAL:
        return Kernel(USUAL, spec)
    how = f"with the kernel {saved!r}" if saved else "without a kernel"
    said = f"{notebook} was saved {how}: it runs on this interpreter, {sys.executable} (--kernel names another)"
    return Kernel(USUAL, spec, said)


def _saved(metadata: Mapping[str, Any]) -> tuple[str, str]:
    """The names of the kernel and the language that a notebook was saved with; empty if it has none."""
    parts = [metadata.get(key) for key in ("kernelspec", "language_info")]
    spec, about = (part if isinstance(part, dict) else {} for part in parts)
    return str(spec.get("name") or ""), str(about.get("name") or spec.get("language") or "")


def _installed(name: str) -> "KernelSpec":
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    manager = KernelSpecManager()
    try:
        spec = manager.get_kernel_spec(name)
    except (NoSuchKernel, ValueError):
        known = [*manager.find_kernel_specs()]
        raise NotebookError(f"there is no kernel {name!r}{meant_or_all(name, known)}") from None
    if spec.language.lower() != "python":
        raise NotebookError(f"the kernel {name!r} runs {spec.language}; labkit runs Python")
    return spec
