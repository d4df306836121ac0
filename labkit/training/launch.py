"""launch: a training in several processes, from a notebook or a script, with its progress shown here.

The processes are those of `torchrun`, started beside this one. accelerate's `notebook_launcher` forks the notebook's own
process instead, and hangs where torch has already worked on two threads.
"""

import codecs
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TextIO

from labkit.own_group import own_group

TRACEBACK = "Traceback (most recent call last):"


class LaunchError(RuntimeError):
    """A process of the training failed; the message says which, and how to go on."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows for it."""
        return [str(self)]


def launch(script: str | Path, *arguments: str, processes: int) -> None:
    """Run `script arguments` in several `processes` of this machine, and show what the first one prints.

    The script is a Python file that calls `labkit.training.fit` as for one process; the clips of a batch are then split
    among the processes. With a `folder`, its history and checkpoints are there afterwards.

    Ctrl-C (or the notebook's stop button) ends all processes at the same update, with a checkpoint, and raises
    `KeyboardInterrupt`. Raises `LaunchError` where a process failed or was killed, `ValueError` for less than one process,
    and `FileNotFoundError` for a script that is not there.
    """
    if processes < 1:
        raise ValueError(f"processes must be at least 1, not {processes}")
    if not Path(script).is_file():
        raise FileNotFoundError(f"no script at {script}: launch runs a Python file that calls fit")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "labkit.training.torchrun", "--standalone", f"--nproc-per-node={processes}"]
        command += [f"--log-dir={folder}", "--redirects=3", str(script), *arguments]
        logs = _Logs(Path(folder))
        # Ctrl-C then reaches the processes once, through torchrun.
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            **own_group().settings,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},  # what is printed shows at once
        ) as child:
            interrupted = _follow(child, logs)
            assert child.stdout
            said = child.stdout.read()
        if interrupted:
            raise KeyboardInterrupt(logs.last_line(0))
        if child.returncode:
            raise LaunchError(_failure(json.loads(said) if said.startswith("{") else {}, logs, processes))
        for shown in logs.streams.values():
            shown.end()


def _follow(child: "subprocess.Popen[str]", logs: "_Logs") -> bool:
    """Show the first process's words until the end; True if Ctrl-C came."""
    interrupted = False
    while True:
        try:
            running = child.poll() is None
            logs.show()
            if not running:
                return interrupted
            time.sleep(0.1)
        except KeyboardInterrupt:
            if interrupted:
                child.terminate()
                raise
            interrupted = True
            child.send_signal(own_group().stop)


class _Logs:
    """What the processes write, each into files of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.streams = {"stdout": _Shown(sys.stdout), "stderr": _Shown(sys.stderr)}

    def file(self, rank: int, name: str) -> Path | None:
        """Where a process writes its `stdout` or `stderr`; None before it has begun."""
        return next(self.folder.glob(f"*/attempt_0/{rank}/{name}.log"), None)

    def text(self, rank: int, name: str) -> str:
        """All that a process has written, without the mark that torch sets before each line of an error."""
        file = self.file(rank, name)
        text = file.read_bytes().decode("utf-8", errors="replace") if file else ""
        return re.sub(r"^\[rank\d+\]: ", "", text, flags=re.MULTILINE)

    def show(self) -> None:
        """Write what is new of the first process."""
        for name, shown in self.streams.items():
            if file := self.file(0, name):
                shown.go_on(file)

    def last_line(self, rank: int) -> str:
        """What a process said last: the message of its error, without the name of its module."""
        lines = self.text(rank, "stderr").strip().splitlines()
        kind, colon, message = (lines[-1] if lines else "").partition(": ")
        return f"{kind.rpartition('.')[2]}{colon}{message}"


class _Shown:
    """One stream of the first process, as far as it was shown here. Bytes, so that a progress bar stays on its line."""

    def __init__(self, to: TextIO) -> None:
        self.to, self.read, self.held = to, 0, ""
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def go_on(self, file: Path) -> None:
        """Show what is new. A traceback is held back until a progress bar goes on after it, or the run ends well."""
        with file.open("rb") as opened:
            opened.seek(self.read)
            new = opened.read()
        self.read += len(new)
        text = self.held + self.decoder.decode(new)
        before, mark, after = text.partition(TRACEBACK)
        held = mark and "\r" not in after
        self.held, text = (mark + after, before.removesuffix("[rank0]: ")) if held else ("", text)
        self.to.write(text)
        self.to.flush()

    def end(self) -> None:
        """Show what was held back."""
        self.to.write(self.held)
        self.to.flush()


def _failure(codes: dict[str, int], logs: _Logs, processes: int) -> str:
    """One message: which process failed first, and how."""
    killed = {int(rank): -code for rank, code in codes.items() if code < 0 and -code != signal.SIGTERM}
    for rank, number in killed.items():
        how = f"was ended by {signal.Signals(number).name}"
        hint = " (did the memory run out?)" if number == getattr(signal, "SIGKILL", 9) else ""
        return f"process {rank} of {processes} {how}{hint}. Its last checkpoint stands: launch the same again to go on from there"
    failed = sorted(map(int, codes))
    # Who lost another process is not to blame.
    first = next((rank for rank in failed if not logs.last_line(rank).startswith("ProcessLostError")), 0)
    traceback = logs.text(first, "stderr").partition(TRACEBACK)[2]
    if traceback:
        sys.stderr.write(f"process {first}: {TRACEBACK}{traceback}")
    return f"process {first} of {processes} failed: {logs.last_line(first) or 'it said nothing'}"
