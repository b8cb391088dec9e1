"""`model-sync plan` says what would be done, and does none of it."""

import json
from pathlib import Path

import pytest
from model_sync.settings import Settings
from model_sync.store.s3_store import S3Bucket
from s3_server import S3Server
from sidecar_process import run_command


def _everything_in(folder: Path) -> dict[str, tuple[bytes | None, int]]:
    """Path -> content (None: a folder) and time of its last change."""
    return {
        str(path.relative_to(folder)): (
            path.read_bytes() if path.is_file() else None,
            path.stat().st_mtime_ns,
        )
        for path in [folder, *folder.rglob("*")]
    }


def _objects(settings: Settings) -> list[tuple[str, str]]:
    return [(listed.key, listed.etag) for listed in S3Bucket(settings).list_objects()]


@pytest.fixture
def environment(s3: S3Server, s3_settings: Settings, tmp_path: Path) -> dict[str, str]:
    """A bucket with one whole and one incomplete upload, and an empty volume."""
    bucket = S3Bucket(s3_settings)
    bucket.put_small("whole/1/model.onnx", b"model", "application/octet-stream")
    bucket.put_small("half/1/model.xml", b"<net/>", "application/xml")
    (tmp_path / "models").mkdir()
    return s3.environment(s3_settings.bucket) | {
        "MODEL_SYNC_MODELS_DIR": str(tmp_path / "models"),
        "MODEL_SYNC_OVMS_URL": "http://127.0.0.1:9",
        "MODEL_SYNC_PREFLIGHT": "off",
    }


def _once(environment: dict[str, str]) -> None:
    assert run_command(environment | {"MODEL_SYNC_SETTLE": "0"}, "once").returncode == 75  # no model server


@pytest.mark.parametrize("mirrored_before", [False, True])
def test_plan_tells_the_steps_and_changes_nothing(
    mirrored_before: bool, environment: dict[str, str], s3_settings: Settings, tmp_path: Path
) -> None:
    if mirrored_before:
        _once(environment)
    S3Bucket(s3_settings).put_small("new/1/model.onnx", b"new", "application/octet-stream")
    volume, bucket = _everything_in(tmp_path), _objects(s3_settings)
    planned = run_command(environment, "plan", "--json")
    assert planned.returncode == 0, planned.stderr
    steps = json.loads(planned.stdout)
    assert "1" in " ".join(steps["new"])
    assert steps["half"] == ["nothing to do"]
    assert (steps["whole"] == ["nothing to do"]) == mirrored_before
    assert _everything_in(tmp_path) == volume
    assert _objects(s3_settings) == bucket


def test_plan_beside_a_running_sidecar_leaves_its_lock_alone(
    environment: dict[str, str], tmp_path: Path
) -> None:
    _once(environment)
    lock = tmp_path / "models" / ".model-sync" / "lock"
    before = lock.stat().st_mtime_ns
    assert run_command(environment, "plan").returncode == 0
    assert lock.stat().st_mtime_ns == before
    _once(environment)
