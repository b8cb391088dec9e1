"""Each figure moves when the thing it counts happens."""

from importlib.metadata import version
from pathlib import Path

import pytest
from edge_common.errors import EdgeError
from faulty_store import Change, FaultyStore
from hand_executors import AtOnce
from model_sync.bucket.catalog import build_catalog
from model_sync.bucket.checksums import format_checksums
from model_sync.bucket.completeness import IncompleteError
from model_sync.download.staging import Staging
from model_sync.gate.gate import Gate, Incoming
from model_sync.metrics import MOST_MODELS_MEASURED, REVISION_VARIABLE, Metrics
from model_sync.settings import Settings
from model_sync.store.s3_store import S3Bucket
from prometheus_client import generate_latest
from store_faults import answer, corrupt, cut, objects

_CONTENT = bytes(100_000)


def _value(metrics: Metrics, name: str, **labels: str) -> float:
    value = metrics.registry.get_sample_value(f"model_sync_{name}", labels)
    assert value is not None, f"{name} {labels} is not exported"
    return value


def _fetch(settings: Settings, metrics: Metrics, folder: Path, **changed: object) -> None:
    bucket = S3Bucket(settings.model_copy(update=changed), metrics)
    model = build_catalog(bucket.list_objects()).models["m"]
    gate = Gate(bucket, AtOnce(), None, metrics)
    gate.admit(Incoming(model, model.versions["1"], Staging(folder)))


@pytest.fixture
def uploaded(s3_settings: Settings) -> Settings:
    """A bucket with one model of one file."""
    S3Bucket(s3_settings).put_small("m/1/model.onnx", _CONTENT, "application/octet-stream")
    return s3_settings


def test_a_download_moves_its_figures(uploaded: Settings, tmp_path: Path) -> None:
    metrics = Metrics()
    _fetch(uploaded, metrics, tmp_path)
    assert _value(metrics, "store_requests_total", operation="list", result="success") == 1
    assert _value(metrics, "store_requests_total", operation="read", result="success") == 1
    assert _value(metrics, "store_request_duration_seconds_count", operation="read") == 1
    assert _value(metrics, "download_bytes_total") == len(_CONTENT)
    assert _value(metrics, "downloads_total", result="success") == 1
    assert _value(metrics, "download_duration_seconds_count") == 1
    assert _value(metrics, "integrity_failures_total", reason="store") == 0


@pytest.mark.parametrize(
    ("fault", "request_result", "download_result"),
    [
        (answer(403, "AccessDenied"), "refused", "refused"),
        (answer(500, "InternalError"), "failed", "failed"),
        (cut(), "success", "failed"),
    ],
)
def test_a_download_that_fails_is_counted_by_its_end(
    fault: Change, request_result: str, download_result: str, uploaded: Settings, tmp_path: Path
) -> None:
    metrics = Metrics()
    with FaultyStore(uploaded.s3_endpoint) as faulty:
        faulty.fault = (objects(), fault)
        with pytest.raises(EdgeError):
            _fetch(uploaded, metrics, tmp_path, s3_endpoint=faulty.endpoint)
    assert _value(metrics, "store_requests_total", operation="read", result=request_result) >= 1
    assert _value(metrics, "downloads_total", result=download_result) == 1
    assert _value(metrics, "download_duration_seconds_count") == 0


def test_bytes_that_are_not_what_the_store_promises_are_counted(uploaded: Settings, tmp_path: Path) -> None:
    metrics = Metrics()
    with FaultyStore(uploaded.s3_endpoint) as faulty:
        faulty.fault = (objects(), corrupt)
        with pytest.raises(EdgeError):
            _fetch(uploaded, metrics, tmp_path, s3_endpoint=faulty.endpoint)
    assert _value(metrics, "integrity_failures_total", reason="store") >= 1


def test_a_file_that_its_checksums_contradict_is_counted(uploaded: Settings, tmp_path: Path) -> None:
    sums = format_checksums({"model.onnx": "0" * 64})
    S3Bucket(uploaded).put_small("m/1/SHA256SUMS", sums, "text/plain")
    metrics = Metrics()
    with pytest.raises(IncompleteError):
        _fetch(uploaded, metrics, tmp_path)
    assert _value(metrics, "integrity_failures_total", reason="checksums") == 1


def test_every_kind_of_request_has_its_name(s3_settings: Settings) -> None:
    metrics = Metrics()
    bucket = S3Bucket(s3_settings, metrics)
    bucket.ensure_exists(create=False)
    bucket.put_small("a", b"x", "text/plain")
    bucket.remove("a")
    for operation in ("head", "write", "remove"):
        assert _value(metrics, "store_requests_total", operation=operation, result="success") == 1


def test_what_runs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REVISION_VARIABLE, "abc123")
    assert _value(Metrics(), "build_info", version=version("edgeai-cars-model-sync"), revision="abc123") == 1


def test_all_names_of_the_contract_are_there_from_the_first_scrape() -> None:
    exported = generate_latest(Metrics().registry).decode()
    for name in [
        "cycles_total",
        "cycle_duration_seconds",
        "last_success_timestamp_seconds",
        "last_attempt_timestamp_seconds",
        "consecutive_failures",
        "store_requests_total",
        "store_request_duration_seconds",
        "download_bytes_total",
        "downloads_total",
        "download_duration_seconds",
        "models",
        "model_version_info",
        "activation_duration_seconds",
        "ovms_reloads_total",
        "integrity_failures_total",
        "disk_free_bytes",
        "disk_used_bytes",
        "leader",
        "build_info",
    ]:
        assert f"# TYPE model_sync_{name} " in exported


def _series(metrics: Metrics) -> list[str]:
    return [sample.labels["model"] for family in metrics.served.collect() for sample in family.samples]


def test_a_bucket_of_ten_thousand_models_makes_a_bounded_number_of_series() -> None:
    metrics = Metrics()
    metrics.tell_served({f"m{number:05}": {1: ("", "")} for number in reversed(range(10_000))})
    assert _series(metrics) == [f"m{number:05}" for number in range(MOST_MODELS_MEASURED)]


def test_a_version_that_is_no_longer_served_has_no_series() -> None:
    metrics = Metrics()
    known = ("sha256:a", "sha256:b")
    metrics.tell_served({"cars": {1: known, 2: known}, "dogs": {1: ("", "")}})
    metrics.tell_served({"cars": {2: known}})
    assert _series(metrics) == ["cars"]
    one = 'model_version_info{digest="sha256:a",model="cars",signer="sha256:b",version="2"} 1.0'
    assert one in generate_latest(metrics.registry).decode()
