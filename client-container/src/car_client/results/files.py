"""Results in a file: JSON lines, or CSV."""

import csv
import json
from pathlib import Path
from typing import Final, TextIO

from edge_common.errors import FatalError

from car_client.inference.classifier import Classification
from car_client.reports import classification_document

_COLUMNS: Final = ("image", "model", "version", "top1", "sure", "probability", "latency_ms")


def _open(path: Path) -> TextIO:
    try:
        return path.open("a", encoding="utf-8", newline="")
    except OSError as error:
        raise FatalError(f"results cannot go to {path}: {error.strerror}; name another file") from error


class JsonLinesSink:
    """Appends one JSON object a result, whole lines only."""

    def __init__(self, path: Path) -> None:
        """Open `path` for appending; raises FatalError."""
        self._file = _open(path)

    def write(self, result: Classification) -> None:
        """Append one line."""
        self._file.write(json.dumps(classification_document(result)) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class CsvSink:
    """Appends one row a result; a new file begins with the names of the columns."""

    def __init__(self, path: Path) -> None:
        """Open `path` for appending; raises FatalError."""
        self._file = _open(path)
        self._rows = csv.writer(self._file)
        if self._file.tell() == 0:
            self._rows.writerow(_COLUMNS)

    def write(self, result: Classification) -> None:
        """Append one row."""
        document = classification_document(result)
        best = document["predictions"][0]["probability"]
        self._rows.writerow([{**document, "probability": best}[name] for name in _COLUMNS])
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
