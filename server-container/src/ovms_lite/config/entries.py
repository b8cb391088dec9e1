"""What is asked to be served, as config.json or the command line state it, and which versions that means."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

PluginConfig = tuple[tuple[str, str | bool | int | float], ...]
"""Device properties, sorted by name."""

PerInput = str | tuple[tuple[str, str], ...] | None
"""A text for the only input, or (tensor name, text) pairs."""


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


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One model's entry. Two entries that differ in more than `policy` need the versions loaded again.

    `unsupported` names a feature the entry asks for that this server does not have; "" when there is none.
    """

    name: str
    base_path: Path
    policy: VersionPolicy = field(default_factory=LatestVersions)
    batch_size: int | str | None = None
    shape: PerInput = None
    layout: PerInput = None
    nireq: int = 0
    target_device: str = ""
    plugin_config: PluginConfig = ()
    unsupported: str = ""

    def loads_like(self, other: "ModelConfig") -> bool:
        """Whether a version loaded for `other` is what this entry asks for."""
        return replace(self, policy=AllVersions()) == replace(other, policy=AllVersions())


@dataclass(frozen=True, slots=True)
class MonitoringConfig:
    """`monitoring.metrics`: whether `/metrics` answers, and with which families (none: the default)."""

    enabled: bool
    families: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """A whole config.json; `duplicates` are names that occurred again and were ignored."""

    models: tuple[ModelConfig, ...]
    duplicates: tuple[str, ...] = ()
    monitoring: MonitoringConfig | None = None
