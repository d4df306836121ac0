"""Ends a worker process in which ffmpeg stands still.

A decoder that never comes back cannot be stopped from within its process. So a thread of the worker ends the process, and
the parent names the file. This is for workers alone: nothing ends the process of the user.
"""

import os
import sys
import threading
import time

from labkit.data.video_file import PULSE, shown

TICK = 1.0  # seconds between two looks
PATIENCE = 120  # looks without a packet before a worker is ended: decoding one takes milliseconds, a slow disk seconds
STOOD_STILL = 71  # the exit status of such a worker


def end_when_ffmpeg_stands_still() -> None:
    """Watch this process from a thread. It counts looks, not time, so a process that was halted is not ended."""
    threading.Thread(target=_watch, daemon=True, name="labkit-watchdog").start()


def _watch() -> None:
    seen, looks = -1, 0
    while looks < PATIENCE or PULSE.path is None:
        time.sleep(TICK)
        looks = looks + 1 if PULSE.path is not None and PULSE.beats == seen else 0
        seen = PULSE.beats
    print(f"{shown(PULSE.path)}: ffmpeg has stood still for {PATIENCE * TICK:g} s; this process ends", file=sys.stderr)
    os._exit(STOOD_STILL)
