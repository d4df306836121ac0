"""Run as a script: `python twice.py WORK FOLDER NUMBER` does the work when FOLDER/go is there, and prints what is left.

Numbers 0 and 1 share a cache folder; number 2 works alone.
"""

import json
import os
import sys
import time
from pathlib import Path

from broken_videos import FORMATS, write_source
from kills_trial import SUBJECTS

work, folder, number = SUBJECTS[sys.argv[1]], Path(sys.argv[2]), int(sys.argv[3])
videos, place = folder / f"videos{number // 2}", folder / f"work{number // 2}"
place.mkdir(exist_ok=True)
os.environ["LABKIT_CACHE"] = str(place / "cache")
if number != 1:
    videos.mkdir()
    for one in range(12):
        write_source(videos / f"{one:02d}.avi", FORMATS["MJPEG"])
        os.utime(videos / f"{one:02d}.avi", (1, 1))
(folder / f"ready{number}").touch()
while not (folder / "go").exists():
    time.sleep(0.005)
work.work(videos, place)
print(json.dumps(work.left(place)))
