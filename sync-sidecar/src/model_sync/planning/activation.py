"""Which version numbers a model's entry in config.json lists next. Pure.

The rules come from what the server was measured to do: a new version is always listed beside the old one
first, because a list with only a broken or missing version retires the old one at once.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from edge_common.served_state import VersionState

_STILL_HELD = frozenset({VersionState.FAILED, VersionState.UNLOADING})


@dataclass(frozen=True)
class Wish:
    """What should be served. `complete`: everything wanted is on the volume, nothing more will come."""

    local_versions: frozenset[int]
    complete: bool
    remove: bool = False
    """The whole model was removed from the bucket."""


def next_configured(
    current: Collection[int],
    wish: Wish,
    served: Mapping[int, VersionState] | None,
    dead: Collection[int] = (),
) -> tuple[int, ...]:
    """The numbers to list next, ascending; the same as `current` when there is nothing to do or to wait for.

    Args:
        current: numbers listed now.
        wish: what should be listed in the end.
        served: the server's states of this model; None while the server is away.
        dead: numbers that the server could not load; they leave at once, they answer nobody.

    A number leaves only when all that is wished is AVAILABLE, when it is dead, or with the whole model.
    """
    kept = set(current) - set(dead)
    if served is None:
        return tuple(sorted(kept))  # a version that ends the server is not there for its next start
    if wish.remove:
        return ()
    wished = wish.local_versions - set(dead)
    if not wished:
        return tuple(sorted(kept))
    answering = {
        local_version for local_version in kept if served.get(local_version) is VersionState.AVAILABLE
    }
    if wish.complete and wished <= answering:
        return tuple(sorted(wished))
    fresh = wished - kept
    # a failed version that the server has not let go of keeps lower ones from being started
    blockers = [n for n, state in served.items() if n not in kept and state in _STILL_HELD]
    if fresh and blockers and min(fresh) < max(blockers):
        return tuple(sorted(kept))
    return tuple(sorted(kept | fresh))


def has_ended(local_version: int, served: Mapping[int, VersionState] | None) -> bool:
    """Whether the server surely no longer holds the files of `number`."""
    return served is not None and served.get(local_version) in {None, VersionState.END}
