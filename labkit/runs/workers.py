"""The processes that do many runs: on this machine, or the workers of a Dask scheduler."""

import asyncio
import logging
import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.counting import counted, named
from labkit.runs.key import code_version

if TYPE_CHECKING:
    from distributed import Client

PATIENCE = 5.0  # seconds to connect
GPU = "GPU"  # the name of the resource: `dask worker --resources GPU=1`
DEAF = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"  # Ctrl-C of the terminal is for the sweep


@dataclass
class Workers:
    """Workers that do `slots` runs at the same time, with `threads` each, on `gpus` GPUs.

    They start when `client` is asked for, so that a sweep without work starts nothing. `close` ends them, if they are ours.
    """

    slots: int
    threads: int
    gpus: Sequence[str] = ()  # names by which CUDA knows the GPUs; on a cluster, the workers that have one
    _opened: "Client | None" = field(default=None, repr=False)
    _cluster: Any = field(default=None, repr=False)

    @property
    def client(self) -> "Client":
        """The connection to the workers, which are started if they are not yet."""
        if self._opened is None:
            self._cluster = _local_cluster(self.slots, self.gpus)
            self._opened = _client(self._cluster)
        return self._opened

    def recount(self) -> None:
        """Count the slots of a cluster anew: its workers come and go."""
        if self._opened is not None and self._cluster is None:
            self.slots = max(1, sum(self._opened.nthreads().values()))

    def close(self) -> None:
        """End the connection, and the workers of this machine."""
        if self._opened is not None:
            self._opened.close(timeout=PATIENCE)
        if self._cluster is not None:
            self._cluster.close()
        self._opened = self._cluster = None


