"""Uploading as a person does: file by file through a forwarded port, without checksums."""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import requests
from minio import Minio

from .kubectl import Document, Kubectl

NAME = "ml-models"
USER, PASSWORD = "minioadmin", "minioadmin123"


@dataclass(frozen=True)
class Bucket:
    """The bucket of the release `release`."""

    kubectl: Kubectl
    release: str

    def upload(self, model: str, version: int | str, files: Mapping[str, bytes]) -> None:
        """Put the files of one version, by the S3 port."""
        with self._store() as store:
            for name, content in files.items():
                store.put_object(NAME, f"{model}/{version}/{name}", io.BytesIO(content), len(content))

    def upload_in_console(self, model: str, version: int | str, files: Mapping[str, bytes]) -> None:
        """The same with the requests that the web console's page makes, signed in by name and password."""
        with (
            self.kubectl.forward(f"svc/{self.release}-minio-console", 9001) as port,
            requests.Session() as session,
        ):
            console = f"http://127.0.0.1:{port}/api/v1"
            keys = {"accessKey": USER, "secretKey": PASSWORD}
            session.post(f"{console}/login", json=keys, timeout=30).raise_for_status()
            for name, content in files.items():
                key = f"{model}/{version}/{name}"
                session.post(
                    f"{console}/buckets/{NAME}/objects/upload",
                    params={"prefix": key},
                    files={str(len(content)): (name, content)},
                    timeout=60,
                ).raise_for_status()

    def remove(self, model: str) -> None:
        """Delete everything of `model`."""
        with self._store() as store:
            for one in list(store.list_objects(NAME, f"{model}/", recursive=True)):
                assert one.object_name is not None
                store.remove_object(NAME, one.object_name)

    def statuses(self) -> list[Document]:
        """What the sidecars wrote below `_status/`."""
        with self._store() as store:
            keys = [one.object_name for one in store.list_objects(NAME, "_status/")]
            return [json.loads(_read(store, key)) for key in keys if key is not None]

    @contextmanager
    def _store(self) -> Iterator[Minio]:
        with self.kubectl.forward(f"svc/{self.release}-minio", 9000) as port:
            yield Minio(f"127.0.0.1:{port}", USER, PASSWORD, secure=False, region="us-east-1")


def _read(store: Minio, key: str) -> bytes:
    answer = store.get_object(NAME, key)
    try:
        return answer.read()
    finally:
        answer.close()
        answer.release_conn()
