"""Whether an upload fits on the volume, and what may go to make it fit. Pure.

Sizes are known from the listing, so this is decided before the first byte is fetched. What serves, or is
about to, never makes room; versions kept for rollback do, oldest first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate

from edge_common.quantities import format_size

from model_sync.bucket.catalog import Upload

UNKNOWN_BYTES = 2**62
"""Stands for what a file system does not tell: no limit is assumed."""
_LEAST_FREE = 256 * 1024**2
_LEAST_FREE_PART = 20
"""At most a twentieth of a volume, so that a small one is not mostly unused."""


@dataclass(frozen=True)
class Evictable:
    """A version that nobody serves and the server has let go of, or what is left of a rejected upload."""

    model: str
    local_version: int
    """0 for what lies in staging."""
    size: int
    published_at: float
    staged: str = ""
    """Bucket version of a rejected upload; those go first, to be fetched again for their next try."""


@dataclass(frozen=True)
class DiskRoom:
    """The volume at one moment, in bytes. `max_bytes` 0: no limit of our own."""

    free: int = UNKNOWN_BYTES
    used: int = 0
    """By published versions and, where there is a limit of our own, by what lies in staging."""
    promised: int = 0
    """To fetches that run and have not written it yet."""
    max_bytes: int = 0
    min_free: int = 0
    evictable: tuple[Evictable, ...] = ()
    staged: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Model and bucket version -> what has arrived, for uploads that might not fit otherwise."""

    def need(self, upload: Upload) -> int:
        """Bytes that are still to be fetched."""
        return max(0, upload.size - self.staged.get((upload.model, upload.bucket_version), 0))

    def lacking(self, need: int) -> int:
        """Bytes that are missing for `need` more; 0 when they fit."""
        short_of_free = need + self.promised + self.min_free - self.free
        over_limit = self.used + self.promised + need - self.max_bytes if self.max_bytes else 0
        return max(0, short_of_free, over_limit)

    def shortage(self, upload: Upload) -> str | None:
        """Why `upload` does not fit even when everything evictable goes; None when it does."""
        need = self.need(upload)
        lacking = self.lacking(need)
        if lacking:  # mostly it does not, and there may be thousands of evictable versions
            lacking -= sum(version.size for version in self.evictable)
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

    def evictions(self, upload: Upload) -> tuple[Evictable, ...]:
        """What has to go, oldest first, so that `upload` fits; nothing when it fits already."""
        lacking = self.lacking(self.need(upload))
        if not lacking:
            return ()
        oldest_first = sorted(self.evictable, key=lambda one: (not one.staged, one.published_at))
        freed = accumulate(version.size for version in oldest_first)
        enough = next((count for count, size in enumerate(freed, start=1) if size >= lacking), None)
        return tuple(oldest_first[:enough])

    def after_promise(self, upload: Upload, evicted: tuple[Evictable, ...]) -> "DiskRoom":
        """What is left once `evicted` is deleted and room for `upload` is promised."""
        promised = self.promised + self.need(upload)
        if not evicted:  # mostly nothing, and there may be thousands of evictable versions
            return replace(self, promised=promised)
        freed = sum(version.size for version in evicted)
        left = tuple(version for version in self.evictable if version not in evicted)
        return replace(
            self, free=self.free + freed, used=self.used - freed, promised=promised, evictable=left
        )


def least_free(total: int, wanted: int | None) -> int:
    """Bytes that are to stay free of a volume of `total` bytes: `wanted`, or what suits its size."""
    return min(_LEAST_FREE, total // _LEAST_FREE_PART) if wanted is None else wanted
