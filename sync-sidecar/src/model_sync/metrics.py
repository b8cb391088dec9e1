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
        self.listings = self._counter(
            "cycles", "Listings of the bucket, by what they brought.", result=("success", "noop", "error")
        )
        self.listing_seconds = self._histogram("cycle", "Duration of a listing of the bucket.")
        self.last_attempt = self._gauge("last_attempt_timestamp_seconds", "Last listing that was begun.")
        self.last_success = self._gauge("last_success_timestamp_seconds", "Last listing that succeeded.")
        self.failures = self._gauge("consecutive_failures", "Listings that failed since the last success.")
        self.config_writes = self._counter("config_writes", "Changes of config.json.")
        self.drift_mended = self._counter(
            "drift_mended",
            "What somebody else changed on the volume, and was put right.",
            what=("state", "config", "folder", "card", "lock", "version"),
        )
        self.models = self._gauge("models", "Versions by the state they are in.", "state")
        self.served = self._gauge(
            "model_version_info",
            f"1 for each version that the server has AVAILABLE, of the first {MOST_MODELS_MEASURED} models; "
            "digest of its files, and who signed them.",
            *("model", "version", "digest", "signer"),
        )
        self.activation_seconds = self._histogram(
            "activation", "From an upload's newest object to its version being AVAILABLE."
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
        self.request_seconds = self._histogram(
            "store_request", "Until the store answered; of reads until the first byte.", "operation"
        )
        self.received_bytes = self._counter("download_bytes", "Bytes of objects that arrived.")
        self.downloads = self._counter(
            "downloads", "Downloads of an object to the volume, by how they ended.", result=_RESULTS
        )
        self.download_seconds = self._histogram(
            "download", "Duration of a download of one object that succeeded."
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

    @contextmanager
    def download(self) -> Iterator[None]:
        """Count one download by its end, and time it when it succeeds."""
        began = time.monotonic()
        try:
            yield
        except Exception as error:
            self.downloads.labels(result=_result_of(error)).inc()
            raise
        self.downloads.labels(result="success").inc()
        self.download_seconds.observe(time.monotonic() - began)

    def _counter(self, name: str, text: str, **values: Iterable[str]) -> Counter:
        """A counter whose label values are all known, so that each series exists from the first scrape."""
        counter = Counter(f"model_sync_{name}", text, list(values), registry=self.registry)
        for chosen in product(*values.values()) if values else ():
            counter.labels(*chosen)
        return counter

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"model_sync_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        name = f"model_sync_{name}_duration_seconds"
        return Histogram(name, text, labels, registry=self.registry, buckets=_SECONDS)
