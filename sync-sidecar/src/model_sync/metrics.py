"""The sidecar's Prometheus metrics. Labels are bounded: results, states, and the models of the deployment."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

MOST_MODELS_MEASURED = 1000
"""Models with series of their own; of more, the first by name. /v1/status has all of them."""


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
        self.models = Gauge(
            f"{prefix}_versions", "Versions by the state they are in.", ["state"], registry=self.registry
        )
        self.served = Gauge(
            f"{prefix}_model_version_info",
            f"1 for each version that the server has AVAILABLE, of the first {MOST_MODELS_MEASURED} models.",
            ["model", "version"],
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

    def tell_served(self, serving: Mapping[str, Iterable[int]]) -> None:
        """Replace the series of served versions by these; `serving` is model -> numbers."""
        self.served.clear()
        for name in sorted(serving)[:MOST_MODELS_MEASURED]:
            for number in serving[name]:
                self.served.labels(model=name, version=str(number)).set(1)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"model_sync_{name}", text, registry=self.registry)
