"""The sidecar's Prometheus metrics. Labels are bounded: results, states, and the models of the deployment."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from itertools import product

from edge_common.errors import FatalError, RejectedError
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

MOST_MODELS_MEASURED = 1000
"""Models with series of their own; of more, the first by name. /v1/status has all of them."""

REVISION_VARIABLE = "SOURCE_REVISION"
"""Set by the image: the commit it was built from."""

_OPERATIONS = ("list", "read", "write", "remove", "head")
_RESULTS = ("success", "refused", "failed")
"""`refused`: another try would not help; `failed`: it ended early, and is worth another."""


def _result_of(error: Exception) -> str:
    return "refused" if isinstance(error, FatalError | RejectedError) else "failed"


class _Build(Collector):
    """What runs; looked up at the first scrape, because `once` and `plan` need not wait for it."""

    @cached_property
    def _labels(self) -> dict[str, str]:
        revision = os.environ.get(REVISION_VARIABLE, "unknown")
        return {"version": version("edgeai-cars-model-sync"), "revision": revision}

    def collect(self) -> Iterator[Metric]:
        """The one series."""
        build = GaugeMetricFamily("model_sync_build_info", "1; what runs.", labels=list(self._labels))
        build.add_metric(list(self._labels.values()), 1)
        yield build


class Metrics:
    """One set of metrics, in a registry of its own."""

    def __init__(self) -> None:
        """All metrics exist from the first scrape; times that never came are 0."""
        self.registry = CollectorRegistry()
        prefix = "model_sync"
        self.listings = Counter(
            f"{prefix}_cycles",
            "Listings of the bucket, by what they brought.",
            ["result"],
            registry=self.registry,
        )
        for result in ("success", "noop", "error"):
            self.listings.labels(result=result)
        self.listing_seconds = Histogram(
            f"{prefix}_cycle_duration_seconds",
            "Duration of a listing of the bucket.",
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.last_attempt = self._gauge("last_attempt_timestamp_seconds", "Last listing that was begun.")
        self.last_success = self._gauge("last_success_timestamp_seconds", "Last listing that succeeded.")
        self.failures = self._gauge("consecutive_failures", "Listings that failed since the last success.")
        self.config_writes = Counter(
            f"{prefix}_config_writes", "Changes of config.json.", registry=self.registry
        )
        self.drift_mended = self._counter(
            "drift_mended",
            "What somebody else changed on the volume, and was put right.",
            what=("state", "config", "folder", "card", "lock", "version"),
        )
        self.models = Gauge(
            f"{prefix}_models", "Versions by the state they are in.", ["state"], registry=self.registry
        )
        self.served = Gauge(
            f"{prefix}_model_version_info",
            f"1 for each version that the server has AVAILABLE, of the first {MOST_MODELS_MEASURED} models; "
            "digest of its files, and who signed them.",
            ["model", "version", "digest", "signer"],
            registry=self.registry,
        )
        self.activation_seconds = Histogram(
            f"{prefix}_activation_duration_seconds",
            "From an upload's newest object to its version being AVAILABLE.",
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.disk_free = self._gauge("disk_free_bytes", "Bytes that can still be written to the volume.")
        self.disk_used = self._gauge("disk_used_bytes", "Bytes of published versions on the volume.")
        self.leader = self._gauge("leader", "1 when this pod writes to the volume, else 0.")
        self.server_up = self._gauge("server_up", "1 when the model server answers.")
        self.loads = self._counter(
            "ovms_reloads", "Loads that the model server completed.", result=("success", "error")
        )
        self.versions_withdrawn = self._counter(
            "versions_withdrawn",
            "Versions that did clearly worse than the one before, and were taken back.",
            reason=("failed", "slow", "not_sure", "refused", "labels"),
        )
        self.requests = self._counter(
            "store_requests", "Requests to the store.", operation=_OPERATIONS, result=_RESULTS
        )
        self.request_seconds = Histogram(
            f"{prefix}_store_request_duration_seconds",
            "Until the store answered; of reads until the first byte.",
            ["operation"],
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.received_bytes = Counter(
            f"{prefix}_download_bytes", "Bytes of objects that arrived.", registry=self.registry
        )
        self.downloads = self._counter(
            "downloads", "Downloads of an object to the volume, by how they ended.", result=_RESULTS
        )
        self._downloads = {result: self.downloads.labels(result=result) for result in _RESULTS}
        self.download_seconds = Histogram(
            f"{prefix}_download_duration_seconds",
            "Duration of a download of one object that succeeded.",
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.integrity_failures = self._counter(
            "integrity_failures", "Content that is not what was promised.", reason=("store", "checksums")
        )
        self.signatures = self._counter(
            "signature_checks",
            "Uploads whose signature was looked for, by what was found.",
            result=("valid", "unsigned", "rejected"),
        )
        self.registry.register(_Build())

    def tell_served(self, serving: Mapping[str, Mapping[int, tuple[str, str]]]) -> None:
        """Replace the series of served versions by these; `serving` is model -> number -> digest and signer.

        Each is empty where nobody knows it.
        """
        self.served.clear()
        for name in sorted(serving)[:MOST_MODELS_MEASURED]:
            for local_version, (digest, signer) in serving[name].items():
                self.served.labels(name, str(local_version), digest, signer).set(1)

    @contextmanager
    def store_request(self, operation: str) -> Iterator[None]:
        """Count and time one request to the store; `operation` is list, read, write, remove or head."""
        began = time.monotonic()
        result = "success"
        try:
            yield
        except Exception as error:
            result = _result_of(error)
            raise
        finally:
            self.request_seconds.labels(operation=operation).observe(time.monotonic() - began)
            self.requests.labels(operation=operation, result=result).inc()

    def count_download(self, seconds: float, failure: Exception | None) -> None:
        """Count a download that has ended, and time it when it succeeded."""
        self._downloads["success" if failure is None else _result_of(failure)].inc()
        if failure is None:
            self.download_seconds.observe(seconds)

    @contextmanager
    def download(self) -> Iterator[None]:
        """Count one download by its end, and time it when it succeeds."""
        began = time.monotonic()
        try:
            yield
        except Exception as error:
            self.count_download(0.0, error)
            raise
        self.count_download(time.monotonic() - began, None)

    def _counter(self, name: str, text: str, **values: Iterable[str]) -> Counter:
        """A counter whose label values are all known, so that each series exists from the first scrape."""
        counter = Counter(f"model_sync_{name}", text, list(values), registry=self.registry)
        for chosen in product(*values.values()):
            counter.labels(*chosen)
        return counter

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"model_sync_{name}", text, registry=self.registry)
