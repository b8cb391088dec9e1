"""The status object in the bucket: the person at the web console sees there what became of an upload."""

import json
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from edge_common.errors import EdgeError, FatalError
from edge_common.logs import get_logger

from model_sync.store.object_store import ObjectStore

_log = get_logger()

FOLDER = "_status/"


class BucketStatus:
    """Writes `_status/<instance>.json` when it changes, in a thread, so that a slow store delays nothing."""

    def __init__(self, store: ObjectStore, *, prefix: str, instance: str) -> None:
        """`prefix`: of the models in the bucket."""
        self._store = store
        self._key = f"{prefix}{FOLDER}{instance}.json"
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="bucket-status")
        self._pending: Future[None] | None = None
        self._written: Any = None
        self._told = False

    def offer(self, document: Mapping[str, Any]) -> None:
        """Write `document` unless nothing a person would care about has changed, or a write is under way."""
        telling = {"models": _without_progress(document["models"]), "notices": document["notices"]}
        if telling == self._written or (self._pending is not None and not self._pending.done()):
            return
        self._written = telling
        content = json.dumps(document, indent=1, ensure_ascii=False).encode()
        self._pending = self._pool.submit(self._write, content)

    def close(self) -> None:
        """Let the last write end."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _write(self, content: bytes) -> None:
        try:
            self._store.put_small(self._key, content, "application/json")
        except EdgeError as error:
            if not isinstance(error, FatalError):  # what is forbidden now is tried again at the next change
                self._written = None
            if not self._told:
                _log.info("bucket_status_unwritable", key=self._key, reason=str(error))
                self._told = True


def _without_progress(models: Mapping[str, Any]) -> list[Any]:
    return [
        (name, version["source"], version["state"], version["reason"], version["local_version"])
        for name, model in models.items()
        for version in model["versions"]
    ]
