"""Uploading a version with the sidecar's own code, SHA256SUMS last, and waiting until it is served."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_common.errors import RejectedError
from model_sync.bucket.keys import is_version_name
from model_sync.settings import read_settings
from model_sync.store.s3_store import S3Bucket
from model_sync.upload.push import prepare_upload, send, upload_id, wait_until_served

from car_models.check import check_model

STATUS_URL = "http://localhost:8081"


@dataclass(frozen=True)
class Pushed:
    """What was uploaded; `uploaded_at` in Unix seconds, `served_after` in seconds, None if not waited for."""

    model: str
    version: str
    files: int
    bytes: int
    digest: str
    uploaded_at: float
    served_after: float | None


def push_version(
    folder: Path,
    *,
    model: str | None = None,
    version: str | None = None,
    wait: bool = False,
    timeout: float = 300.0,
    status_url: str = STATUS_URL,
    environment: Mapping[str, str] | None = None,
    waiting: Callable[[str], None] | None = None,
) -> Pushed:
    """Check `folder` as the sidecar would and upload it; with `wait`, until the platform serves it.

    `model` and `version` default to what the folder is called, `<model>/<version>`. The bucket is the one
    that the `MODEL_SYNC_*` variables in `environment` name, by default this process's. `waiting` is told
    every state on the way.

    Raises:
        RejectedError: it would not be served, or the sidecar rejected it.
        RetryableError: the store does not answer, or it was not served in `timeout` seconds.
        FatalError: a setting is wrong, or no sidecar answers at `status_url`.
    """
    folder = folder.resolve()
    model, version = model or folder.parent.name, version or folder.name
    upload = prepare_upload(folder, model, version)
    if is_version_name(folder.name):
        for verdict in check_model(folder):
            if verdict.problem is not None:
                raise RejectedError(f"{folder} would not be served: {verdict.problem}")
    settings = read_settings(os.environ if environment is None else environment)
    bucket = S3Bucket(settings)
    bucket.ensure_exists(create=settings.create_bucket)
    uploaded_at = send(upload, bucket, settings.home_prefix, lambda _file: None)
    served_after = None
    if wait:
        mark = upload_id(upload, bucket, settings.home_prefix)
        for entry in wait_until_served(upload, mark, status_url, timeout):
            if waiting is not None and entry is not None:
                waiting(str(entry["state"]))
        served_after = round(time.time() - uploaded_at, 3)
    return Pushed(model, version, len(upload.files), upload.size, upload.digest, uploaded_at, served_after)
