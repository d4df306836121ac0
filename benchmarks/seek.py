"""Whether a clip costs the same wherever it lies in a 20-minute video.

A video is made once (ffmpeg's test picture, 160x120, H.264 with B-frames, a keyframe every 50 frames) and kept in
labkit's cache folder with its index. Then 16-frame clips that begin 20 frames after a keyframe are read in five
places, each time from a file just opened, and from one held open. All clips decode equally many frames, so time per
clip and time per decoded frame tell the same; reading from the beginning is timed beside it for comparison.
"""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
from timing import conditions, interleaved, ratio, show, verdict

from labkit.atomic import write_atomically
from labkit.cache import cache_folder
from labkit.data.video import VideoReader

KEYFRAMES, DISTANCE, FRAMES = 50, 20, 16
PLACES = (0.01, 0.25, 0.5, 0.75, 0.99)


def long_video(minutes: int) -> Path:
    """The test video of this length, made if it is not there yet."""
    path = cache_folder("benchmarks") / f"testsrc2_{minutes}min.mp4"
    if not path.exists():
        print(f"making a video of {minutes} minutes, once: {path}", flush=True)
        source = f"testsrc2=size=160x120:rate=25:duration={60 * minutes}"
        codec = ["-c:v", "libx264", "-preset", "superfast", "-bf", "3", "-g", str(KEYFRAMES), "-sc_threshold", "0"]
        command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", *codec]
        write_atomically(path, lambda temporary: subprocess.run([*command, str(temporary)], check=True) and None)
    return path


def read_linearly(path: Path, start: int) -> None:
    """What a reader without an index does: decode everything from the first frame on."""
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for number, _ in enumerate(container.decode(video=0)):
            if number == start + FRAMES - 1:
                return


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=20, help="length of the video (default: %(default)s)")
    parser.add_argument("--clips", type=int, default=8, help="clips in each place and round (default: %(default)s)")
    arguments = parser.parse_args()
    if shutil.which("ffmpeg") is None:
        print("this benchmark needs the ffmpeg program to make its video, and it is not on the PATH")
        return 2
    path = long_video(arguments.minutes)
    began = time.perf_counter()
    kept = VideoReader(path)
    print(f"{kept.info.frames} frames; opened in {time.perf_counter() - began:.3f} s (the first time makes the index)")
    print(conditions())

    def starts(place: float) -> list[int]:
        first = int(place * kept.info.frames) // KEYFRAMES
        return [KEYFRAMES * (first + n) + DISTANCE for n in range(arguments.clips // -2, arguments.clips // 2)]

    def just_opened(place: float) -> None:
        for start in starts(place):
            with VideoReader(path) as reader:
                reader.frames(start, start + FRAMES, size=112)

    def held_open(place: float) -> None:
        for start in starts(place):
            kept.frames(start, start + FRAMES, size=112)

    opened = interleaved({f"{place:.0%}": lambda place=place: just_opened(place) for place in PLACES})
    held = interleaved({f"{place:.0%}": lambda place=place: held_open(place) for place in PLACES})
    names = list(opened)
    decoded = DISTANCE + FRAMES
    rows = []
    for name in names:
        milliseconds = 1000 * float(np.median(opened[name])) / arguments.clips
        onward = 1000 * float(np.median(held[name])) / arguments.clips
        per_frame = 1000 * onward / decoded
        rows.append((name, milliseconds, onward, per_frame, ratio(held[name], held[names[0]])))
    header = ("place", "ms a clip, opening", "ms a clip, held open", "µs a decoded frame", "against the first place")
    show(f"{FRAMES} frames, {DISTANCE} frames after a keyframe", header, rows)
    linear = {}
    for place in (PLACES[0], PLACES[-1]):
        began = time.perf_counter()
        read_linearly(path, starts(place)[0])
        linear[place] = 1000 * (time.perf_counter() - began)
    print(f"\nread from the beginning: {linear[PLACES[0]]:.0f} ms at 1 %, {linear[PLACES[-1]]:.0f} ms at 99 %\n")
    worst = max(ratio(held[name], held[other]) for name in names for other in names)
    met = [
        verdict("dearest place against cheapest, per decoded frame", worst, 1.2, at_least=False),
        verdict("end against start, file just opened", ratio(opened[names[-1]], opened[names[0]]), 1.5, at_least=False),
    ]
    print(conditions())
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
