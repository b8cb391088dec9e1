"""Short ways to write down uploads, states and views of one model."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from edge_common.served_state import VersionState
from model_sync.bucket.catalog import ListedModel, Upload, UploadObject
from model_sync.planning.model_snapshot import ModelSnapshot
from model_sync.planning.state import ModelState, StoredFile, StoredVersion

NOW = 1_700_000_000.0


def upload_object(path: str, etag: str = "a", *, size: int = 10, modified: float = NOW) -> UploadObject:
    return UploadObject(path, f"m/1/{path}", size, etag, modified)


def upload(
    bucket_version: str, etag: str = "a", *, paths: tuple[str, ...] = ("model.onnx",), sums: str | None = None
) -> Upload:
    """The upload of one version; another `etag` is other content, `sums` the ETag of its SHA256SUMS."""
    checksums = upload_object("SHA256SUMS", sums) if sums is not None else None
    return Upload("m", bucket_version, tuple(upload_object(path, etag) for path in paths), checksums)


def listed_model(*uploads: Upload) -> ListedModel:
    return ListedModel("m", {version.bucket_version: version for version in uploads}, {})


def stored(
    local_version: int, etag: str = "a", *, bucket_version: str | None = None, at: float = NOW
) -> StoredVersion:
    """What lies on the volume when `upload(bucket_version, etag)` was published as `local_version`."""
    origin = bucket_version if bucket_version is not None else str(local_version)
    files = (StoredFile("model.onnx", 10, "0" * 64),)
    return StoredVersion(local_version, origin, upload(origin, etag).fingerprint, files, at)


def state(*versions: StoredVersion, configured: tuple[int, ...] = (), **others: Any) -> ModelState:
    made = ModelState(configured=configured, **others)
    for version in versions:
        made = made.with_stored(version)
    return made


def snap(model: ModelState | None = None, *uploads: Upload, **others: Any) -> ModelSnapshot:
    """A snapshot with these uploads listed and quiet for long, and a server that is there."""
    base = ModelSnapshot(
        name="m",
        state=model if model is not None else ModelState(),
        now=NOW,
        listed=listed_model(*uploads) if uploads else None,
        served={},
        quiet_for={version.bucket_version: 1000.0 for version in uploads},
    )
    return replace(base, **others)


def available(*local_versions: int) -> Mapping[int, VersionState]:
    return dict.fromkeys(local_versions, VersionState.AVAILABLE)
