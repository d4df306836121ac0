"""On the path of a process, this makes ffmpeg fail as a broken decoder does: the name of a video says how.

Python imports a module of this name when it starts, so it reaches workers and their children too.
"""

import contextlib
import os
import time
from pathlib import Path


def _sabotage() -> None:
    from labkit.data import video, video_walk, watchdog

    watchdog.TICK = 0.02
    through, at = video_walk.Walk.through, video.VideoReader.at

    def fail(name: str, when: str) -> None:
        if name.startswith(f"crash-{when}"):
            os.abort()
        if name.startswith(f"stand-{when}"):
            time.sleep(3600)

    def fail_in_walk(self, container, stream, *, name):
        fail(name, "in-walk")
        return through(self, container, stream, name=name)

    def fail_in_reading(self, indices, *, size=None):
        with video.named(self.path):
            fail(Path(self.path).name, "in-reading")
        return at(self, indices, size=size)

    video_walk.Walk.through, video.VideoReader.at = fail_in_walk, fail_in_reading


with contextlib.suppress(ImportError):
    _sabotage()
