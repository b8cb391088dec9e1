"""What only several listings show: how long an upload has been quiet, and whether a removal is real. Pure.

Nothing is removed because of an error, an outage or an empty answer: a removal must be seen by two listings
and last a grace time, and removals are held for longer when a listing is empty or lost more than half of the
models. After a restart all of it begins anew, which costs a little time and never a wrong decision.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from edge_common.quantities import format_duration

from model_sync.bucket.catalog import Catalog

_LISTINGS_THAT_MUST_AGREE = 2

Since = Mapping[str, Mapping[str, float]]
"""Model -> bucket version -> monotonic seconds."""


def quiet_since(catalog: Catalog, now: float, before: Catalog | None, since: Since) -> Since:
    """Since when each upload has been listed as it is now; `since` is the same for the listing `before`."""
    found = {}
    for name, model in catalog.models.items():
        known = before.models.get(name) if before is not None else None
        found[name] = {
            bucket_version: since[name][bucket_version]
            if known is not None
            and bucket_version in known.versions
            and known.versions[bucket_version].upload_id == upload.upload_id
            else now
            for bucket_version, upload in model.versions.items()
        }
    return found


@dataclass(frozen=True)
class Absence:
    """An upload that was there and is no longer listed. `since` is monotonic seconds."""

    since: float
    listings: int = 1


@dataclass(frozen=True)
class Absences:
    """What the listings so far say is missing. Kept in memory only."""

    missing: Mapping[tuple[str, str], Absence] = field(default_factory=dict)
    suspicious_since: float | None = None
    lost: int = 0
    known: int = 0

    def after_listing(self, catalog: Catalog, stored: Iterable[tuple[str, str]], now: float) -> "Absences":
        """The same after one more complete listing; `stored`: model and bucket version of what we keep."""
        kept = set(stored)
        missing = {}
        for model, bucket_version in kept:
            listed = catalog.models.get(model)
            if listed is None or bucket_version not in listed.versions:
                before = self.missing.get((model, bucket_version))
                missing[model, bucket_version] = (
                    Absence(now) if before is None else Absence(before.since, before.listings + 1)
                )
        known = {model for model, _ in kept}
        lost = {model for model in known if model not in catalog.models or not catalog.models[model].versions}
        suspicious = bool(known) and (catalog.objects == 0 or 2 * len(lost) > len(known))
        since = (self.suspicious_since if self.suspicious_since is not None else now) if suspicious else None
        return Absences(missing, since, len(lost), len(known))

    def after_failure(self, now: float, hold: float) -> "Absences":
        """The same after a listing that failed: a removal hold begins anew.

        Else two empty answers with an outage between them would pass for a removal that lasts.
        """
        return replace(self, suspicious_since=now) if self.removal_hold(now, hold) is not None else self

    def removal_hold(self, now: float, hold: float) -> str | None:
        """Why no removal is believed at the moment; None when the listings are believable."""
        if self.suspicious_since is None or now - self.suspicious_since >= hold:
            return None
        return (
            f"the listing suddenly lacks {self.lost} of {self.known} models; nothing is removed until that "
            f"has lasted {format_duration(hold)}, in case the store is at fault; if the removal is meant, "
            "wait, or start the sidecar again with MODEL_SYNC_HOLD=0 for once"
        )

    def gone(self, now: float, *, grace: float, hold: float) -> Mapping[str, frozenset[str]]:
        """Model -> bucket versions of the removals that hold."""
        found: dict[str, set[str]] = {}
        if self.removal_hold(now, hold) is None:
            for (model, bucket_version), absence in self.missing.items():
                if absence.listings >= _LISTINGS_THAT_MUST_AGREE and now - absence.since >= grace:
                    found.setdefault(model, set()).add(bucket_version)
        return {model: frozenset(bucket_versions) for model, bucket_versions in found.items()}
