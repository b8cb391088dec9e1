"""A MinIO of the benchmark's own, and the data in it."""

import io
import os
import random
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_stack.store.minio_server import call_on_changes, webhook_environment
from minio import Minio
from minio.error import MinioException
from urllib3.exceptions import HTTPError

ACCESS_KEY, SECRET_KEY = "bench", "bench-secret"
_SMALLEST_PART = 5 * 1024 * 1024
_BATCH_BYTES = 64 * 1024 * 1024
_BATCH_OBJECTS = 2000
_START_SECONDS = 30


@dataclass(frozen=True)
class Store:
    """A running store."""

    authority: str
    client: Minio
    sidecar_port: int
    """Where a sidecar has to listen whose uploads the store shall tell it about."""

    def fill(self, bucket: str, keys: Iterable[str], size: int) -> None:
        """Put an object of `size` random bytes under each key."""
        content = random.Random(size).randbytes(min(size, 1024 * 1024))
        self.put_all(bucket, keys, content * (size // len(content)))

    def put_all(self, bucket: str, keys: Iterable[str], content: bytes) -> None:
        """Put `content` under each key; MinIO unpacks archives of many at a time."""
        if not self.client.bucket_exists(bucket_name=bucket):
            self.client.make_bucket(bucket_name=bucket)
        batch: list[str] = []
        for key in keys:
            batch.append(key)
            if len(batch) * len(content) >= _BATCH_BYTES or len(batch) >= _BATCH_OBJECTS:
                self._send(bucket, batch, content)
                batch = []
        if batch:
            self._send(bucket, batch, content)

    def tell_changes(self, bucket: str) -> None:
        """From now on every change in `bucket` calls the sidecar on `sidecar_port`."""
        if not self.client.bucket_exists(bucket_name=bucket):
            self.client.make_bucket(bucket_name=bucket)
        call_on_changes(self.client, bucket)

    def _send(self, bucket: str, keys: list[str], content: bytes) -> None:
        if len(keys) == 1:
            self.client.put_object(
                bucket_name=bucket, object_name=keys[0], data=io.BytesIO(content), length=len(content)
            )
            return
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for key in keys:
                member = tarfile.TarInfo(key)
                member.size, member.mtime = len(content), int(time.time())
                tar.addfile(member, io.BytesIO(content))
        length = archive.tell()
        archive.seek(0)
        self.client.put_object(
            bucket_name=bucket,
            object_name="batch.tar",
            data=archive,
            length=length,
            part_size=max(_SMALLEST_PART, length),  # archives in several parts are not unpacked
            metadata={"X-Amz-Meta-Snowball-Auto-Extract": "true"},
        )


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_store(binary: Path, folder: Path) -> Iterator[Store]:
    """MinIO on a free port with its data in `folder`; SystemExit when it does not start."""
    authority, sidecar_port = f"127.0.0.1:{free_port()}", free_port()
    environment = {
        **os.environ,
        **webhook_environment(f"http://127.0.0.1:{sidecar_port}/v1/sync"),
        "MINIO_ROOT_USER": ACCESS_KEY,
        "MINIO_ROOT_PASSWORD": SECRET_KEY,
    }
    process = subprocess.Popen(
        [str(binary), "server", "--quiet", "--address", authority, str(folder)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    client = Minio(
        endpoint=authority, access_key=ACCESS_KEY, secret_key=SECRET_KEY, secure=False, region="us-east-1"
    )
    try:
        _wait_until_ready(client, process)
        yield Store(authority, client, sidecar_port)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_ready(client: Minio, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            client.list_buckets()
        except (MinioException, HTTPError):
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"MinIO did not start within {_START_SECONDS} s; check MINIO_BIN")
