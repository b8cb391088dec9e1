"""Frames through OpenCV: the newest of a camera or stream, and those of a video file by its own time."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
from edge_common.errors import FatalError
from edge_common.printable import printable

from car_client.sources.source import Frame, Sampling, Source, SourceLostError, Supply

_WAIT_MS = 5000
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0
_JPEG_QUALITY = 95
_MOST_IN_HAND = 2
"""One is decoded while the models look at the other; more would only be older when their turn comes."""
_LEAST_PAUSE = 0.02
_AT_ONCE_SECONDS = 1.0
"""Reading from one frame to the next may take long; then the rest is read at the next poll."""
_MS = 1000.0


class StreamSource(Source):
    """The newest frame whenever one is due; a stream that breaks or ends is opened again.

    A thread reads all the time, because a stream that is not read hands out frames that are long past.
    """

    def __init__(self, address: str | int, *, sampling: Sampling, name: str) -> None:
        """Begin to read `address`: a device number or a URL; `name` is for people."""
        self._address = address
        self._sampling = sampling
        self._name = name
        self._lock = threading.Lock()
        self._newest: Any = None
        self._offered = False
        self._error: str | None = None
        self._open_at = 0.0
        self._in_hand: set[Frame] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read_until_stopped, name="stream", daemon=True)
        self._thread.start()

    def __str__(self) -> str:
        return self._name

    @property
    def pause(self) -> float:
        """Until the next picture is due."""
        return max(self._sampling.seconds_left, _LEAST_PAUSE)

    @property
    def supply(self) -> Supply:
        """Under way until the first frame was offered, or it failed."""
        waits = not self._offered and self._error is None
        return Supply.UNDER_WAY if waits else Supply.IDLE

    def poll(self, at_most: int) -> Sequence[Frame]:
        """The newest frame, if one is due and room is for it. Raises RetryableError when cut off."""
        if len(self._in_hand) >= _MOST_IN_HAND:
            return []
        with self._lock:
            frame, error = self._newest, self._error
        if frame is None and error is not None:
            raise SourceLostError(
                f"{self._name} has no picture: {error}; it is opened again by itself",
                again_in=max(0.0, self._open_at - time.monotonic()),
            )
        if at_most < 1 or frame is None or not self._sampling.is_due():
            return []
        with self._lock:
            self._newest = None
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        taken = Frame(f"{self._name} {moment}", as_jpeg(frame), revision=moment)
        self._in_hand.add(taken)
        self._offered = True
        return [taken]

    def acknowledge(self, frame: Frame) -> None:
        """Make room for the next frame."""
        self._in_hand.remove(frame)

    def give_back(self, frame: Frame) -> None:
        """Make room; a newer frame is offered instead of this one."""
        self._in_hand.remove(frame)

    def close(self) -> None:
        """Stop reading; the device is let go as soon as the frame in progress ends."""
        self._stop.set()
        self._thread.join(timeout=1)

    def _read_until_stopped(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            if self._read_stream():
                pause = _FIRST_PAUSE
            self._open_at = time.monotonic() + pause
            self._stop.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _read_stream(self) -> bool:
        """Read until it breaks; returns whether there was a frame at all."""
        capture = self._open()
        seen = False
        try:
            while not self._stop.is_set():
                there, frame = capture.read()
                if not there:
                    break
                seen = True
                with self._lock:
                    self._newest, self._error = frame, None
        finally:
            capture.release()
        with self._lock:
            self._error = "the stream ended" if seen else "it cannot be opened"
        return seen

    def _open(self) -> cv2.VideoCapture:
        if isinstance(self._address, int):
            return cv2.VideoCapture(self._address)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _WAIT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _WAIT_MS]
        return cv2.VideoCapture(self._address, cv2.CAP_FFMPEG, limits)


def as_jpeg(pixels: Any) -> bytes:
    """The JPEG file of a frame as OpenCV has it, BGR [h,w,3]."""
    _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return bytes(encoded.tobytes())


class VideoSource(Source):
    """A frame of `file` every `every` seconds of its own time, as fast as they are classified; it ends."""

    def __init__(self, file: Path, *, every: float) -> None:
        """Open it. Raises FatalError when it is no video."""
        self._name = printable(file.name)
        self._every_ms = every * _MS
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
        deadline = time.monotonic() + _AT_ONCE_SECONDS
        while len(frames) < at_most and self._given_back:
            frames.append(self._given_back.popleft())
        while len(frames) < at_most and not self._over and time.monotonic() < deadline:
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
