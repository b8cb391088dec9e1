"""The status object in the bucket, where uploaders look, and the end of those that nobody keeps any more."""

import json
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from edge_common.errors import EdgeError, FatalError
from edge_common.logs import get_logger

from model_sync.loop.wakeup import Clock
from model_sync.store.object_store import RemovesObjects

_log = get_logger()

FOLDER = "_status/"
_DAY = 86_400.0
"""Seconds after which it is written again although nothing changed, which shows that somebody keeps it."""
_GONE = 7 * _DAY
"""Seconds without a write, by the store's dates, after which nobody keeps a status object any more."""


class BucketStatus:
    """Writes `_status/<instance>.json` when it changes, in a thread, so that a slow store delays nothing.

    Removes that of the pod that wrote to the volume before, and those that nobody has written for a week.
    """

    def __init__(self, store: RemovesObjects, prefix: str, instance: str, clock: Clock) -> None:
        """`prefix`: of the models in the bucket."""
        self._store = store
        self._folder = f"{prefix}{FOLDER}"
        self._key = f"{self._folder}{instance}.json"
        self._clock = clock
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="bucket-status")
        self._pending: Future[None] | None = None
        self._written: Any = None
        self._tidied: Any = None
        self._told = False

    def offer(self, document: Mapping[str, Any], writer: int, former: str) -> None:
        """Write `document` unless nothing a person would care about has changed, or a write is under way.

        `writer` is another number each time the volume is taken over, `former` the pod that had it before.
        """
        if self._pending is not None and not self._pending.done():
            return
        turn = (writer, int(self._clock.monotonic() // _DAY))
        telling = (_without_progress(document["models"]), document["notices"], turn)
        if telling == self._written:
            return
        self._written = telling
        content = json.dumps(document, indent=1, ensure_ascii=False).encode()
        tidy = self._tidied != turn
        self._tidied = turn
        self._pending = self._pool.submit(self._write, content, former if tidy else None)

    def close(self) -> None:
        """Let the last write end."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _write(self, content: bytes, former: str | None) -> None:
        try:
            self._store.put_small(self._key, content, "application/json")
            if former is not None:
                self._tidy(former)
        except EdgeError as error:
            if not isinstance(error, FatalError):  # what is forbidden now is tried again at the next change
                self._written = self._tidied = None
            if not self._told:
                _log.info("bucket_status_unwritable", key=self._key, reason=str(error))
                self._told = True

    def _tidy(self, former: str) -> None:
        listed = {found.key: found.modified for found in self._store.list_objects(self._folder)}
        now = listed.get(self._key, 0.0)  # just written, so the store's own time
        for key, written in listed.items():
            if key != self._key and (key == f"{self._folder}{former}.json" or now - written > _GONE):
                self._store.remove(key)
                _log.info("bucket_status_removed", key=key, reason="its pod is gone")


def _without_progress(models: Mapping[str, Any]) -> list[Any]:
    return [
        (name, version["source"], version["state"], version["reason"], version["local_version"])
        for name, model in models.items()
        for version in model["versions"]
    ]
