"""OVMS's metric families, counted on the event loop and written in the Prometheus text format.

prometheus_client cannot write these: it appends `_total` to the names of counters, and it gives every series
of a family the same labels, while OVMS leaves out `version` for ModelReady and GetModelStatus.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal, get_args

from ovms_lite.errors import StartError
from ovms_lite.serving.servable import Servable

_FIRST_BUCKET_US, _BUCKET_GROWTH, _BUCKETS = 10, 1.8, 33
BOUNDS_US = tuple(int(_FIRST_BUCKET_US * _BUCKET_GROWTH**index) for index in range(_BUCKETS))
_KINDS = {
    "ovms_requests_success": ("counter", "Number of successful requests to a model."),
    "ovms_requests_fail": ("counter", "Number of failed requests to a model."),
    "ovms_streams": ("gauge", "Number of OpenVINO execution streams."),
    "ovms_current_requests": ("gauge", "Number of inference requests currently in process."),
    "ovms_request_time_us": ("histogram", "Processing time of requests to a model."),
    "ovms_inference_time_us": ("histogram", "Inference execution time in the OpenVINO backend."),
    "ovms_wait_for_infer_req_time_us": ("histogram", "Request waiting time in the scheduling queue."),
    "ovms_infer_req_queue_size": ("gauge", "Inference request queue size (nireq)."),
    "ovms_infer_req_active": ("gauge", "Number of currently consumed inference requests."),
    "ovms_lite_requests_refused": ("counter", "Requests refused because too many were waiting."),
    "ovms_lite_models_replaced": ("counter", "Compiled models replaced because they no longer answered."),
}
_OF_GRAPHS = frozenset(
    (
        "ovms_current_graphs",
        "ovms_requests_accepted",
        "ovms_requests_rejected",
        "ovms_responses",
        "ovms_graph_error",
        "ovms_graph_processing_time_us",
    )
)
"""Families about MediaPipe graphs: their names are accepted; without graphs they have no series."""
_OF_SERVABLES: dict[str, Callable[[Servable], int]] = {
    "ovms_streams": lambda servable: servable.stream_count,
    "ovms_infer_req_queue_size": lambda servable: servable.request_count,
    "ovms_infer_req_active": lambda servable: servable.busy_count,
    "ovms_lite_requests_refused": lambda servable: servable.refused_count,
    "ovms_lite_models_replaced": lambda servable: servable.replaced_count,
}
DEFAULT_FAMILIES = tuple(name for name in _KINDS if not name.startswith("ovms_infer_req_"))
_API_METHODS = {
    "KServe": ("ModelInfer", "ModelMetadata", "ModelReady"),
    "TensorFlowServing": ("Predict", "GetModelMetadata", "GetModelStatus"),
}
_WITHOUT_VERSION = frozenset(("ModelReady", "GetModelStatus"))
_API_OF = {method: api for api, methods in _API_METHODS.items() for method in methods}

Interface = Literal["REST", "gRPC"]
"""How a request came in; a label of its series."""
_INTERFACES: tuple[Interface, ...] = get_args(Interface)


_Counted = tuple[bool, Interface, str]
"""Success, interface and method."""


@dataclass(slots=True)
class Histogram:
    """Counts per bucket; the last one is for what is above every bound."""

    counts: list[int] = field(default_factory=lambda: [0] * (_BUCKETS + 1))
    total: float = 0.0

    def observe(self, microseconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BOUNDS_US, microseconds)] += 1
        self.total += microseconds


@dataclass(slots=True)
class VersionMetrics:
    """What is counted for one version of one model."""

    requests: dict[_Counted, int] = field(default_factory=dict)
    current: int = 0
    request_time: dict[Interface, Histogram] = field(
        default_factory=lambda: {interface: Histogram() for interface in _INTERFACES}
    )
    inference_time: Histogram = field(default_factory=Histogram)
    wait_time: Histogram = field(default_factory=Histogram)


class Metrics:
    """All counts; `families` are the ones shown. Raises StartError for a family that does not exist."""

    def __init__(self, families: Iterable[str] = ()) -> None:
        chosen = tuple(families) or DEFAULT_FAMILIES
        unknown = sorted(set(chosen) - set(_KINDS) - _OF_GRAPHS)
        if unknown:
            raise StartError(
                f"there is no metric family {unknown[0]!r}; choose from {', '.join(sorted(_KINDS))}"
            )
        self.families = tuple(family for family in chosen if family not in _OF_GRAPHS)
        self._versions: dict[tuple[str, str], VersionMetrics] = {}
        self._models: dict[str, dict[_Counted, int]] = {}

    def of(self, name: str, version: str) -> VersionMetrics:
        """The counts of one version."""
        counts = self._versions.get((name, version))
        if counts is None:
            counts = self._versions[name, version] = VersionMetrics()
        return counts

    def count(self, name: str, version: str, method: str, interface: Interface, *, success: bool) -> None:
        """Count one request; for ModelReady and GetModelStatus the version does not matter."""
        counts = (
            self._models.setdefault(name, {})
            if method in _WITHOUT_VERSION
            else self.of(name, version).requests
        )
        key = (success, interface, method)
        counts[key] = counts.get(key, 0) + 1

    def render(self, servables: Iterable[Servable]) -> bytes:
        """The text of `/metrics`; every version that answers has its series from the start."""
        answering = {(servable.name, servable.version_text): servable for servable in servables}
        for name, version in answering:
            self.of(name, version)
        lines: list[str] = []
        for family in self.families:
            kind, text = _KINDS[family]
            lines += (f"# HELP {family} {text}", f"# TYPE {family} {kind}")
            lines.extend(f"{family}{series}" for series in self._series(family, answering))
        return "".join(f"{line}\n" for line in lines).encode()

    def _series(self, family: str, answering: dict[tuple[str, str], Servable]) -> Iterator[str]:
        if family in ("ovms_requests_success", "ovms_requests_fail"):
            yield from self._request_counts(success=family == "ovms_requests_success")
            return
        for (name, version), counts in sorted(self._versions.items()):
            labels = _labels(name=name, version=version)
            servable = answering.get((name, version))
            if family in _HISTOGRAMS:
                yield from _HISTOGRAMS[family](counts, labels)
            elif family == "ovms_current_requests":
                yield f"{{{labels}}} {counts.current}"
            elif servable is not None:
                yield f"{{{labels}}} {_OF_SERVABLES[family](servable)}"

    def _request_counts(self, *, success: bool) -> Iterator[str]:
        for name, version in sorted(self._versions):
            yield from _counts(self._versions[name, version].requests, success, name, version)
        for name in sorted({name for name, _ in self._versions}):
            yield from _counts(self._models.get(name, {}), success, name, None)


def _counts(counts: dict[_Counted, int], success: bool, name: str, version: str | None) -> Iterator[str]:
    for method, api in _API_OF.items():
        if (method in _WITHOUT_VERSION) != (version is None):
            continue
        for interface in _INTERFACES:
            labels = _labels(api=api, interface=interface, method=method, name=name, version=version)
            yield f"{{{labels}}} {counts.get((success, interface, method), 0)}"


def _histogram(histogram: Histogram, labels: str) -> Iterator[str]:
    cumulative = list(accumulate(histogram.counts))
    yield f"_count{{{labels}}} {cumulative[-1]}"
    yield f"_sum{{{labels}}} {histogram.total:.0f}"
    bounds = [f"{bound}" for bound in BOUNDS_US] + ["+Inf"]
    for bound, count in zip(bounds, cumulative, strict=True):
        yield f'_bucket{{{labels},le="{bound}"}} {count}'


def _request_times(counts: VersionMetrics, labels: str) -> Iterator[str]:
    for interface, histogram in counts.request_time.items():
        yield from _histogram(histogram, f'interface="{interface}",{labels}')


_HISTOGRAMS: dict[str, Callable[[VersionMetrics, str], Iterator[str]]] = {
    "ovms_request_time_us": _request_times,
    "ovms_inference_time_us": lambda counts, labels: _histogram(counts.inference_time, labels),
    "ovms_wait_for_infer_req_time_us": lambda counts, labels: _histogram(counts.wait_time, labels),
}


def _labels(**labels: str | None) -> str:
    escaped = {
        key: value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        for key, value in labels.items()
        if value is not None
    }
    return ",".join(f'{key}="{value}"' for key, value in escaped.items())
