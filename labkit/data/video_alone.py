"""Run as a module, `python -m labkit.data.video_alone VIDEO`: decodes a video in a process that may die of it."""

import sys

from labkit.data.pieces import located
from labkit.data.video_index import build_index
from labkit.data.watchdog import end_when_ffmpeg_stands_still

if __name__ == "__main__":
    end_when_ffmpeg_stands_still()
    build_index(located(sys.argv[1]))
