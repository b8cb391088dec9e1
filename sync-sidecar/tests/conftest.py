"""What the test modules share: a clean environment, collected log lines, a volume, a real S3 server."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The helpers beside this file are plain modules; pytest's importlib mode adds no folder to the path.
sys.path.insert(0, str(Path(__file__).parent))

from collected_logs import LogLines, collected_logs
from hypothesis import HealthCheck, settings
from model_sync.settings import Settings
from model_sync.volume.volume import Volume
from s3_server import S3Server

# How long one example takes says more about the other users of the machine than about the code.
settings.register_profile("sync", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sync")


@pytest.fixture(autouse=True)
def _no_settings_from_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own variables must not decide about a test."""
    for name in [name for name in os.environ if name.startswith(("MODEL_SYNC_", "AWS_", "MINIO_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def logged() -> Iterator[LogLines]:
    """Everything the test logs."""
    with collected_logs() as collected:
        yield collected


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    """An empty, prepared volume."""
    root = tmp_path / "models"
    root.mkdir()
    made = Volume(root)
    made.prepare()
    return made


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """A real S3 server over HTTP; every test takes a bucket of its own."""
    with S3Server() as server:
        yield server


@pytest.fixture
def s3_settings(s3: S3Server) -> Settings:
    """Settings for a new, empty bucket."""
    return s3.settings(s3.new_bucket())


@pytest.fixture(scope="session")
def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
