"""What wakes the reconcile loop before its time is up: events of the store, requests, finished work.

Events only shorten the wait. The listing is the truth, so a missed, doubled or late event costs nothing.
"""

import threading
from typing import Any

import urllib3
from edge_common.errors import RetryableError
from edge_common.logs import get_logger
from minio.error import MinioException
from urllib3.exceptions import HTTPError, ReadTimeoutError

from model_sync.settings import Settings
from model_sync.store.s3_client import make_client, make_pool

_log = get_logger()

_EVENTS = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*")
_KEEP_ALIVE_TIMEOUT = 10.0
"""MinIO writes a blank twice a second; a stream silent for this long is dead."""
_MUTE = (
    "the store opened a stream of events but sends nothing on it, as MinIO of November 2025 to February 2026 "
    "does; let a webhook of the store call POST /v1/sync, or take another release"
)
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


class Wakeup:
    """A flag that the loop waits on and anybody may raise. Thread-safe."""

    def __init__(self) -> None:
        """Nothing is raised, nothing is stopped."""
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


class _OneStreamPool(urllib3.PoolManager):
    """Lets one event stream be opened and no second one.

    The SDK's iterator opens a new stream whenever one ends, without a pause; against a store that does not
    know notifications and answers something else that would be an endless storm of requests.
    """

    opened = False

    def urlopen(self, method: str, url: str, *args: Any, **kw: Any) -> Any:
        """As the base class, but RetryableError for the second stream."""
        if "events=" in url:
            if self.opened:
                raise RetryableError("the store ended the stream of events")
            self.opened = True
        return super().urlopen(method, url, *args, **kw)


class EventListener:
    """Follows MinIO's ListenBucketNotification in a thread and asks for a listing at each change."""

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
            except (MinioException, HTTPError, OSError, ValueError, RetryableError) as error:
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
        pool = make_pool(self._settings, read_timeout=_KEEP_ALIVE_TIMEOUT, kind=_OneStreamPool)
        client = make_client(self._settings, pool)
        one = self._settings.prefix[0] if len(self._settings.prefix) == 1 else ""
        with client.listen_bucket_notification(self._settings.bucket, prefix=one, events=_EVENTS) as events:
            for event in events:
                self._alive, self._told = True, False
                if any(not self._is_ours(record) for record in event.get("Records") or ()):
                    self._wakeup.look()

    def _is_ours(self, record: Any) -> bool:
        key = record.get("s3", {}).get("object", {}).get("key", "")
        return str(key).replace("%2F", "/").startswith(self._ignored)
