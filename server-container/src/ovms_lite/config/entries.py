"""What is asked to be served: facts that config.json or the command line state, checked by their readers."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from ovms_lite.config.version_policy import AllVersions, LatestVersions, VersionPolicy

PluginConfig = tuple[tuple[str, str | bool | int | float], ...]
"""Device properties, sorted by name."""

PerInput = str | tuple[tuple[str, str], ...] | None
"""A text for the only input, or (tensor name, text) pairs."""


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
