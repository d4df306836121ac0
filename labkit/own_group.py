"""A child process in a group of its own: the terminal's Ctrl-C does not reach it, and this process says when it stops.

Windows sends no SIGINT to a single process. It has Ctrl-Break instead, for a group, which Python hears as SIGBREAK.
"""

import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class OwnGroup:
    """The settings of `subprocess.Popen` for such a child, the signal that stops it, and the signals by which it is stopped."""

    settings: Mapping[str, Any]
    stop: int
    heard: tuple[int, ...]


def own_group(platform: str = sys.platform) -> OwnGroup:
    """The group of a child process on this platform."""
    if platform != "win32":
        return OwnGroup({"start_new_session": True}, signal.SIGINT, (signal.SIGINT,))
    # Only Windows knows these names. The numbers are those of its documentation.
    new_group = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0x200)
    ctrl_break, sigbreak = getattr(signal, "CTRL_BREAK_EVENT", 1), getattr(signal, "SIGBREAK", 21)
    return OwnGroup({"creationflags": new_group}, ctrl_break, (signal.SIGINT, sigbreak))
