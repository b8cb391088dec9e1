"""Which versions to load and which to let go: decisions without effects."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ovms_lite.config.entries import VersionPolicy


@dataclass(frozen=True, slots=True)
class Listing:
    """What one pass knows about a model.

    `on_disk`: version folders; `serving`: AVAILABLE as now configured; `outdated`: AVAILABLE, but loaded for
    other settings; `broken`: tried in this pass and failed.
    """

    on_disk: frozenset[int]
    serving: frozenset[int]
    outdated: frozenset[int] = frozenset()
    broken: frozenset[int] = frozenset()


def versions_to_load(listing: Listing, policy: VersionPolicy) -> list[int]:
    """Wanted versions that do not serve yet, highest first, so that the newest answers soonest.

    A version that failed in this pass is left out *before* the policy chooses, compared as a number. So the
    next lower one takes its place, whatever the folder names look like and whichever came first; both are
    outages on OVMS.
    """
    wanted = policy.select(listing.on_disk - listing.broken)
    return sorted(wanted - listing.serving, reverse=True)


def versions_to_retire(listing: Listing, policy: VersionPolicy, known: AbstractSet[int]) -> list[int]:
    """Known versions that are no longer wanted, lowest first; call it when nothing is left to load.

    Broken ones stay visible. While a replacement is broken and nothing wanted serves, the versions that
    serve stay too, unless the policy names versions: then it is obeyed to the letter, as OVMS does.
    """
    wanted = policy.select(listing.on_disk - listing.broken)
    answering = listing.serving | listing.outdated
    must_bridge = policy.falls_back and listing.broken and not wanted & answering
    kept = wanted | listing.broken | (answering if must_bridge else frozenset())
    return sorted(known - kept)
