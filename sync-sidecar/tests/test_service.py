"""`model-sync run` from its start to its end by SIGTERM, as a process."""

import io
from pathlib import Path

import pytest
import requests
from eventually import wait_until
from part_files import complement_of, covered_ranges, merged, total_of
from s3_server import S3Server
from sidecar_process import SidecarProcess
from watched_store import WatchedStore

_KEY = "cars/1/model.onnx"
_MIB = 1024 * 1024
_GRACE = 5.0
"""Seconds after which every process of the platform has to be gone."""


def _upload(s3: S3Server, bucket: str, size: int) -> bytes:
    content = bytes(range(251)) * (size // 251 + 1)
    s3.client().put_object(bucket, _KEY, io.BytesIO(content[:size]), size)
    return content[:size]


def _environment(s3: S3Server, bucket: str, store: WatchedStore, volume: Path) -> dict[str, str]:
    return {
        **s3.environment(bucket),
        "MODEL_SYNC_S3_ENDPOINT": store.endpoint,
        "MODEL_SYNC_MODELS_DIR": str(volume),
        "MODEL_SYNC_OVMS_URL": "http://127.0.0.1:9",
        "MODEL_SYNC_SETTLE": "0",
        "MODEL_SYNC_STATUS_TO_BUCKET": "off",
    }


@pytest.fixture
def models(tmp_path: Path) -> Path:
    made = tmp_path / "models"
    made.mkdir()
    return made


@pytest.mark.parametrize("size", [6 * _MIB, 40 * _MIB], ids=["one connection", "several connections"])
def test_a_download_in_flight_ends_in_time_and_goes_on_at_the_next_start(
    s3: S3Server, models: Path, tmp_path: Path, size: int
) -> None:
    bucket = s3.new_bucket()
    content = _upload(s3, bucket, size)
    with WatchedStore(s3.endpoint, 6 * _MIB) as store:
        environment = _environment(s3, bucket, store, models)
        with SidecarProcess(environment, tmp_path / "first.log") as first:
            wait_until(lambda: total_of(covered_ranges(models, "cars", "1") or []) > 2 * _MIB)
            assert first.terminate(within=_GRACE) == 0, first.log
            assert '"sidecar_stopped"' in first.log
        there = covered_ranges(models, "cars", "1")
        assert there, "the download had ended already"
        asked = len(store.requests)
        with SidecarProcess(environment, tmp_path / "second.log"):
            published = models / "cars" / "1" / "model.onnx"
            wait_until(published.exists)
        assert published.read_bytes() == content
        fetched = [(one.start, one.end or size) for one in store.requests[asked:] if one.key == _KEY]
        assert merged(fetched) == complement_of(there, size)


def test_a_download_that_hardly_moves_does_not_hold_up_the_end(
    s3: S3Server, models: Path, tmp_path: Path
) -> None:
    bucket = s3.new_bucket()
    _upload(s3, bucket, 40 * _MIB)
    with WatchedStore(s3.endpoint, 20_000) as store:
        environment = _environment(s3, bucket, store, models)
        with SidecarProcess(environment, tmp_path / "log") as sidecar:
            wait_until(lambda: any(one.key == _KEY for one in store.requests))
            assert sidecar.terminate(within=_GRACE) == 0, sidecar.log
            assert '"sidecar_stopped"' in sidecar.log


def test_it_answers_while_the_store_and_the_server_are_away_and_ends_with_0(
    models: Path, tmp_path: Path
) -> None:
    environment = {
        "MODEL_SYNC_S3_ENDPOINT": "http://127.0.0.1:9",
        "MODEL_SYNC_S3_REGION": "us-east-1",
        "MODEL_SYNC_S3_ACCESS_KEY": "key",
        "MODEL_SYNC_S3_SECRET_KEY": "secret",
        "MODEL_SYNC_MODELS_DIR": str(models),
        "MODEL_SYNC_OVMS_URL": "http://127.0.0.1:9",
    }
    with SidecarProcess(environment, tmp_path / "log") as sidecar:
        wait_until(lambda: requests.get(f"{sidecar.url}/startupz", timeout=5).status_code == 200)
        assert requests.get(f"{sidecar.url}/healthz", timeout=5).status_code == 200
        evil = {"Host": "evil.example"}
        assert requests.get(f"{sidecar.url}/v1/status", headers=evil, timeout=5).status_code == 421
        assert requests.get(f"{sidecar.url}/readyz", timeout=5).status_code == 503
        status = requests.get(f"{sidecar.url}/v1/status", timeout=5).json()
        assert (status["store"]["reachable"], status["server"]["reachable"]) == (False, False)
        assert (models / "config.json").exists(), "the server would not start without it"
        assert sidecar.terminate(within=_GRACE) == 0, sidecar.log
