"""What is asked to be served, as config.json or the command line state it, and which versions that means.

config.json has OVMS's closed schema: the keys and types are those OVMS 2026.2.1 accepts. An unknown key, a
wrong type or a missing name refuses the whole file, as OVMS does. Pure: nothing here touches the disk.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError

from ovms_lite.errors import ConfigError

PluginConfig = tuple[tuple[str, str | bool | int | float], ...]
"""Device properties, sorted by name."""
PerInput = str | tuple[tuple[str, str], ...] | None
"""A text for the only input, or (tensor name, text) pairs."""
MAX_BYTES = 16 * 1024 * 1024
"""A larger config.json is refused unparsed; a thousand models need about 300 kB."""
_Count = Annotated[int, Field(strict=True, ge=0)]
_Version = Annotated[int, Field(strict=True, ge=1)]


@dataclass(frozen=True, slots=True)
class VersionPolicy:
    """Which versions are served: the `latest` so many, the `specific` ones, or all when neither is set.

    Numbers are compared as such: 10 is above 9.
    """

    latest: int | None = None
    specific: frozenset[int] | None = None

    @property
    def falls_back(self) -> bool:
        """Whether another version may stand in for one that failed; named versions are an order."""
        return self.specific is None

    def select(self, available: AbstractSet[int]) -> frozenset[int]:
        """The versions of `available` to serve."""
        if self.specific is not None:
            return self.specific & available
        return frozenset(sorted(available, reverse=True)[: self.latest])


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One model's entry. Two entries that differ in more than `policy` need the versions loaded again.

    `unsupported` names a feature the entry asks for that this server does not have; "" when there is none.
    """

    name: str
    base_path: Path
    policy: VersionPolicy = VersionPolicy(latest=1)
    batch_size: int | str | None = None
    shape: PerInput = None
    layout: PerInput = None
    nireq: int = 0
    target_device: str = ""
    plugin_config: PluginConfig = ()
    unsupported: str = ""

    def loads_like(self, other: "ModelConfig") -> bool:
        """Whether a version loaded for `other` is what this entry asks for."""
        return replace(self, policy=other.policy) == other


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


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _All(_Closed):
    pass


class _Latest(_Closed):
    num_versions: _Version = 1


class _Specific(_Closed):
    versions: list[_Version]


class _Policy(_Closed):
    all: _All | None = None
    latest: _Latest | None = None
    specific: _Specific | None = None

    def as_policy(self) -> VersionPolicy:
        given = [policy for policy in (self.all, self.latest, self.specific) if policy is not None]
        if len(given) != 1:
            raise ConfigError("model_version_policy must hold exactly one of all, latest and specific")
        return VersionPolicy(
            latest=None if self.latest is None else self.latest.num_versions,
            specific=None if self.specific is None else frozenset(self.specific.versions),
        )


class _Model(_Closed):
    name: Annotated[str, Field(strict=True, min_length=1)]
    base_path: StrictStr = ""
    batch_size: _Count | StrictStr | None = None
    shape: StrictStr | dict[str, StrictStr] | None = None
    layout: StrictStr | dict[str, StrictStr] | None = None
    nireq: _Count = 0
    target_device: StrictStr = ""
    plugin_config: dict[str, StrictStr | StrictBool | StrictInt | float] = {}
    model_version_policy: _Policy | None = None
    allow_cache: StrictBool = False
    stateful: StrictBool = False
    idle_sequence_cleanup: StrictBool = False
    low_latency_transformation: StrictBool = False
    max_sequence_number: _Count = 0
    custom_loader_options: dict[str, Any] | None = None
    graph_path: StrictStr | None = None
    subconfig: StrictStr | None = None

    def as_config(self, folder: Path) -> ModelConfig:
        policy = self.model_version_policy
        return ModelConfig(
            name=self.name,
            base_path=folder / self.base_path,
            policy=VersionPolicy(latest=1) if policy is None else policy.as_policy(),
            batch_size=self.batch_size,
            shape=_hashable(self.shape),
            layout=_hashable(self.layout),
            nireq=self.nireq,
            target_device=self.target_device,
            plugin_config=tuple(sorted(self.plugin_config.items())),
            unsupported=self._unsupported(),
        )

    def _unsupported(self) -> str:
        if self.stateful:
            return "stateful models"
        return "custom loaders" if self.custom_loader_options else ""


class _Entry(_Closed):
    config: _Model


class _Metrics(_Closed):
    enable: StrictBool
    metrics_list: list[StrictStr] = []


class _Monitoring(_Closed):
    metrics: _Metrics


class _File(_Closed):
    model_config_list: list[_Entry]
    monitoring: _Monitoring | None = None
    mediapipe_config_list: list[Any] = []
    pipeline_config_list: list[Any] = []
    custom_node_library_config_list: list[Any] = []
    custom_loader_config_list: list[Any] = []


def _hashable(setting: str | dict[str, str] | None) -> str | tuple[tuple[str, str], ...] | None:
    return tuple(sorted(setting.items())) if isinstance(setting, dict) else setting


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the file"
    if first["type"] == "extra_forbidden":
        return f"unknown key {place}; remove it or correct its spelling"
    return f"{place}: {first['msg']}"


def parse_config(content: bytes, folder: Path) -> ServerConfig:
    """Understand a config.json that lies in `folder`, to which relative base paths refer.

    The first of several entries with one name counts; the others are reported in `duplicates`.
    Raises ConfigError naming the key at fault.
    """
    if len(content) > MAX_BYTES:
        raise ConfigError(f"config.json has {len(content)} bytes; at most {MAX_BYTES} are read")
    try:
        file = _File.model_validate(orjson.loads(content))
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"config.json is not valid JSON: {error}; correct it") from error
    except ValidationError as error:
        raise ConfigError(f"config.json is not accepted: {_sentence(error)}") from error
    for key in ("mediapipe_config_list", "pipeline_config_list", "custom_node_library_config_list"):
        if getattr(file, key):
            raise ConfigError(f"config.json has a {key}, which ovms-lite cannot serve; remove it or use OVMS")
    models: dict[str, ModelConfig] = {}
    duplicates: list[str] = []
    for entry in file.model_config_list:
        config = entry.config.as_config(folder)
        if config.name in models:
            duplicates.append(config.name)
        else:
            models[config.name] = config
    metrics = None if file.monitoring is None else file.monitoring.metrics
    monitoring = None if metrics is None else MonitoringConfig(metrics.enable, tuple(metrics.metrics_list))
    return ServerConfig(tuple(models.values()), tuple(duplicates), monitoring)
