"""Which kernel a notebook runs on: this interpreter, whatever the notebook was saved with, unless one is named."""

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
    """The kernel to start, and what the reader of its notebook should know; empty if nothing."""

    name: str
    spec: "KernelSpec"
    said: str = ""


def choose_kernel(metadata: Mapping[str, Any], notebook: str, name: str | None = None) -> Kernel:
    """The kernel of this name, or else of this interpreter. `metadata` is the notebook's own, `notebook` its name.

    Raises `NotebookError` for a name that is not installed (naming the nearest) and for another language than Python.
    """
    if name:
        return Kernel(name, _installed(name))
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec

    saved, language = _saved(metadata)
    if language and language.lower() not in ("python", "ipython"):
        raise NotebookError(f"{notebook} is written in {language}; labkit runs Python")
    spec = KernelSpec(**get_kernel_dict())  # what Jupyter calls python3 may be another interpreter, without labkit
    if saved == USUAL:
        return Kernel(USUAL, spec)
    how = f"with the kernel {saved!r}" if saved else "without a kernel"
    said = f"{notebook} was saved {how}: it runs on this interpreter, {sys.executable} (--kernel names another)"
    return Kernel(USUAL, spec, said)


def _saved(metadata: Mapping[str, Any]) -> tuple[str, str]:
    """The names of kernel and language that a notebook was saved with; empty where it does not say."""
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
        raise NotebookError(f"the kernel {name!r} is of {spec.language}; labkit runs Python")
    return spec
