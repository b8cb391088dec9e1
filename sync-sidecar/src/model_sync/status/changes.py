"""What changed between two reports, and what is told of it in the log. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from model_sync.planning.uploads import Phase
from model_sync.status.version_reports import VersionReport

Key = tuple[str, str]
"""Model and bucket version."""

_TOLD_AT_INFO = frozenset(
    {Phase.WAITING, Phase.SERVING, Phase.REJECTED, Phase.HELD, Phase.RETIRING, Phase.PREVIOUS}
)
"""Phases worth a line of their own; the ones in between are passed through and told at DEBUG."""


@dataclass(frozen=True)
class Change:
    """A version is reported otherwise than before; None: not at all."""

    before: VersionReport | None
    after: VersionReport | None

    @property
    def key(self) -> Key:
        """Model and bucket version."""
        row = self.after or self.before
        return (row.model, row.bucket_version) if row is not None else ("", "")

    @property
    def is_of_phase(self) -> bool:
        """Whether the version has come, gone, or entered another phase."""
        return self.before is None or self.after is None or self.before.phase is not self.after.phase

    @property
    def ended_load(self) -> Phase | None:
        """SERVING or REJECTED, when that became of a version that the server was loading; else None."""
        loading = self.before is not None and self.before.phase is Phase.ACTIVATING
        phase = self.after.phase if self.after is not None else None
        return phase if loading and phase in {Phase.SERVING, Phase.REJECTED} else None

    @property
    def is_told_at_info(self) -> bool:
        """Whether the log tells it at INFO rather than at DEBUG."""
        return self.after is None or self.after.phase in _TOLD_AT_INFO

    @property
    def log_line(self) -> tuple[str, Mapping[str, Any]]:
        """The event and its keys."""
        model, bucket_version = self.key
        facts: dict[str, Any] = {"model": model, "bucket_version": bucket_version}
        if self.after is None:
            return "version_gone", facts
        facts |= {"local_version": self.after.local_version, "reason": self.after.reason}
        return f"version_{self.after.phase.value}", facts


def changes(before: Mapping[Key, VersionReport], after: Mapping[Key, VersionReport]) -> list[Change]:
    """What is to be told: another phase or another reason, a version that came or is gone."""
    found = []
    for key, row in after.items():
        known = before.get(key)
        if known is None or (known.phase, known.reason) != (row.phase, row.reason):
            found.append(Change(known, row))
    return found + [Change(row, None) for key, row in before.items() if key not in after]


def since_when(since: Mapping[Key, float], changed: Iterable[Change], now: float) -> dict[Key, float]:
    """Model and bucket version -> Unix time at which its phase began; `since` is that before the changes."""
    found = dict(since)
    for change in changed:
        if change.after is None:
            found.pop(change.key, None)
        elif change.is_of_phase:
            found[change.key] = now
    return found
