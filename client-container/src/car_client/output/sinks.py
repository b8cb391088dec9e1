"""Where results of `watch` and `serve` go besides the log: JSON lines, CSV, a bucket."""

import csv
import json
import re
from collections import deque
from pathlib import Path

from edge_common.errors import FatalError
from edge_common.logs import get_logger
from edge_common.printable import printable, printable_cell
from minio import Minio
from minio.error import S3Error

from car_client.output.documents import classification_document
from car_client.pipeline.classifier import Classification
from car_client.s3_address import SCHEME, STORE_ERRORS, S3Address, reason_of, s3_client, write_object
from car_client.settings import Settings

_log = get_logger()
_UNSAFE_PART = re.compile(r"(?:(?<=/)|^)\.{1,2}(?=/)|/(?=/)")
"""Parts of a path that stores refuse, or that mean another place."""
_COLUMNS = ("image", "model", "version", "top1", "sure", "probability", "latency_ms")
_UNFIT_NAME = frozenset({"KeyTooLongError", "XMinioInvalidObjectName"})
"""What stores say of a name that is too long, or has too long a part."""
_MOST_HELD = 1000
"""Results kept while the store is away; the oldest is given up first."""


class ResultSink:
    """Receives every result of a watch; this one leaves them to the log. An outage stops no watch."""

    def write(self, result: Classification) -> None:
        """Take one result."""

    def close(self) -> None:
        """Let go of what is open; what is held back is lost."""


def open_sink(settings: Settings) -> ResultSink:
    """Where the settings say results go: `FILE.csv`, `FILE.jsonl`, `s3://...`. Raises FatalError."""
    address = settings.results
    if address is None:
        return ResultSink()
    if address.startswith(SCHEME):
        store = s3_client(settings)
        return BucketSink(store, S3Address.parse(address))
    if address.endswith(".csv"):
        return CsvSink(Path(address))
    if address.endswith((".jsonl", ".ndjson")):
        return JsonLinesSink(Path(address))
    raise FatalError(f"results cannot go to {address!r}; write FILE.csv, FILE.jsonl or s3://BUCKET/PREFIX")


class _FileSink(ResultSink):
    """Appends to `path`, whole lines only; raises FatalError when it cannot be opened."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("a", encoding="utf-8", newline="")
        except OSError as error:
            raise FatalError(f"results cannot go to {path}: {error.strerror}; name another file") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class JsonLinesSink(_FileSink):
    """Appends one JSON object a result."""

    def write(self, result: Classification) -> None:
        """Append one line."""
        self._file.write(json.dumps(classification_document(result)) + "\n")
        self._file.flush()


class CsvSink(_FileSink):
    """Appends one row a result; a new file begins with the names of the columns."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._rows = csv.DictWriter(self._file, _COLUMNS, extrasaction="ignore")
        if self._file.tell() == 0:
            self._rows.writeheader()

    def write(self, result: Classification) -> None:
        """Append one row."""
        document = classification_document(result)
        row = {**document, "probability": document["predictions"][0]["probability"]}
        self._rows.writerow({key: _cell(value) for key, value in row.items()})
        self._file.flush()


def _cell(value: object) -> object:
    return printable_cell(value) if isinstance(value, str) else value


class BucketSink(ResultSink):
    """Writes `<prefix><image>.<model>.json`; the newest result of a picture and model replaces the last."""

    def __init__(self, store: Minio, address: S3Address) -> None:
        self._store = store
        self._address = address
        self._held: deque[tuple[str, bytes]] = deque(maxlen=_MOST_HELD)
        self._away = False

    def write(self, result: Classification) -> None:
        """Write it and what is held back; while the store is away it is held, which is logged once."""
        content = json.dumps(classification_document(result)).encode()
        name = _UNSAFE_PART.sub("_", f"{result.picture}.{result.model}.json").lstrip("/")
        self._held.append((f"{self._address.prefix}{name}", content))
        try:
            while self._held:
                self._put(*self._held[0])
                self._held.popleft()
        except STORE_ERRORS as error:
            if not self._away:
                _log.warning("results_held", to=str(self._address), error=reason_of(error))
            self._away = True
            return
        if self._away:
            _log.info("results_delivered", to=str(self._address))
            self._away = False

    def _put(self, key: str, content: bytes) -> None:
        """Write one; what the store can never take is told and left out, so that it holds nothing up."""
        try:
            write_object(self._store, self._address, key, content, "application/json")
        except S3Error as error:
            if error.code not in _UNFIT_NAME:
                raise
            _log.warning("result_rejected", to=str(self._address), key=printable(key), error=reason_of(error))
