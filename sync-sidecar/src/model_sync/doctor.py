"""The likely mistakes, looked for one by one; each finding says what to do about it."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests
from edge_common.errors import EdgeError
from edge_common.quantities import format_duration, format_size

from model_sync.bucket_status import FOLDER
from model_sync.catalog import build_catalog, combined
from model_sync.object_store import S3Bucket
from model_sync.ovms_client import ModelServer
from model_sync.settings import Settings
from model_sync.volume import Volume
from model_sync.volume_lock import VolumeLock

_MOST_SKEW = 300.0
"""Seconds; S3 refuses requests whose clock is further off than 15 minutes."""
_LITTLE_SPACE = 1024**3
_TIMEOUT = 5.0
_KEY = f"{FOLDER}doctor"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `advice` is empty when it is well."""

    what: str
    seen: str
    advice: str = ""

    @property
    def well(self) -> bool:
        """Whether nothing needs to be done."""
        return not self.advice


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything the sidecar depends on, from the nearest to the farthest. Never raises."""
    volume = Volume(settings.models_dir)
    yield (folder := _checked("models folder", lambda: _models_folder(volume)))
    if folder.well:
        yield _checked("renaming on the volume", lambda: _rename(volume))
        yield _checked("space on the volume", lambda: _space(volume))
        yield _checked("writer of the volume", lambda: _writer(volume))
    yield (address := _checked("address of the store", lambda: _address(settings.s3_endpoint)))
    if address.well:
        yield from _store(settings)
    yield _checked("model server", lambda: _server(settings.ovms_url))


def _store(settings: Settings) -> Iterator[Finding]:
    bucket = S3Bucket(settings)
    yield _checked("clock", lambda: _clock(settings.s3_endpoint))
    yield (found := _checked("credentials and bucket", lambda: _bucket(bucket)))
    if found.well:
        yield _checked("models in the bucket", lambda: _models(bucket, settings))
        yield _checked("status object", lambda: _status_object(bucket, settings))


def _checked(what: str, look: Callable[[], tuple[str, str]]) -> Finding:
    try:
        seen, advice = look()
    except EdgeError as error:
        sentence, _, advice = str(error).rpartition("; ")
        return Finding(what, sentence or str(error), advice or "see above")
    except OSError as error:
        return Finding(what, f"{error.strerror or error}", "make it readable and writable for this user")
    return Finding(what, seen, advice)


def _models_folder(volume: Volume) -> tuple[str, str]:
    volume.prepare()
    return f"{volume.root} can be written", ""


def _rename(volume: Volume) -> tuple[str, str]:
    probe = volume.lock_path.with_name("doctor")
    target = volume.root / ".doctor"
    try:
        probe.mkdir(exist_ok=True)
        probe.rename(target)
    except OSError as error:
        return (
            f"a folder cannot be renamed within {volume.root} ({error.strerror})",
            "put the whole models folder on one file system that can rename folders",
        )
    finally:
        for folder in (probe, target):
            with suppress(OSError):
                folder.rmdir()
    return "a folder can be renamed from staging into place", ""


def _space(volume: Volume) -> tuple[str, str]:
    free = volume.free_bytes()
    advice = "make the volume larger, or remove models" if free < _LITTLE_SPACE else ""
    return f"{format_size(free)} free", advice


def _writer(volume: Volume) -> tuple[str, str]:
    lock = VolumeLock(volume.lock_path)
    if lock.try_acquire():
        lock.release()
        return "free: no other sidecar writes", ""
    return "another sidecar writes to this volume, as it should while one runs", ""


def _address(endpoint: str) -> tuple[str, str]:
    parts = urlsplit(endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=_TIMEOUT):
            return f"{endpoint} accepts connections", ""
    except OSError as error:
        return (
            f"{endpoint} cannot be reached: {error.strerror or error}",
            "check MODEL_SYNC_S3_ENDPOINT, that the store runs, and what filters the network",
        )


def _clock(endpoint: str) -> tuple[str, str]:
    try:
        answer = requests.head(endpoint, timeout=_TIMEOUT, verify=False)  # noqa: S501 - only its Date is read
        there = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (requests.RequestException, KeyError, ValueError) as error:
        return f"the store does not tell its time ({type(error).__name__})", ""
    skew = abs(time.time() - there)
    advice = "correct the clock of this machine or of the store (NTP)" if skew > _MOST_SKEW else ""
    return f"differs from the store's by {format_duration(skew)}", advice


def _bucket(bucket: S3Bucket) -> tuple[str, str]:
    bucket.ensure_exists(create=False)
    return f"'{bucket.name}' exists and may be listed", ""


def _models(bucket: S3Bucket, settings: Settings) -> tuple[str, str]:
    catalog = combined({p: build_catalog(bucket.list_objects(p), p) for p in settings.prefix})
    versions = sum(len(model.versions) for model in catalog.models.values())
    problems = [v.problem for model in catalog.models.values() for v in model.versions.values() if v.problem]
    problems += catalog.notices
    seen = f"{catalog.objects} objects, {len(catalog.models)} models, {versions} versions"
    if problems:
        return seen, problems[0]
    if not versions:
        return seen, "upload a model to <model>/<version>/, or check MODEL_SYNC_BUCKET and MODEL_SYNC_PREFIX"
    return seen, ""


def _status_object(bucket: S3Bucket, settings: Settings) -> tuple[str, str]:
    if settings.status_to_bucket == "off":
        return "switched off", ""
    try:
        bucket.put_small(settings.home_prefix + _KEY, b"", "text/plain")
        bucket.remove(settings.home_prefix + _KEY)
    except EdgeError as error:
        return (
            str(error).partition(";")[0],
            "grant s3:PutObject on _status/*, or set MODEL_SYNC_STATUS_TO_BUCKET=off",
        )
    return "may be written, so that uploaders see the state at the bucket's console", ""


def _server(url: str) -> tuple[str, str]:
    served = ModelServer(url).served()
    return f"{url} answers and knows {len(served)} models", ""
