"""What the test modules share: a clean environment, a fake server, and the client's parts against it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The helpers beside this file are plain modules; pytest's importlib mode adds no folder to the path.
sys.path.insert(0, str(Path(__file__).parent))

from car_client.kserve.connection import Connection
from car_client.s3_address import s3_client
from car_client.settings import Settings
from collected_logs import LogLines, collected_logs
from fake_kserve import FakeKServe
from hypothesis import settings
from minio import Minio
from pydantic import SecretStr

# How long one example takes says more about the other users of the machine than about the code.
settings.register_profile("client", deadline=None)
settings.load_profile("client")


@pytest.fixture(autouse=True)
def _no_settings_from_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own CAR_CLIENT_* variables must not decide about a test."""
    for name in [name for name in os.environ if name.startswith("CAR_CLIENT_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def logged() -> Iterator[LogLines]:
    """Everything the test logs."""
    with collected_logs() as collected:
        yield collected


@pytest.fixture
def server() -> Iterator[FakeKServe]:
    with FakeKServe() as fake:
        yield fake


@pytest.fixture
def connection(server: FakeKServe) -> Iterator[Connection]:
    made = Connection(server.url, timeout=5)
    yield made
    made.close()


@pytest.fixture
def store() -> Iterator[Minio]:
    """An S3 store with the bucket `pictures`."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - takes a second, which few tests need

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    client = s3_client(
        Settings(
            s3_endpoint=f"http://{host}:{port}",
            s3_access_key=SecretStr("test"),
            s3_secret_key=SecretStr("test"),
        )
    )
    client.make_bucket("pictures")
    yield client
    server.stop()
