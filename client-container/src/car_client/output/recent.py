"""The latest inferences with small pictures, kept in memory for the page."""

import hashlib
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import cv2
import numpy as np
from edge_common.pictures.decode import Picture
from numpy.typing import NDArray

from car_client.output.documents import InferenceDocument, classification_document
from car_client.pipeline.classifier import Classification

Origin = Literal["upload", "watch"]
THUMBNAIL_PIXELS = 160
"""Longer side; twice the 80 CSS pixels of the page, for dense displays."""
_JPEG_QUALITY = 80


class Thumbnail(NamedTuple):
    """A small picture; two with the same `key` are the same."""

    key: str
    jpeg: bytes

    @property
    def path(self) -> str:
        """Where the page finds it."""
        return f"/api/thumbnails/{self.key}.jpg"


class RecentInferences:
    """The last `at_most` inferences, and the thumbnails of as many pictures. Threads may share it."""

    def __init__(
        self, *, at_most: int = 100, on_new: Callable[[InferenceDocument], None] = lambda _document: None
    ) -> None:
        """`on_new` is called with the document of each inference that is added."""
        self._at_most = at_most
        self._on_new = on_new
        self._lock = threading.Lock()
        self._documents: deque[InferenceDocument] = deque(maxlen=at_most)
        self._thumbnails: OrderedDict[str, bytes] = OrderedDict()
        self._number = 0

    def add(self, picture: Picture, result: Classification, *, origin: Origin) -> Thumbnail:
        """Remember `result` of `picture`, which came from `origin`; returns the thumbnail."""
        key = hashlib.blake2b(picture.content, digest_size=12).hexdigest()
        thumbnail = Thumbnail(key, self.thumbnail(key) or thumbnail_of(picture.pixels))
        with self._lock:
            self._thumbnails[key] = thumbnail.jpeg
            self._thumbnails.move_to_end(key)
            while len(self._thumbnails) > self._at_most:
                self._thumbnails.popitem(last=False)
            self._number += 1
            document: InferenceDocument = {
                "id": self._number,
                "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "origin": origin,
                "thumbnail": thumbnail.path,
                **classification_document(result),
            }
            self._documents.append(document)
        self._on_new(document)
        return thumbnail

    def latest(self, at_most: int) -> list[InferenceDocument]:
        """The newest documents, newest first."""
        with self._lock:
            return list(self._documents)[::-1][:at_most]

    def thumbnail(self, key: str) -> bytes | None:
        """The JPEG file of a thumbnail; None when it is not kept any more."""
        with self._lock:
            return self._thumbnails.get(key)


def thumbnail_of(pixels: NDArray[np.uint8], *, longer_side: int = THUMBNAIL_PIXELS) -> bytes:
    """RGB `pixels` [h,w,3] as a small JPEG file of the same proportions, at most `longer_side` pixels."""
    height, width = pixels.shape[:2]
    factor = min(1.0, longer_side / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return bytes(encoded.tobytes())
