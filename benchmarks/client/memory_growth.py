"""Whether the serving client's memory grows with the pictures it has classified."""

import itertools
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

_WORKERS = 4


@dataclass(frozen=True)
class Growth:
    """Resident memory of the process in MiB."""

    pictures: int
    after_a_tenth: float
    at_the_end: float


def measure_growth(process_id: int, url: str, model: str, files: Sequence[Path], *, pictures: int) -> Growth:
    """Upload so many pictures; the first tenth fills caches, pools and the list of recent inferences."""
    process = psutil.Process(process_id)
    contents = itertools.cycle([file.read_bytes() for file in files])
    sessions = threading.local()

    def upload(content: bytes) -> None:
        session = sessions.__dict__.setdefault("session", requests.Session())
        answer = session.post(
            f"{url}/api/classify?model={model}",
            data=content,
            headers={"Content-Type": "image/jpeg"},
            timeout=30,
        )
        answer.raise_for_status()

    def upload_many(count: int) -> float:
        with ThreadPoolExecutor(_WORKERS) as threads:
            list(threads.map(upload, itertools.islice(contents, count)))
        return process.memory_info().rss / 2**20

    tenth = pictures // 10
    return Growth(pictures, upload_many(tenth), upload_many(pictures - tenth))
