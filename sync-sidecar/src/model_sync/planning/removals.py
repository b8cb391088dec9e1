"""When is a removal in the bucket real? Pure.

Nothing is removed because of an error, an outage or an empty answer: a removal must be seen by two listings
and last a grace time, and a listing that is empty or lost more than half of the models is doubted for longer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from model_sync.bucket.catalog import Catalog

_LISTINGS_THAT_MUST_AGREE = 2


@dataclass(frozen=True)
class Absence:
    """A source that was there and is no longer listed. `since` is monotonic seconds."""

    since: float
    listings: int = 1


@dataclass(frozen=True)
class Absences:
    """What the listings so far say is missing. Kept in memory only: after a restart, doubt starts anew."""

    missing: Mapping[tuple[str, str], Absence] = field(default_factory=dict)
    suspicious_since: float | None = None
    lost: int = 0
    known: int = 0

    def after_listing(self, catalog: Catalog, stored: Iterable[tuple[str, str]], now: float) -> "Absences":
        """The absences after one more complete listing; `stored` are model and source of what we keep."""
        kept = set(stored)
        missing = {}
        for model, bucket_version in kept:
            remote = catalog.models.get(model)
            if remote is None or bucket_version not in remote.versions:
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
        """The same after a listing that failed: what was doubted until now is doubted anew.

        Else two empty answers with an outage between them would pass for a removal that lasts.
        """
        doubted = self.doubt(now, hold) is not None
        return replace(self, suspicious_since=now) if doubted else self

    def doubt(self, now: float, hold: float) -> str | None:
        """Why no removal is believed at the moment; None when the listings are believable."""
        if self.suspicious_since is None or now - self.suspicious_since >= hold:
            return None
        left = hold - (now - self.suspicious_since)
        return (
            f"the listing suddenly lacks {self.lost} of {self.known} models; nothing is removed for another "
            f"{left:.0f} s, in case the store is at fault"
        )

    def gone(self, now: float, *, grace: float, hold: float) -> frozenset[tuple[str, str]]:
        """Model and source of the removals that hold."""
        if self.doubt(now, hold) is not None:
            return frozenset()
        return frozenset(
            key
            for key, absence in self.missing.items()
            if absence.listings >= _LISTINGS_THAT_MUST_AGREE and now - absence.since >= grace
        )
