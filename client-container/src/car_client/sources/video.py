"""Frames of a video file, by its own time, from its begin to its end."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import cv2
from edge_common.errors import FatalError
from edge_common.printable import printable

from car_client.sources.source import Frame, Supply
from car_client.sources.stream import as_jpeg

_AT_ONCE_SECONDS = 1.0
"""Reading from one frame to the next may take long; then the rest is read at the next poll."""
_MS = 1000.0


class VideoSource:
    """A frame of `file` every `every` seconds of its own time, as fast as they are classified; it ends."""

    def __init__(self, file: Path, *, every: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Open it. Raises FatalError when it is no video."""
        self._name = printable(file.name)
        self._every_ms = every * _MS
        self._monotonic = monotonic
        self._capture = cv2.VideoCapture(str(file), cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            raise FatalError(f"{printable(str(file))} cannot be read as a video; name another file")
        self._frame_ms = _MS / (self._capture.get(cv2.CAP_PROP_FPS) or 25.0)
        self._grabbed = 0
        self._next_ms = 0.0
        self._over = False
        self._given_back: deque[Frame] = deque()
        self._in_hand: set[Frame] = set()

    def __str__(self) -> str:
        """The file's name."""
        return self._name

    @property
    def pause(self) -> float:
        """It is read on at once."""
        return 0.02

    @property
    def supply(self) -> Supply:
        """Ended when every frame was acknowledged."""
        done = self._over and not self._given_back and not self._in_hand
        return Supply.ENDED if done else Supply.UNDER_WAY

    def poll(self, at_most: int) -> Sequence[Frame]:
        """The next frames that are due in the video's own time."""
        frames: list[Frame] = []
        deadline = self._monotonic() + _AT_ONCE_SECONDS
        while len(frames) < at_most and self._given_back:
            frames.append(self._given_back.popleft())
        while len(frames) < at_most and not self._over and self._monotonic() < deadline:
            frame = self._read_on()
            if frame is not None:
                frames.append(frame)
        self._in_hand.update(frames)
        return frames

    def acknowledge(self, frame: Frame) -> None:
        """It was classified."""
        self._in_hand.remove(frame)

    def give_back(self, frame: Frame) -> None:
        """Offer it again."""
        self._in_hand.remove(frame)
        self._given_back.append(frame)

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _read_on(self) -> Frame | None:
        """One frame further; it is decoded and offered only when it is due."""
        if not self._capture.grab():
            self._over = True
            return None
        moment = self._grabbed * self._frame_ms
        self._grabbed += 1
        if moment < self._next_ms:
            return None
        self._next_ms = moment + self._every_ms
        there, pixels = self._capture.retrieve()
        if not there:
            return None
        at = timedelta(milliseconds=round(moment))
        return Frame(f"{self._name} {at}", as_jpeg(pixels), revision=str(at))
