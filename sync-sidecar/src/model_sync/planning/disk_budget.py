"""Whether an upload fits on the volume, and what may go to make it fit. Pure.

Sizes are known from the listing, so this is decided before the first byte is fetched. What serves, or is
about to, never makes room; versions kept for rollback do, oldest first.
"""

from collections.abc import Collection
from dataclasses import dataclass

from edge_common.quantities import format_size


@dataclass(frozen=True)
class Evictable:
    """A version on the volume that nobody serves and the server has let go of."""

    model: str
    local_version: int
    size: int
    published_at: float


@dataclass(frozen=True)
class DiskRoom:
    """The volume at one moment, in bytes. `max_bytes` 0: no limit of our own."""

    free: int
    used: int
    """By published versions and by what lies in staging."""
    promised: int
    """To fetches that run and have not written it yet."""
    max_bytes: int = 0
    min_free: int = 0

    def lacking(self, need: int) -> int:
        """Bytes that are missing for `need` more; 0 when they fit."""
        short_of_free = need + self.promised + self.min_free - self.free
        over_limit = self.used + self.promised + need - self.max_bytes if self.max_bytes else 0
        return max(0, short_of_free, over_limit)

    def refusal(self, need: int, evictable: Collection[Evictable]) -> str | None:
        """Why `need` bytes do not fit even when everything evictable goes; None when they do."""
        lacking = self.lacking(need) - sum(version.size for version in evictable)
        if lacking <= 0:
            return None
        limit = (
            "MODEL_SYNC_MAX_BYTES"
            if self.max_bytes and self.used + need > self.max_bytes
            else "the volume's free space"
        )
        return (
            f"needs {format_size(need)}, {format_size(lacking)} more than {limit} leaves; "
            "remove models from the bucket or make the volume larger"
        )

    def evictions(self, need: int, evictable: Collection[Evictable]) -> list[Evictable]:
        """What has to go, oldest first, so that `need` bytes fit; nothing when they fit already."""
        lacking = self.lacking(need)
        chosen: list[Evictable] = []
        for version in sorted(evictable, key=lambda version: version.published_at):
            if lacking <= 0:
                break
            chosen.append(version)
            lacking -= version.size
        return chosen
