"""Plays a camera: delivers one picture of a folder after the other into another folder, without end.

Usage: sample_camera.py PICTURES DELIVERED SECONDS
"""

import shutil
import signal
import sys
from itertools import cycle
from pathlib import Path
from threading import Event

source, delivered, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
stop = Event()
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: stop.set())

for picture in cycle(sorted(source.glob("*.jpg"))):
    fresh = delivered / f".{picture.name}"
    shutil.copyfile(picture, fresh)
    fresh.replace(delivered / picture.name)  # by rename, so that nobody reads half a picture
    if stop.wait(seconds):
        break
