"""moto's S3 over HTTP in this process, with a bucket for each test."""

import itertools
from types import TracebackType
from typing import Any, Self

from minio import Minio
from model_sync.settings import Settings
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

ACCESS_KEY, SECRET_KEY = "tester", "tester-secret"


class S3Server:
    """A context that serves S3 on a free port of 127.0.0.1."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._numbers = itertools.count(1)
        self.endpoint = ""

    def __enter__(self) -> Self:
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    def settings(self, bucket: str, **others: Any) -> Settings:
        """Settings that lead to `bucket` on this server."""
        return Settings(
            s3_endpoint=self.endpoint,
            s3_region="us-east-1",
            s3_access_key=SecretStr(ACCESS_KEY),
            s3_secret_key=SecretStr(SECRET_KEY),
            bucket=bucket,
            **others,
        )

    def environment(self, bucket: str) -> dict[str, str]:
        """The same as variables for a command."""
        return {
            "MODEL_SYNC_S3_ENDPOINT": self.endpoint,
            "MODEL_SYNC_S3_REGION": "us-east-1",
            "MODEL_SYNC_S3_ACCESS_KEY": ACCESS_KEY,
            "MODEL_SYNC_S3_SECRET_KEY": SECRET_KEY,
            "MODEL_SYNC_BUCKET": bucket,
        }

    def client(self) -> Minio:
        """A client that is not the code under test."""
        authority = self.endpoint.removeprefix("http://")
        return Minio(
            endpoint=authority,
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            secure=False,
            region="us-east-1",
        )

    def new_bucket(self) -> str:
        """Create an empty bucket; returns its name."""
        name = f"bucket-{next(self._numbers)}"
        self.client().make_bucket(bucket_name=name)
        return name
