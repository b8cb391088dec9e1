"""Labelled pictures out of review, as a folder that `car-models evaluate` reads and `acceptance/` may be."""

import csv
import io
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from edge_common.atomic_files import replace_file
from edge_common.errors import RejectedError
from edge_common.logs import get_logger

from car_client.review.bucket import MOST_ITEMS, ReviewBucket

_log = get_logger()
EXPECTED_NAME = "expected.csv"
"""`file,label`, one line a picture."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the pictures in review."""

    labelled: int
    """Of them in the folder; the same picture from two days counts once, with its newer label."""
    unlabelled: int
    damaged: int
    """Of those that are not what was sent."""


def take_labelled(review: ReviewBucket, folder: Path) -> Taken:
    """Write every labelled picture into `folder`, then the list of them; nothing changes in the bucket.

    Raises RetryableError when the store is in the way, RejectedError when the folder cannot be written.
    """
    items, _ = review.items(MOST_ITEMS)
    labels: dict[str, str] = {}
    unlabelled = damaged = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for item in items:
            name = f"{item.id.digest}.jpg"
            if item.record.label is None:
                unlabelled += 1
            elif name not in labels:
                content = review.picture(item.id)
                if content is None or sha256(content).hexdigest() != item.id.digest:
                    damaged += 1
                    _log.warning("review_picture_damaged", id=str(item.id))
                    continue
                replace_file(folder / name, content)
                labels[name] = item.record.label
        replace_file(folder / EXPECTED_NAME, _table(labels).encode())
    except OSError as error:
        raise RejectedError(f"{folder} cannot be written: {error.strerror}; name another folder") from error
    return Taken(len(labels), unlabelled, damaged)


def _table(labels: dict[str, str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("file", "label"), *sorted(labels.items())])
    return text.getvalue()
