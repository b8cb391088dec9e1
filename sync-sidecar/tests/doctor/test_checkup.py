"""The doctor finds the likely mistakes on the volume and says what to do about each."""

import errno
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from edge_common.findings import Finding, Level
from edge_common.model_card import LatestVersions
from model_sync.doctor import checkup
from model_sync.doctor.checkup import examine, may_replace, mount_points, trusted_keys
from model_sync.model_server.config import format_config
from model_sync.planning.state import State
from model_sync.settings import Settings
from model_sync.volume.lock import VolumeLock
from model_sync.volume.volume import Volume
from pydantic import SecretStr
from signing_keys import MadeCertificate, MadeKey


def findings(endpoint: str, models_dir: Path, **further: object) -> dict[str, Finding]:
    settings = Settings.model_validate(
        {
            "s3_endpoint": endpoint,
            "s3_region": "us-east-1",
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


def test_what_is_well_needs_no_advice(tmp_path: Path) -> None:
    seen = findings("http://127.0.0.1:1", tmp_path)
    assert seen["models folder"].level is Level.OK
    assert seen["renaming on the volume"].level is Level.OK
    assert seen["writer of the volume"].level is Level.OK
    assert [path.name for path in tmp_path.iterdir()] == [".model-sync"], "the doctor left something behind"


@pytest.mark.parametrize(("version", "advised"), [(0, True), (7, False)])
def test_a_kernel_that_cannot_confine_preflight_is_told(
    version: int, advised: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkup, "landlock_version", lambda: version)
    assert ("5.13" in findings("http://127.0.0.1:1", tmp_path)["preflight"].advice) is advised


def test_preflight_that_is_off_needs_no_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "landlock_version", lambda: 0)
    assert findings("http://127.0.0.1:1", tmp_path, preflight="off")["preflight"].level is Level.OK


@pytest.mark.parametrize("state", ["held", "free"])
def test_a_running_sidecar_is_no_mistake(state: str, tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    volume.prepare()
    lock = VolumeLock(volume.lock_path)
    if state == "held":
        assert lock.try_acquire()
    assert findings("http://127.0.0.1:1", tmp_path)["writer of the volume"].level is Level.OK
    lock.release()


def test_a_models_folder_that_cannot_be_written_is_told() -> None:
    seen = findings("http://127.0.0.1:1", Path("/sys"))["models folder"]
    assert "cannot write to the models folder /sys" in seen.seen
    assert "fsGroup" in seen.advice


def test_staging_on_another_file_system_is_told(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        (tmp_path / ".model-sync").symlink_to(elsewhere)
        seen = findings("http://127.0.0.1:1", tmp_path)["renaming on the volume"]
    assert "cannot be renamed" in seen.seen
    assert "one file system" in seen.advice


def test_folders_that_cannot_be_read_are_named_and_are_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lost+found").mkdir()
    iterdir = Path.iterdir

    def refuse(path: Path) -> Iterator[Path]:
        if path.name == "lost+found":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    seen = findings("http://127.0.0.1:1", tmp_path)["folders of others"]
    assert (seen.level, seen.seen) == (Level.WARN, "lost+found cannot be read, and is left alone")


def test_little_space_is_told_with_what_stays_free(tmp_path: Path) -> None:
    seen = findings("http://127.0.0.1:1", tmp_path, min_free_bytes="900TiB")["space on the volume"]
    assert "900.0 TiB" in seen.seen
    assert seen.advice == "make the volume larger, or remove models"


def test_a_config_file_that_is_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()  # what a container engine makes of a file to mount that is missing
    seen = findings("http://127.0.0.1:1", tmp_path)["config.json"]
    assert "cannot be replaced" in seen.seen
    assert f"mount the folder {tmp_path}" in seen.advice


def test_a_config_file_that_is_mounted_by_itself_is_recognised() -> None:
    line = r"36 35 98:0 /a /mnt/my\040models/config.json rw,noatime master:1 - ext4 /dev/root rw"
    assert mount_points(line) == {"/mnt/my models/config.json"}


def test_a_config_file_that_somebody_else_wrote_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        '{"model_config_list": [{"config": {"name": "m", "base_path": "/m"}}]}'
    )
    seen = findings("http://127.0.0.1:1", tmp_path)["config.json"]
    assert "was not written by model-sync" in seen.seen
    assert "upload its models to the bucket" in seen.advice


def test_a_config_file_of_ours_is_well(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(format_config(State(), tmp_path))
    assert findings("http://127.0.0.1:1", tmp_path)["config.json"].level is Level.OK


@pytest.mark.parametrize(
    ("user", "mode", "allowed"), [(1, 0o755, True), (1, 0o1777, False), (2, 0o1777, True), (0, 0o1777, True)]
)
def test_only_a_sticky_folder_keeps_anothers_config_file(user: int, mode: int, allowed: bool) -> None:
    assert may_replace(user, file_owner=2, folder_owner=0, folder_mode=mode) is allowed


def _look(folder: Path) -> Finding:
    return trusted_keys(folder, time.time())


def test_a_folder_without_a_usable_key_fails(tmp_path: Path) -> None:
    missing = _look(tmp_path / "none")
    assert (missing.level, "No such file" in missing.seen) == (Level.FAIL, True)
    assert "holds no key" in _look(tmp_path).seen
    (tmp_path / "junk.pem").write_text("no key")
    assert "junk.pem' cannot be used: it is no PEM file" in _look(tmp_path).seen
    assert _look(tmp_path).advice.endswith("every signed upload is rejected")


def test_keys_that_can_be_used_are_named(tmp_path: Path) -> None:
    MadeKey(tmp_path / "own").trust(tmp_path / "keys")
    found = _look(tmp_path / "keys")
    assert (found.level, found.advice) == (Level.OK, "")
    assert found.seen.startswith("1 can be used: build.pem sha256:")


@pytest.mark.parametrize(("days", "said"), [(-30, "expired at "), (30, "does not hold yet by this")])
def test_a_certificate_that_does_not_hold_now_is_a_warning(tmp_path: Path, days: int, said: str) -> None:
    at = datetime.now(UTC) + timedelta(days=days)
    (tmp_path / "root.pem").write_bytes(MadeCertificate("root", authority=True, at=at).pem)
    found = _look(tmp_path)
    assert (found.level, said in found.seen) == (Level.WARN, True)
