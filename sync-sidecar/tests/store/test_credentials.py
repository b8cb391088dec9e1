"""Where credentials come from when no keys are set."""

from pathlib import Path

import pytest
from edge_common.errors import FatalError
from minio.credentials.credentials import Credentials
from model_sync.store import credentials
from model_sync.store.credentials import DefaultChain


@pytest.fixture(autouse=True)
def _no_credentials_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")

    def nobody(_role: object) -> Credentials:
        raise ValueError("no instance role in this test")

    monkeypatch.setattr(credentials._InstanceRole, "retrieve", nobody)


def test_the_environment_is_used_when_no_keys_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-the-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-key")
    assert DefaultChain().retrieve().access_key == "from-the-environment"


def test_a_credentials_file_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/credentials")
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = from-a-file\naws_secret_access_key = secret-key\n"
    )
    assert DefaultChain().retrieve().access_key == "from-a-file"


def test_without_any_source_the_sentence_names_the_settings() -> None:
    with pytest.raises(FatalError, match="set MODEL_SYNC_S3_ACCESS_KEY and MODEL_SYNC_S3_SECRET_KEY"):
        DefaultChain().retrieve()
