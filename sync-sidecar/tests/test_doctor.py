"""The doctor finds the likely mistakes and says what to do about each."""

from pathlib import Path

import pytest
from edge_common.model_card import LatestVersions
from model_sync.doctor import Finding, examine
from model_sync.settings import Settings
from model_sync.volume import Volume
from model_sync.volume_lock import VolumeLock
from pydantic import SecretStr


def findings(endpoint: str, models_dir: Path, **further: object) -> dict[str, Finding]:
    settings = Settings.model_validate(
        {
            "s3_endpoint": endpoint,
            "s3_access_key": SecretStr("key"),
            "s3_secret_key": SecretStr("secret-key"),
            "models_dir": models_dir,
            "ovms_url": "http://127.0.0.1:1",
            "versions": LatestVersions(),
            **further,
        }
    )
    return {finding.what: finding for finding in examine(settings)}


def test_a_store_that_does_not_answer_is_told_once(tmp_path: Path) -> None:
    seen = findings("http://127.0.0.1:1", tmp_path)
    assert "cannot be reached" in seen["address of the store"].seen
    assert "MODEL_SYNC_S3_ENDPOINT" in seen["address of the store"].advice
    assert "credentials and bucket" not in seen


def test_a_missing_models_folder_is_told_with_what_to_do(tmp_path: Path) -> None:
    seen = findings("http://127.0.0.1:1", tmp_path / "nowhere")
    assert "does not exist" in seen["models folder"].seen
    assert seen["models folder"].advice == "mount the volume there or set MODEL_SYNC_MODELS_DIR"
    assert "renaming on the volume" not in seen


def test_a_missing_bucket_is_told_with_the_command_that_makes_it(
    s3_settings: Settings, tmp_path: Path
) -> None:
    seen = findings(s3_settings.s3_endpoint, tmp_path, bucket="no-such-bucket")
    assert "does not exist" in seen["credentials and bucket"].seen
    assert "mc mb local/no-such-bucket" in seen["credentials and bucket"].advice


def test_what_is_well_needs_no_advice(tmp_path: Path) -> None:
    seen = findings("http://127.0.0.1:1", tmp_path)
    assert seen["models folder"].well
    assert seen["renaming on the volume"].well
    assert seen["writer of the volume"].well
    assert [path.name for path in tmp_path.iterdir()] == [".model-sync"], "the doctor left something behind"


@pytest.mark.parametrize("state", ["held", "free"])
def test_a_running_sidecar_is_no_mistake(state: str, tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    volume.prepare()
    lock = VolumeLock(volume.lock_path)
    if state == "held":
        assert lock.try_acquire()
    assert findings("http://127.0.0.1:1", tmp_path)["writer of the volume"].well
    lock.release()


def test_a_server_that_does_not_answer_is_told(tmp_path: Path) -> None:
    seen = findings("http://127.0.0.1:1", tmp_path)
    assert "http://127.0.0.1:1 does not answer" in seen["model server"].seen
    assert "MODEL_SYNC_OVMS_URL" in seen["model server"].advice
