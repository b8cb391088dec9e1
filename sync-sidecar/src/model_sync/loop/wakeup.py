"""What reaches the loop from outside: time, what wakes it, what people ask for, what clients report.

Time is passed in, so that a test can let a day go by in a second. The store's events only shorten the wait:
the listing is the truth, so a missed, doubled or late one costs nothing.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from edge_common.errors import FatalError
from edge_common.logs import get_logger
from urllib3.exceptions import HTTPError, ReadTimeoutError

from model_sync.settings import Settings
from model_sync.store.errors import S3RefusalError
from model_sync.store.s3_client import Answer, Request, S3Client
from model_sync.swap_watch.observations import MOST_REPORTERS, Answers

_log = get_logger()

_EVENTS = "s3:ObjectCreated:*", "s3:ObjectRemoved:*"
_KEEP_ALIVE_TIMEOUT = 10.0
"""MinIO writes a blank twice a second; a stream silent for this long is dead."""
_MUTE = (
    "the store opened a stream of events but sends nothing on it, as MinIO of November 2025 to February 2026 "
    "does; let a webhook of the store call POST /v1/sync, or take another release"
)
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_READ_BYTES = 64 * 1024
_LONGEST_EVENT = 1024 * 1024


class Clock:
    """`monotonic` for intervals, which a corrected clock must not stretch; `now` for what people read."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    def now(self) -> float:
        """Unix seconds."""
        return time.time()


class Wakeup:
    """A flag that the loop waits on and anybody may raise. Thread-safe."""

    def __init__(self) -> None:
        """Until somebody raises it, every wait lasts its whole time."""
        self._event = threading.Event()
        self._look = threading.Event()
        self._stop = threading.Event()

    def look(self) -> None:
        """List the bucket as soon as possible."""
        self._look.set()
        self._event.set()

    def work_done(self) -> None:
        """Something that the loop started has finished."""
        self._event.set()

    def stop(self) -> None:
        """End the loop."""
        self._stop.set()
        self._event.set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until woken, at most `seconds`; True when somebody asked for a listing."""
        self._event.wait(max(0.0, seconds))
        self._event.clear()
        asked = self._look.is_set()
        if asked:  # cleared only when seen: one that is raised meanwhile is found by the next wait
            self._look.clear()
        return asked

    def pause(self, seconds: float) -> None:
        """Sleep in another thread of the program; ends early when the program does."""
        self._stop.wait(seconds)


@dataclass(frozen=True)
class Retry:
    """Try a rejected version, or one that could not be fetched, again now."""

    model: str
    bucket_version: str


@dataclass(frozen=True)
class Release:
    """Believe what the bucket lacks now, of one model or, with an empty name, of all."""

    model: str


Requests = SimpleQueue[Retry | Release]
"""Waits for the next step; `put` is thread-safe."""

Reports = Mapping[str, Mapping[int, Answers]]
"""Reporter -> local version -> its totals."""

_MOST_MODELS = 1000


@dataclass
class ClientReports:
    """The last report of each client, by model. Thread-safe; bounded, whoever reports."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last: dict[str, dict[str, Mapping[int, Answers]]] = field(default_factory=dict)

    def put(self, model: str, reporter: str, versions: Mapping[int, Answers]) -> bool:
        """Keep a report in place of the reporter's last; False when too many others report already."""
        with self._lock:
            if model not in self._last and len(self._last) >= _MOST_MODELS:
                return False
            told = self._last.setdefault(model, {})
            if reporter not in told and len(told) >= MOST_REPORTERS:
                return False
            told[reporter] = versions
            return True

    def of(self, model: str) -> Reports:
        """What is known of `model`."""
        with self._lock:
            return dict(self._last.get(model, {}))

    def forget(self, model: str) -> None:
        """Nothing of `model` is needed any more."""
        with self._lock:
            self._last.pop(model, None)


class EventListener:
    """Follows MinIO's ListenBucketNotification in a thread: each change in the bucket asks for a listing."""

    def __init__(self, settings: Settings, wakeup: Wakeup, ignore_prefix: str) -> None:
        """`ignore_prefix`: keys that we write ourselves, which are no news."""
        self._settings = settings
        self._wakeup = wakeup
        self._ignored = ignore_prefix
        self._told = False
        self._alive = False

    def start(self) -> None:
        """Follow until the program stops; returns at once."""
        threading.Thread(target=self._run, name="events", daemon=True).start()

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._wakeup.stopped:
            self._alive = False
            try:
                self._follow()
            except ReadTimeoutError:
                self._tell(_MUTE)
            except (S3RefusalError, HTTPError, OSError, ValueError, FatalError) as error:
                self._tell(str(error)[:200])
            if self._alive:
                self._wakeup.look()  # something may have happened since the stream broke
            pause = _FIRST_PAUSE if self._alive else min(pause * 2, _LONGEST_PAUSE)
            self._wakeup.pause(pause)

    def _tell(self, reason: str) -> None:
        if not self._told:
            _log.info("events_unavailable", reason=reason, effect="changes are found by polling")
            self._told = True

    def _follow(self) -> None:
        client = S3Client(self._settings)
        prefixes = self._settings.prefix
        query = {"events": _EVENTS, "prefix": prefixes[0] if len(prefixes) == 1 else "", "suffix": ""}
        with client.open(Request("GET", query=query), read_timeout=_KEEP_ALIVE_TIMEOUT) as answer:
            for event in _events(answer):
                self._alive, self._told = True, False
                if any(not self._is_ours(record) for record in event.get("Records") or ()):
                    self._wakeup.look()
        self._tell("the store ended the stream of events")

    def _is_ours(self, record: Any) -> bool:
        key = record.get("s3", {}).get("object", {}).get("key", "")
        return str(key).replace("%2F", "/").startswith(self._ignored)


def _events(answer: Answer) -> Iterator[Any]:
    """The JSON objects of a stream, one a line; ValueError for a line that is none, or has no end."""
    rest = b""
    while chunk := answer.read1(_READ_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line)
        if len(rest) > _LONGEST_EVENT:
            raise ValueError("the store sends an event without end")
