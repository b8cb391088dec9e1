"""Promotion: the files of a registered model, checked as the sidecar checks, into the bucket."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edge_common.errors import FatalError, RejectedError
from model_sync.upload import (
    PROVENANCE_NAME,
    Destination,
    Provenance,
    Settings,
    VersionFolder,
    check_model,
    format_provenance,
    is_model_name,
    quoted,
    read_version_folder,
    wait_until_served,
)

from car_models.evaluating.decision import Decision
from car_models.tracking.reference import RunReference, parse_reference
from car_models.tracking.registry import ModelArtifacts, Registry

_SIGNATURE_NAME = "model.sig"
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
    decision: Decision | None = None,
    waiting: Waiting | None = None,
    show: Callable[[str], None] = lambda _: None,
) -> Promotion:
    """Bring what the reference `text` names into the bucket of `store`, unless it is there already.

    `model` is its name in the bucket, by default the registered one; `version` its number there, by default
    the next free one. `decision` is what `decide` made of it and the version that it is to replace; None:
    nobody compared them. `show` gets a line at every change. What came of it is recorded at the MLflow
    version.

    Raises RejectedError where the decision is against it, for an unknown reference, and for a model that the
    sidecar would reject or rejects; RetryableError when registry or store do not answer, FatalError when one
    refuses.
    """
    if decision is not None:
        decision.raise_if_refused()
        show(decision.sentence)
    reference = parse_reference(text)
    found = registry.find(reference)
    name = _bucket_name(found, model, unregistered=isinstance(reference, RunReference))
    registered = f"{found.name} version {found.version}" if found.version else found.artifacts
    show(f"{text} is {registered}")
    destination = Destination(store)
    with TemporaryDirectory(prefix="car-models-") as temporary:
        folder = Path(temporary, "checked", name, _UNNUMBERED)
        folder.parent.mkdir(parents=True)
        download = Path(temporary, "downloaded")
        download.mkdir()
        registry.fetch(found, download).rename(folder)
        _say_where_from(folder, found)
        _check(folder, registered)
        upload = read_version_folder(folder, name, version or _UNNUMBERED)
        target = destination.choose_target(upload, version)
        upload = replace(upload, version=target.version)
        location = destination.address(upload)
        if target.there:
            show(f"{location} holds exactly these files")
        else:
            show(f"uploading to {location}")
            destination.send(upload)
    result = Promotion(
        text, registered, name, target.version, location, upload.digest, not target.there, "uploaded"
    )
    record = partial(_record, registry, found, result)
    if waiting is None:
        record("uploaded")
        return result
    _wait(upload, destination, waiting, record, show)
    return replace(result, state="serving")


def _bucket_name(found: ModelArtifacts, model: str | None, *, unregistered: bool) -> str:
    if model is None and unregistered:
        raise RejectedError(f"{found.artifacts} is not registered; give the name in the bucket with --model")
    name = model or found.name
    if not is_model_name(name):
        raise RejectedError(
            f"{quoted(name)} cannot be a model's name in the bucket: letters, digits, '_', '.' and '-', at "
            "most 63, beginning with a letter or digit; give one with --model"
        )
    return name


def _say_where_from(folder: Path, found: ModelArtifacts) -> None:
    """Put provenance.json beside the files, unless they bring one, or are signed: then nothing may join."""
    path = folder / PROVENANCE_NAME
    if path.exists() or (folder / _SIGNATURE_NAME).exists():
        return
    version = str(found.version) if found.version is not None else ""
    path.write_bytes(format_provenance(Provenance("mlflow", found.name, version, found.run or "")))


def _check(folder: Path, registered: str) -> None:
    for checked in check_model(folder):
        if checked.problem is not None:
            raise RejectedError(f"{registered} would be rejected: {checked.problem}; nothing was uploaded")


def _record(
    registry: Registry, found: ModelArtifacts, result: Promotion, state: str, reason: str = ""
) -> None:
    """Say by tags at the MLflow version what was pushed where, and what became of it."""
    same_upload = not result.uploaded and found.tags.get("platform.location") == result.location
    if state == "uploaded" and same_upload:
        return  # an earlier word on it says more
    tags = {
        "platform.location": result.location,
        "platform.digest": result.digest,
        "platform.state": state,
        "platform.reason": reason,
    }
    if any(found.tags.get(key) != value for key, value in tags.items()):
        tags["platform.promoted_at"] = datetime.now(UTC).isoformat(timespec="seconds")
        registry.tag(found, tags)


def _wait(
    upload: VersionFolder,
    destination: Destination,
    waiting: Waiting,
    record: Callable[..., None],
    show: Callable[[str], None],
) -> None:
    last = ""
    try:
        url, upload_id, store = waiting.status_url, destination.upload_id(upload), destination.store
        for entry in wait_until_served(upload, upload_id, url, waiting.timeout, pushed_to=store):
            said = _said(entry)
            if said != last:
                show(f"{upload.model} version {upload.version}: {said}")
                last = said
    except RejectedError as error:
        record("rejected", str(error))
        raise
    except FatalError:
        record("uploaded")
        raise
    record("serving")


def _said(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return "not seen by the sidecar yet"
    return f"{entry['state']}: {entry['reason']}" if entry["reason"] else str(entry["state"])