@contextmanager
def local_workers(
    slots: int | None = None, threads: int | None = None, *, most: int | None = None, gpus: Sequence[str] = ()
) -> Iterator[Workers]:
    """`slots` processes of this machine (default: one for each core, but at most `most`), which share its cores.

    With `gpus`, each has one, and there are not more processes than GPUs.
    """
    cores = len(_cores())
    slots = max(1, min(slots or cores, most or cores, len(gpus) or cores))
    workers = Workers(slots, threads or max(1, cores // slots), gpus)
    try:
        yield workers
    finally:
        workers.close()


@contextmanager
def connected_workers(address: str, threads: int | None = None, *, folders: Sequence[Path] = ()) -> Iterator[Workers]:
    """The workers of the scheduler at `address`. All must see the `folders` and have this machine's version of the code.

    Raises `ConnectionError`, with the address, for a scheduler that does not answer, and one without workers;
    `RuntimeError`, with the worker's address, for a worker with other code or without a folder.
    """
    client = _client_at(address)
    try:
        found = _examine(client, address, folders)
        gpus = [worker for worker, about in found.items() if about["gpu"]]
        slots = sum(about["slots"] for about in found.values())
        yield Workers(slots, threads or _share(found.values()), gpus, client)
    finally:
        client.close(timeout=PATIENCE)


def visible_gpus() -> list[str]:
    """The CUDA devices that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    from labkit.runs.provenance import hardware

    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [one.strip() for one in chosen.split(",") if one.strip() and one.strip() != "-1"]
    return [str(number) for number, name in enumerate(hardware()["gpus"]) if not name.startswith("Apple")]


def about_worker(folders: Sequence[Path], dask_worker: Any) -> dict[str, Any]:
    """What a sweep must know about a worker: its code, machine, cores, runs at the same time, whether it has a GPU.

    `missing` are the `folders` that it does not see. Dask fills in `dask_worker`.
    """
    return {
        "version": code_version(),
        "host": platform.node(),
        "cores": _cores(),
        "slots": dask_worker.state.nthreads,
        "gpu": bool(dask_worker.state.total_resources.get(GPU)),
        "missing": [str(folder) for folder in folders if not folder.is_dir()],
    }


def _cores() -> list[int]:
    """The numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return [*range(os.cpu_count() or 1)]


def _local_cluster(slots: int, gpus: Sequence[str]) -> Any:
    """A scheduler in this process and workers in processes of their own. They end with this process, however it ends."""
    import dask
    from distributed import Nanny, Scheduler, SpecCluster

    here = {"host": "127.0.0.1", "dashboard": False, "dashboard_address": "127.0.0.1:0"}  # nobody else can connect
    common = {**here, "nthreads": 1, "memory_limit": 0, "preload": [DEAF], "silence_logs": logging.CRITICAL}
    own: list[Mapping[str, Any]] = [{"resources": {GPU: 1}, "env": {"CUDA_VISIBLE_DEVICES": one}} for one in gpus]
    # A run that kills its worker is not tried on another one.
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        return SpecCluster(
            workers={
                number: {"cls": Nanny, "options": {**common, **(own[number] if number < len(own) else {})}}
                for number in range(slots)
            },
            scheduler={"cls": Scheduler, "options": {**here, "port": 0}},
            silence_logs=logging.CRITICAL,
        )


def _client(where: Any) -> "Client":
    from distributed import Client

    return Client(where, timeout=PATIENCE, set_as_default=False)


def _client_at(address: str) -> "Client":
    """A connection to the scheduler at an address. Raises `ConnectionError`."""
    with ThreadPoolExecutor(1) as pool:  # a notebook's thread has an event loop already
        try:
            kind = pool.submit(asyncio.run, _kind(address)).result()
            if kind != "Scheduler":
                raise ValueError(f"that is the address of a {kind or 'program'} of Dask, not of its scheduler")
            return _client(address)
        except Exception as error:  # another program that answers there may raise anything
            raise ConnectionError(f"there is no Dask scheduler at {address}: {_why(error, address)}") from None


async def _kind(address: str) -> str:
    """What Dask runs at an address: `Scheduler`, `Worker`, `Nanny`. `Client` would wait for another program without end."""
    from distributed.comm import connect
    from distributed.security import Security

    async def asked() -> Any:
        comm = await connect(address, timeout=PATIENCE, **Security().get_connection_args("client"))
        try:
            await comm.write({"op": "identity", "reply": True})
            return await comm.read()
        finally:
            comm.abort()

    reply = await asyncio.wait_for(asked(), PATIENCE)
    return str(reply.get("type", ""))


def _why(error: Exception, address: str) -> str:
    """The reason why no connection came about, in words."""
    secure = address.startswith("tls:")
    if isinstance(error, ValueError):
        return str(error)
    if secure and isinstance(error, TypeError):
        return "tls:// needs the files of Dask's TLS settings, and they are not set; docs/sweeps.md names them"
    if secure and isinstance(error, FileNotFoundError):
        return "a file of Dask's TLS settings does not exist"
    if secure and "certificate" in str(error):
        return "its certificate is not signed by the authority of Dask's TLS settings"
    if isinstance(error, OSError):
        return "it does not answer" + ("" if secure else ", or only by tls://")
    return f"another program answers there ({type(error).__name__})"


def _examine(client: "Client", address: str, folders: Sequence[Path]) -> dict[str, Mapping[str, Any]]:
    """`about_worker` of each worker, by its address. Raises as `connected_workers` does."""
    with suppress(TimeoutError):
        client.wait_for_workers(1, timeout=PATIENCE)
    found: dict[str, Any] = client.run(about_worker, [*folders], on_error="return")
    if not found:
        raise ConnectionError(
            f"the Dask scheduler at {address} has no workers: start some with `dask worker {address}`"
        )
    here, wrong = code_version(), []
    for worker, about in found.items():
        if isinstance(about, BaseException):
            absent = "No module named 'labkit" in str(about)
            wrong.append(f"{worker} {'has no labkit, or an older one' if absent else f'does not answer: {about}'}")
        elif about["version"] != here:
            wrong.append(f"{worker} on {about['host']} has another version of labkit's code or of torch")
        elif about["missing"]:
            wrong.append(f"{worker} on {about['host']} does not see the folder {about['missing'][0]}")
    try:
        client.run_on_scheduler(code_version)
    except Exception as error:
        wrong.append(f"the scheduler at {address} has no labkit, or an older one: {error}")
    if wrong:
        raise RuntimeError(f"{counted(len(wrong), 'machine')} cannot take part: {named(wrong, most=4)}")
    return found


def _share(found: Iterable[Mapping[str, Any]]) -> int:
    """Threads for each run, so that the cores of a machine are shared out among its workers; the least of all machines.

    The number is the same for all runs, since their numbers depend on it.
    """
    machines: dict[str, tuple[set[int], int]] = {}
    for about in found:
        cores, slots = machines.get(about["host"], (set(), 0))
        machines[about["host"]] = (cores | {*about["cores"]}, slots + about["slots"])
    return max(1, min(len(cores) // slots for cores, slots in machines.values()))
