"""Pinning from outside: the pin.yaml in the bucket, and waiting until the sidecar has followed it."""

from collections.abc import Iterator, Mapping
from typing import Any

from edge_common.errors import RejectedError, RetryableError
from edge_common.quantities import format_duration

from model_sync.bucket.catalog import ListedModel, build_catalog
from model_sync.bucket.keys import PIN_NAME, is_version_name, quoted, version_rank
from model_sync.bucket.pins import Pin, format_pin, pin_key
from model_sync.planning.uploads import Phase
from model_sync.settings import Settings
from model_sync.upload.sidecar_status import StoreAddress, statuses, versions_of


class Pins:
    """The pins in the bucket that the settings name."""

    def __init__(self, settings: Settings) -> None:
        """Connect; nothing is asked of the store yet. Raises FatalError for an unusable endpoint."""
        from model_sync.store.s3_store import S3Bucket  # noqa: PLC0415 - slow to import, and not always needed

        self._prefixes = settings.prefix
        self._bucket = S3Bucket(settings)
        self.store = StoreAddress(settings.s3_endpoint, settings.bucket)

    def write(self, model: str, pin: Pin) -> None:
        """Write the pin beside its model; raises RejectedError when the bucket has no such model."""
        self._bucket.put_small(pin_key(self._listed(model)), format_pin(pin), "application/yaml")

    def remove(self, model: str) -> bool:
        """Remove the pin of `model`; False when it has none. Raises as `write` does."""
        there = self._listed(model).loose.get(PIN_NAME)
        if there is not None:
            self._bucket.remove(there.key)
        return there is not None

    def _listed(self, model: str) -> ListedModel:
        for prefix in self._prefixes:
            found = build_catalog(self._bucket.list_objects(f"{prefix}{model}/"), prefix).models.get(model)
            if found is not None:
                return found
        raise RejectedError(f"{self.store} has no model {quoted(model)}; model-sync status lists all")


def version_before(status: Mapping[str, Any], model: str) -> str:
    """The version that a rollback of `model` returns to: below the one that answers, on the volume if any is.

    Raises RejectedError when there is none.
    """
    rows = [row for row in versions_of(status, model) if is_version_name(row["source"])]
    serving = max(status.get("models", {}).get(model, {}).get("serving", []), default=None)
    now = next((row["source"] for row in rows if row["local_version"] == serving is not None), None)
    if now is None:
        raise RejectedError(f"no version of {quoted(model)} answers; name the one to go back to with --to")
    fit = (row for row in rows if row["state"] != Phase.REJECTED)
    lower = [row for row in fit if version_rank(row["source"]) < version_rank(now)]
    if not lower:
        raise RejectedError(f"{model} has no version before {now}; upload the earlier files as a new version")
    best = max(lower, key=lambda row: (row["local_version"] is not None, version_rank(row["source"])))
    return str(best["source"])


def wait_until_pinned(
    model: str, pin: Pin | None, address: str, timeout: float, *, written_to: StoreAddress
) -> Iterator[Mapping[str, Any] | None]:
    """Yield what the status says of the pin whenever it was asked for, until it is followed; None: gone.

    Raises RejectedError with the sidecar's sentence when it cannot be followed, RetryableError when it was
    not in `timeout` seconds, and FatalError as `statuses` does.
    """
    seen: Mapping[str, Any] | None = None
    for status in statuses(address, timeout, of=written_to):
        known = status.get("models", {}).get(model)
        seen = known["pin"] if known is not None else None
        yield seen
        if pin is None and known is not None and seen is None:
            return
        if pin is not None and seen is not None and seen.get("version") == pin.version:
            if not seen["holds"] and _is_rejected(status, model, pin.version):
                raise RejectedError(f"{model}: {seen['sentence']}")
            if _answers(status, model, pin.version):
                return
    last = seen["sentence"] if seen is not None else "no pin is seen"
    raise RetryableError(f"{model} is not there after {format_duration(timeout)}; last: {last}")


def _is_rejected(status: Mapping[str, Any], model: str, version: str) -> bool:
    rows = [row for row in versions_of(status, model) if row["source"] == version]
    return not rows or rows[0]["state"] == Phase.REJECTED


def _answers(status: Mapping[str, Any], model: str, version: str) -> bool:
    """Whether `version` answers those who name none: the highest number that the server has."""
    serving = max(status["models"][model]["serving"], default=None)
    rows = versions_of(status, model)
    return any(row["source"] == version and row["local_version"] == serving is not None for row in rows)
