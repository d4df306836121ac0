"""The blocks of docs/sweeps.md for SLURM and for TLS are run, with stand-ins for the commands of a cluster."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
import pytest
from toy_course import write_notebook

from labkit.records import Run
from labkit.runs.workers import connected_workers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="the blocks are for a Unix shell"),
]

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
RUNS = (ROOT / "docs" / "runs.md").read_text(encoding="utf-8")
RECORDS = "import os\nfrom labkit.runs.results import record\nrecord(out, double=2 * seed, task=os.getpid())"
# The commands that a block calls, in a folder on PATH. Nobody but this machine reaches the scheduler.
COMMANDS = {
    "labkit": 'exec "$PYTHON" -m labkit "$@"',
    "python": 'exec "$PYTHON" "$@"',
    "dask": 'exec "$PYTHON" -m dask "$@" --host 127.0.0.1 --no-dashboard $DASK_MORE',
    # As SLURM does: each task is a process of its own, all at the same time, with the job's variables.
    "srun": 'for ((n = 0; n < SLURM_NTASKS; n++)); do SLURM_PROCID=$n "$@" & done\nwait',
    "sbatch": """
options="$(grep -h '^#SBATCH' "${@: -1}") $*"   # the command line's come last, and count
value() { grep -o -- "--$1=[0-9-]*" <<< "$options" | tail -1 | cut -d= -f2; }
export SLURM_CPUS_PER_TASK=$(value cpus-per-task) SLURM_NTASKS=$(value ntasks) array=$(value array)
if [ -z "$array" ]; then exec bash "${@: -1}"; fi
for ((n = ${array%-*}; n <= ${array#*-}; n++)); do SLURM_ARRAY_TASK_ID=$n bash "${@: -1}" & tasks="$tasks $!"; done
for task in $tasks; do wait $task || exit 1; done
""",
}


def blocks(page: str, heading: str) -> list[str]:
    """The blocks of code below a heading."""
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"```\w+\n(.*?)```", section, flags=re.DOTALL)


def block(page: str, heading: str, word: str) -> str:
    """The block below a heading that has this word."""
    (found,) = [text for text in blocks(page, heading) if word in text]
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with toy notebooks 04 and 05, and a folder of commands."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "course.toml").write_text("")
    for name in ("04_toy", "05_toy"):
        parameters = 'seed: int = 0  # a seed\nout: str = ""  # folder'
        write_notebook(tmp_path / "notebooks" / f"{name}.ipynb", ["# Toy", RECORDS], parameters)
    (tmp_path / "bin").mkdir()
    for name, text in COMMANDS.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def environment(project: Path, **more: str) -> dict[str, str]:
    path = f"{project / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHON": sys.executable, "DASK_MORE": "", **more}


@contextmanager
def shell(project: Path, text: str, **more: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A shell that runs `text` in the project. At the end, all that it has started is ended, as SLURM does."""
    with (project / "said.txt").open("a") as said:
        settings = {"cwd": project, "env": environment(project, **more), "start_new_session": True}
        process = subprocess.Popen(["bash", "-ec", text], stdout=said, stderr=subprocess.STDOUT, **settings)
        try:
            yield process
        finally:
            try:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(30)
                time.sleep(1)
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                process.wait()


def run(project: Path, text: str, **more: str) -> None:
    with shell(project, text, **more) as process:
        assert process.wait(400) == 0, (project / "said.txt").read_text()


def results(folder: Path) -> list[float]:
    return sorted(Run.open(path.parent).results["double"] for path in folder.glob("*/run.json"))


def test_a_job_of_slurm_starts_a_scheduler_and_workers_and_sweeps_on_them(project):
    script = block(PAGE, "On a cluster", "#SBATCH").replace("seed=0..99", "seed=0..2")
    (project / "job.sh").write_text(script)
    (project / "dask.json").write_text('{"address": "tcp://127.0.0.1:9"}')  # of an earlier job
    run(project, "sbatch --ntasks=2 job.sh")
    assert results(project / "runs" / "sweeps" / "04_toy-1") == [0, 2, 4]
    said = (project / "said.txt").read_text()
    assert "3 done (0 before), 0 failed, 0 not run" in said
    assert said.count("Starting established connection") >= 2


def test_the_tasks_of_an_array_run_at_the_same_time_from_the_file_of_a_dry_run(project):
    run(project, "labkit sweep 05 --grid seed=0..2 --dry-run")
    (project / "job.sh").write_text(block(RUNS, "SLURM arrays", "#SBATCH"))
    run(project, "sbatch job.sh")
    assert results(project / "runs" / "array") == [0, 2, 4]
    assert Run.open(project / "runs" / "array" / "2").about["threads"] == 2


def test_over_tls_two_workers_sweep_and_everybody_without_the_certificate_is_refused(project, monkeypatch):
    certificate, scheduler, worker, settings = blocks(PAGE, "A network that others use")
    run(project, certificate)
    assert (project / "tls").stat().st_mode & 0o777 == 0o700
    with shell(project, scheduler, DASK_MORE="--port 0 --scheduler-file dask.json"):
        while not (project / "dask.json").exists():
            time.sleep(0.1)
        address = json.loads((project / "dask.json").read_text())["address"]
        assert address.startswith("tls://127.0.0.1:")
        worker = worker.replace("tls://head:8786", address)
        with shell(project, worker), shell(project, worker):
            sweep = settings.replace("tls://head:8786", address).replace("seed=0..99", "seed=0..2")
            wait = f"python -c \"from distributed import Client; Client('{address}').wait_for_workers(2)\"\n"
            run(project, sweep.replace("labkit sweep", f"{wait}labkit sweep"))
            assert results(project / "runs" / "sweeps" / "04_toy-1") == [0, 2, 4]
            _others_are_refused(project, certificate, address, worker, monkeypatch)


def _others_are_refused(project: Path, certificate: str, address: str, worker: str, monkeypatch) -> None:
    run(project, certificate.replace("tls", "other"))
    for text in (worker.replace("tls/", "other/"), f"dask worker {address}", f"dask worker tcp{address[3:]}"):
        with shell(project, text) as process:
            assert process.wait(120) != 0
    for said, folder in (("are not set", ""), ("is not signed by the authority", "other"), ("does not exist", "no")):
        for name, file in (("CA_FILE", "cert"), ("CLIENT__CERT", "cert"), ("CLIENT__KEY", "key")):
            if folder:
                monkeypatch.setenv(f"DASK_DISTRIBUTED__COMM__TLS__{name}", str(project / folder / f"{file}.pem"))
        dask.config.refresh()
        with pytest.raises(ConnectionError, match=f"{address}: .*{said}"), connected_workers(address):
            pass
    monkeypatch.undo()
    dask.config.refresh()
