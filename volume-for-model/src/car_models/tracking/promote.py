"""Promotion: the files of a registered model, checked as the sidecar checks, into the bucket."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edge_common.errors import FatalError, RejectedError
from model_sync.bucket.catalog import Upload, build_catalog
from model_sync.bucket.checksums import MAX_BYTES, parse_checksums
from model_sync.bucket.keys import is_model_name, quoted
from model_sync.settings import Settings
from model_sync.store.s3_store import S3Bucket
from model_sync.upload.push import VersionFolder, prepare_upload, send, upload_id, wait_until_served

from car_models.check import check_model
from car_models.tracking.bucket_version import Target, choose_target
from car_models.tracking.reference import RunReference, parse_reference
from car_models.tracking.registry import Found, Registry

_UNNUMBERED = "1"
"""Stands for the version's number until it is chosen."""


@dataclass(frozen=True)
class Waiting:
    """Wait until the sidecar at `status_url` serves it, at most `timeout` seconds."""

    status_url: str
    timeout: float = 300.0


@dataclass(frozen=True)
class Promotion:
    """What a promotion came to."""

    reference: str
    registered: str
    """The registered name with MLflow's own number, or the run."""
    model: str
    version: str
    """Of the bucket; MLflow's number is another one."""
    location: str
    digest: str
    """As the sidecar's status shows it."""
    uploaded: bool
    """False: exactly these files were there already."""
    state: str
    """`uploaded`, or `serving` when that was waited for."""


def promote(
    text: str,
    *,
    registry: Registry,
    store: Settings,
    model: str | None = None,
    version: str | None = None,
    waiting: Waiting | None = None,
    show: Callable[[str], None] = lambda _: None,
) -> Promotion:
    """Bring what the reference `text` names into the bucket of `store`, unless it is there already.

    `model` is its name in the bucket, by default the registered one; `version` its number there, by default
    the next free one. `show` gets a line at every change. What came of it is recorded at the MLflow version.

    Raises RejectedError for an unknown reference and for a model that the sidecar would reject or rejects,
    RetryableError when registry or store do not answer, FatalError when one refuses.
    """
    reference = parse_reference(text)
    found = registry.find(reference)
    name = _bucket_name(found, model, unregistered=isinstance(reference, RunReference))
    registered = f"{found.name} version {found.version}" if found.version else found.artifacts
    show(f"{text} is {registered}")
    bucket = S3Bucket(store)
    bucket.ensure_exists(create=store.create_bucket)
    with TemporaryDirectory(prefix="car-models-") as temporary:
        folder = Path(temporary, "checked", name, _UNNUMBERED)
        folder.parent.mkdir(parents=True)
        download = Path(temporary, "downloaded")
        download.mkdir()
        registry.fetch(found, download).rename(folder)
        _check(folder, registered)
        upload, target = _choose(folder, name, version, bucket, store.home_prefix)
        location = f"{store.s3_endpoint}/{store.bucket}/{store.home_prefix}{name}/{target.version}"
        if target.there:
            show(f"{location} holds exactly these files")
        else:
            show(f"uploading to {location}")
            send(upload, bucket, store.home_prefix, lambda _: None)
    result = Promotion(
        text, registered, name, target.version, location, upload.digest, not target.there, "uploaded"
    )
    record = _Record(registry, found, result)
    if waiting is None:
        record.uploaded()
        return result
    mark = upload_id(upload, bucket, store.home_prefix)
    _wait(upload, mark, waiting, record, show)
    return Promotion(**vars(result) | {"state": "serving"})


def _bucket_name(found: Found, model: str | None, *, unregistered: bool) -> str:
    if model is None and unregistered:
        raise RejectedError(f"{found.artifacts} is not registered; give the name in the bucket with --model")
    name = model or found.name
    if not is_model_name(name):
        raise RejectedError(
            f"{quoted(name)} cannot be a model's name in the bucket: letters, digits, '_', '.' and '-', at "
            "most 63, beginning with a letter or digit; give one with --model"
        )
    return name


def _check(folder: Path, registered: str) -> None:
    for verdict in check_model(folder):
        if verdict.problem is not None:
            raise RejectedError(f"{registered} would be rejected: {verdict.problem}; nothing was uploaded")


def _choose(
    folder: Path, model: str, wanted: str | None, bucket: S3Bucket, prefix: str
) -> tuple[VersionFolder, Target]:
    looked_through = prepare_upload(folder, model, wanted or _UNNUMBERED)
    remote = build_catalog(bucket.list_objects(f"{prefix}{model}/"), prefix).models.get(model)

    def read_sums(version: Upload) -> Mapping[str, str] | None:
        sums = version.checksums
        if sums is None:
            return None
        try:
            return parse_checksums(bucket.read_small(sums.key, etag=sums.etag, limit=MAX_BYTES))
        except RejectedError:  # not a list of ours: then these are other files
            return None

    target = choose_target(model, remote, looked_through.files, read_sums, wanted)
    return VersionFolder(folder, model, target.version, looked_through.files), target


class _Record:
    """Tags at the MLflow version that say what was pushed where, and what became of it."""

    def __init__(self, registry: Registry, found: Found, result: Promotion) -> None:
        self._registry, self._found, self._result = registry, found, result

    def uploaded(self) -> None:
        """Say that it is in the bucket; an earlier word on the same upload stays."""
        known = self._found.tags
        if not self._result.uploaded and known.get("platform.location") == self._result.location:
            return
        self._write("uploaded", "")

    def serving(self) -> None:
        self._write("serving", "")

    def rejected(self, reason: str) -> None:
        self._write("rejected", reason)

    def _write(self, state: str, reason: str) -> None:
        tags = {
            "platform.location": self._result.location,
            "platform.digest": self._result.digest,
            "platform.state": state,
            "platform.reason": reason,
        }
        if any(self._found.tags.get(key) != value for key, value in tags.items()):
            tags["platform.promoted_at"] = datetime.now(UTC).isoformat(timespec="seconds")
            self._registry.tag(self._found, tags)


def _wait(
    upload: VersionFolder, mark: str, waiting: Waiting, record: _Record, show: Callable[[str], None]
) -> None:
    last = ""
    try:
        for entry in wait_until_served(upload, mark, waiting.status_url, waiting.timeout):
            said = _said(entry)
            if said != last:
                show(f"{upload.model} version {upload.version}: {said}")
                last = said
    except RejectedError as error:
        record.rejected(str(error))
        raise
    except FatalError:
        record.uploaded()
        raise
    record.serving()


def _said(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return "not seen by the sidecar yet"
    return f"{entry['state']}: {entry['reason']}" if entry["reason"] else str(entry["state"])
