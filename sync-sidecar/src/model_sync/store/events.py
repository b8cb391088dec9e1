"""MinIO's ListenBucketNotification, followed in a thread: each change in the bucket asks for a listing.

Events only shorten the wait. The listing is the truth, so a missed, doubled or late event costs nothing.
"""

import json
import threading
from collections.abc import Iterator
from typing import Any, Protocol

from edge_common.errors import FatalError
from edge_common.logs import get_logger
from urllib3.exceptions import HTTPError, ReadTimeoutError

from model_sync.settings import Settings
from model_sync.store.errors import S3RefusalError
from model_sync.store.s3_client import Answer, Request, S3Client

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


class Wakes(Protocol):
    """What a listener wakes."""

    @property
    def stopped(self) -> bool:
        """Whether the program ends."""
        ...

    def look(self) -> None:
        """List the bucket as soon as possible."""
        ...

    def pause(self, seconds: float) -> None:
        """Sleep; ends early when the program does."""
        ...


class EventListener:
    """Follows the changes of a bucket until it is told to stop."""

    def __init__(self, settings: Settings, wakeup: Wakes, ignore_prefix: str) -> None:
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
