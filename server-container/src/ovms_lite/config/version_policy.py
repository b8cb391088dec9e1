"""Which of the versions on disk a model serves: `model_version_policy` of config.json."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol


class VersionPolicy(Protocol):
    """Selects versions; `falls_back` tells whether another version may stand in for one that failed."""

    @property
    def falls_back(self) -> bool:
        """Whether the choice depends on what is there, so that a failed version is replaced by another."""

    def select(self, available: AbstractSet[int]) -> frozenset[int]:
        """The versions of `available` to serve."""


@dataclass(frozen=True, slots=True)
class AllVersions:
    """`{"all": {}}`."""

    falls_back: bool = True

    def select(self, available: AbstractSet[int]) -> frozenset[int]:
        """Every version."""
        return frozenset(available)


@dataclass(frozen=True, slots=True)
class LatestVersions:
    """`{"latest": {"num_versions": n}}`; one version when nothing is configured."""

    count: int = 1
    falls_back: bool = True

    def select(self, available: AbstractSet[int]) -> frozenset[int]:
        """The highest `count` numbers, compared as numbers: 10 is above 9."""
        return frozenset(sorted(available, reverse=True)[: self.count])


@dataclass(frozen=True, slots=True)
class SpecificVersions:
    """`{"specific": {"versions": [...]}}`: an order, not a preference, so nothing stands in for a failure."""

    versions: frozenset[int]
    falls_back: bool = False

    def select(self, available: AbstractSet[int]) -> frozenset[int]:
        """The named versions that are there."""
        return self.versions & available
