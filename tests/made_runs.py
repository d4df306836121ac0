"""Run folders without a notebook, as another machine may have left them: what the tests of tables and pages read."""

import json

ABOUT = {
    "notebook": "07_toy.ipynb",
    "notebook_sha256": "ab",
    "status": "done",
    "seed": 3,
    "started": "2026-01-02T03:04:05+00:00",
    "ended": "2026-01-02T03:05:05+00:00",
    "seconds": 60,
    "threads": 2,
    "kernel": "python3",
    "versions": {"python": "3.12.1", "torch": "2.11.0"},
    "hardware": {"system": "Linux x86_64", "processor": "A chip", "cores": 2, "memory_gb": 8.5, "gpus": ["H100", "H100"]},
    "code": {"commit": "c0ffee", "dirty": True},
    "process": {"host": "elsewhere", "pid": 1, "since": 0.0},
}  # fmt: skip


def make_run(folder, parameters=None, results=None, **about):
    """A run folder without a notebook, as another machine may have left it."""
    folder.mkdir(parents=True)
    given = parameters or {}
    whole = {**ABOUT, "parameters": given, "changed": given, **about}
    (folder / "run.json").write_text(json.dumps(whole), encoding="utf-8")
    if results is not None:
        (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return folder
