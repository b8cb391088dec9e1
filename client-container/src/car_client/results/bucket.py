"""Results back into a bucket: one JSON object for each picture and model."""

import io
import json
from collections import deque
from typing import Final

from edge_common.logs import get_logger
from minio import Minio
from minio.error import MinioException
from urllib3.exceptions import HTTPError

from car_client.inference.classifier import Classification
from car_client.reports import classification_document
from car_client.s3_address import S3Address

_log = get_logger()
_MOST_HELD: Final = 1000
"""Results kept while the store is away; the oldest is given up first."""


class BucketSink:
    """Writes `<prefix><image>.<model>.json`; the newest result of a picture and model replaces the last."""

    def __init__(self, store: Minio, address: S3Address) -> None:
        """Write nothing yet."""
        self._store = store
        self._address = address
        self._held: deque[tuple[str, bytes]] = deque(maxlen=_MOST_HELD)
        self._away = False

    def write(self, result: Classification) -> None:
        """Write it and what is held back; while the store is away it is held, which is logged once."""
        content = json.dumps(classification_document(result)).encode()
        self._held.append((f"{self._address.prefix}{result.picture}.{result.model}.json", content))
        try:
            while self._held:
                self._put(*self._held[0])
                self._held.popleft()
        except (MinioException, HTTPError, OSError) as error:
            if not self._away:
                _log.warning("results_lost", to=str(self._address), error=str(error))
            self._away = True
            return
        if self._away:
            _log.info("results_back", to=str(self._address))
            self._away = False

    def close(self) -> None:
        """Nothing is held open."""

    def _put(self, key: str, content: bytes) -> None:
        self._store.put_object(
            self._address.bucket, key, io.BytesIO(content), len(content), content_type="application/json"
        )
