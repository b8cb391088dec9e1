"""What the model server counts of each version, read from its `/metrics` in Prometheus' text format.

The page is long and grows with the models, so it is read in a thread, seldom, and only the few series of use
are parsed. Names and labels are those of OVMS 2026.2.1, which ovms-lite has, too.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Thread

import urllib3
from edge_common.logs import get_logger
from prometheus_client.parser import text_string_to_metric_families
from urllib3.exceptions import HTTPError

from model_sync.swap_watch.observations import ABOVE, ServerCounts

_log = get_logger()

MAX_BYTES = 32 * 1024 * 1024
"""Of an answer; 1000 versions have 14 MB."""
_CHUNK = 256 * 1024
_SECONDS = 30.0
_PATIENCE = urllib3.Timeout(connect=5.0, read=10.0)
_TIMES = "ovms_request_time_us_bucket"
_COUNTS = {"ovms_requests_success": False, "ovms_requests_fail": True}
"""Family -> whether what it counts has failed."""
_INFERENCES = frozenset({"ModelInfer", "Predict"})
_OF_USE = re.compile(rf"^(?:{'|'.join([_TIMES, *_COUNTS])})\{{.*\}} (?!0$).*$", re.MULTILINE)
"""The lines that matter, but for those that say 0."""

Key = tuple[str, int]
"""Model and local version."""
Counted = Mapping[Key, ServerCounts]
"""Since the server began to count."""
NOTHING = ServerCounts()


class ServerMetrics:
    """The metrics of one model server. `counts` is for one thread."""

    def __init__(self, url: str) -> None:
        """`url` such as http://localhost:8000; nothing is asked yet."""
        self._address = f"{url.rstrip('/')}/metrics"
        self._pool = urllib3.PoolManager(maxsize=1, retries=False)
        self._reading: Thread | None = None
        self._last: Counted | None = None
        self._lacking: bool | None = None

    def counts(self) -> Counted | None:
        """What was read last; the next reading begins. None: the metrics cannot be read."""
        if self._reading is None or not self._reading.is_alive():
            # a daemon, because the end of the program does not wait for a busy server
            self._reading = Thread(target=self._read, name="read-counts", daemon=True)
            self._reading.start()
        return self._last

    def _read(self) -> None:
        try:
            self._last = self._ask()
        except (HTTPError, ValueError) as error:
            self._last = None
            _log.debug("server_counts_unreadable", address=self._address, reason=str(error)[:200])
        lacking = self._last is None
        if lacking and self._lacking is not True:
            what = "start it with --metrics_enable, or new versions are judged by what clients report alone"
            _log.info("server_counts_missing", address=self._address, reason=what)
        self._lacking = lacking

    def _ask(self) -> Counted | None:
        answer = self._pool.request("GET", self._address, timeout=_PATIENCE, preload_content=False)
        content, began = bytearray(), time.monotonic()
        with closing(answer):
            while chunk := answer.read1(_CHUNK):
                content += chunk
                if len(content) > MAX_BYTES or time.monotonic() - began > _SECONDS:
                    return None
        return parse_counts(content.decode("utf-8", "replace")) if answer.status == HTTPStatus.OK else None


def parse_counts(text: str) -> Counted:
    """The counts in a page of metrics; raises ValueError when it is none."""
    lines = "\n".join(_OF_USE.findall(text)) + "\n"
    requests: dict[Key, list[int]] = {}
    times: dict[Key, dict[int, int]] = {}
    for family in text_string_to_metric_families(lines):
        for sample in family.samples:
            version = sample.labels.get("version", "")
            if not version.isdecimal():
                continue
            key = sample.labels.get("name", ""), int(version)
            if sample.name == _TIMES:
                bounds = times.setdefault(key, {})
                limit = float(sample.labels["le"])
                bound = int(limit) if limit < ABOVE else ABOVE
                bounds[bound] = bounds.get(bound, 0) + int(sample.value)
            elif sample.name in _COUNTS and sample.labels.get("method") in _INFERENCES:
                counted = requests.setdefault(key, [0, 0])
                counted[0] += int(sample.value)
                counted[1] += int(sample.value) if _COUNTS[sample.name] else 0
    found = {}
    for key in requests.keys() | times.keys():
        ended, failed = requests.get(key, (0, 0))
        found[key] = ServerCounts(ended, failed, _apart(times.get(key, {})))
    return found


def _apart(cumulative: Mapping[int, int]) -> dict[int, int]:
    """Of each bucket alone; in the text each holds those below it."""
    found, below = {}, 0
    for bound in sorted(cumulative):
        found[bound] = max(cumulative[bound] - below, 0)
        below = max(cumulative[bound], below)
    return found


@dataclass
class CountedTotals:
    """Totals that only grow, though a server that is started anew counts from zero. Used by one thread."""

    counts: Callable[[], Counted | None]
    """See `ServerMetrics.counts`."""
    window: float
    """Seconds that are looked back."""
    readings: int = 0
    """How many brought counts."""
    is_readable: bool = False
    """Whether the last one did."""
    _totals: dict[Key, ServerCounts] = field(default_factory=dict)
    _raw: Mapping[Key, ServerCounts] = field(default_factory=dict)
    _earlier: deque[tuple[float, Mapping[Key, ServerCounts]]] = field(default_factory=deque)
    """Totals of times within the window, and the last before it."""

    def read(self, known: Collection[Key], now: float) -> None:
        """Take in a reading, and remember only the versions `known`; `now` is monotonic."""
        counted = self.counts()
        self.is_readable = counted is not None
        if counted is None:
            return
        self.readings += 1
        for key, counts in counted.items():
            self._totals[key] = self.of(key) + (counts - self._raw.get(key, NOTHING))
        self._raw = counted
        self._totals = {key: counts for key, counts in self._totals.items() if key in known}
        self._earlier.append((now, dict(self._totals)))
        while len(self._earlier) > 1 and self._earlier[1][0] <= now - self.window:
            self._earlier.popleft()

    def of(self, key: Key) -> ServerCounts:
        """What was counted of a version in all."""
        return self._totals.get(key, NOTHING)

    def of_window_start(self, key: Key, now: float) -> ServerCounts:
        """What was counted of a version when the last window began; nothing, where nobody read so early."""
        at, first = self._earlier[0] if self._earlier else (now, {})
        return first.get(key, NOTHING) if at <= now - self.window else NOTHING
