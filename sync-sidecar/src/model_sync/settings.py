"""The sidecar's settings: `MODEL_SYNC_*` variables, `/config/sync-config.yaml`, secrets from files."""

import re
from collections.abc import Mapping
from enum import StrEnum
from itertools import permutations
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from edge_common.logs import LogFormat, LogLevel
from edge_common.model_card import LatestVersions, VersionPolicy
from edge_common.quantities import Duration, Size, parse_size
from edge_common.settings_source import load_settings
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

PREFIX = "MODEL_SYNC_"
CONFIG_FILE = Path("/config/sync-config.yaml")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_LEAST_TOKEN = 16
_OF_OTHER_COMMANDS = "STATUS_URL"
"""An option of `status` and `push`, not a setting of the sidecar."""


class Addressing(StrEnum):
    """How the bucket appears in the address: `auto` decides by the endpoint."""

    AUTO = "auto"
    PATH = "path"
    VIRTUAL = "virtual"


def _on_or_off(value: Any) -> Any:
    # YAML 1.1 reads a bare `on` or `off` as a boolean before we see it
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


def _version_policy(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("latest"):
        local_version = value.removeprefix("latest").strip(" :=")
        return {"latest": int(local_version) if local_version.isdigit() else local_version or 1}
    if isinstance(value, str) and value != "all":
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _prefixes(value: Any) -> Any:
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(part.strip() if isinstance(part, str) else part for part in parts) or ("",)


def _names(value: Any) -> Any:
    return tuple(part for part in _prefixes(value) if part)


def _stripped(value: Any) -> Any:
    # a Secret or a file written by an editor ends with a line break, which no key and no address has
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return text.strip().removeprefix("\ufeff") if isinstance(text, str) else value


def _endpoint(value: Any) -> Any:
    text = _stripped(value)
    if not isinstance(text, str):
        return text
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in {"http", "https"}:
        raise ValueError(f"{text!r} needs http:// or https:// in front; write http://{rest or text}")
    if not text.isprintable() or " " in text:
        raise ValueError(f"{text!r} holds a blank or a control character; write the address on one line")
    return f"{scheme.lower()}://{rest}"


def _bucket(value: Any) -> Any:
    name = _stripped(value)
    if not isinstance(name, str) or _BUCKET.fullmatch(name):
        return name
    bare = re.sub(r"^(arn:[^/]*:|[a-zA-Z0-9]+://)", "", name).strip("/")
    meant, _, folder = bare.partition("/")
    meant = re.sub(r"[^a-z0-9.-]+", "-", meant.lower()).strip("-.")[:63]
    if not _BUCKET.fullmatch(meant):
        raise ValueError(f"{name!r} is no bucket's name: 3 to 63 small letters, digits, '.' and '-'")
    below = f" and MODEL_SYNC_PREFIX={folder.strip('/')}/" if folder.strip("/") else ""
    raise ValueError(
        f"{name!r} is no bucket's name, which has small letters, digits, '.' and '-'; "
        f"set MODEL_SYNC_BUCKET={meant}{below}"
    )


def _size_or_unset(value: Any) -> Any:
    return None if value is None or value == "" else parse_size(value)


Switch = Annotated[Literal["on", "off"], BeforeValidator(_on_or_off)]


class Settings(BaseModel):
    """Every setting with its default; durations are in seconds, sizes in bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    s3_endpoint: Annotated[str, BeforeValidator(_endpoint)] = "http://localhost:9000"
    """Address of the store, with http:// or https://."""
    s3_region: Annotated[str, BeforeValidator(_stripped)] = ""
    """Region; empty: us-east-1, or what the endpoint's name or the store's answer says."""
    s3_access_key: Annotated[SecretStr, BeforeValidator(_stripped)] = SecretStr("")
    """Access key; empty: the default chain (environment, web identity, instance, credentials file)."""
    s3_secret_key: Annotated[SecretStr, BeforeValidator(_stripped)] = SecretStr("")
    """Secret key that belongs to the access key."""
    s3_session_token: Annotated[SecretStr, BeforeValidator(_stripped)] = SecretStr("")
    """Session token of temporary credentials."""
    s3_ca_file: Annotated[Path | None, BeforeValidator(lambda value: value or None)] = None
    """PEM file of the authority that signed the store's certificate; empty: the public ones."""
    s3_addressing: Addressing = Addressing.AUTO
    """`path`, `virtual` or `auto`."""
    bucket: Annotated[str, BeforeValidator(_bucket)] = "ml-models"
    """Bucket that holds the models."""
    prefix: Annotated[tuple[str, ...], BeforeValidator(_prefixes)] = ("",)
    """Only keys that begin with one of these are looked at, such as `team/` or `site/,shared/`; no part of a
    model's name. The first that has a model wins; the very first also takes the status object and `push`."""
    create_bucket: bool = False
    """Create the bucket when it is missing."""
    models_dir: Path = Path("/models")
    """Shared volume that the model server reads."""
    ovms_url: str = "http://localhost:8000"
    """REST address of this pod's model server."""
    http_host: str = "127.0.0.1"
    """Address to listen on for health, metrics and status; 0.0.0.0 in a pod."""
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8081
    """Port for the same; 0 takes a free one."""
    allowed_hosts: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()
    """Names besides addresses, single words and local domains under which it is asked, such as
    `models.example.com` or `*.example.com`; others are refused, `*` allows all."""
    sync_token: SecretStr = SecretStr("")
    """Bearer token that allows POST /v1/sync from elsewhere; empty: only from this host."""
    api_token: Annotated[SecretStr, BeforeValidator(_stripped)] = SecretStr("")
    """Bearer token, at least 16 characters, for all changes over HTTP, such as pins; empty: they are off."""
    instance: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")] = "model-sync"
    """Name of this sidecar in logs and in the bucket's status object."""
    poll_interval: Annotated[Duration, Field(gt=0)] = 30.0
    """Time between two listings of the bucket."""
    settle: Duration = 10.0
    """How long an upload without SHA256SUMS must be unchanged before it is taken up."""
    events: Literal["auto", "off"] = "auto"
    """`auto`: listen for the store's notifications, which only shorten the wait."""
    versions: Annotated[VersionPolicy, BeforeValidator(_version_policy)] = LatestVersions()
    """Versions to serve where the card does not say: `latest`, `latest:2`, `all` or `1,3`."""
    preflight: Switch = "on"
    """Load every version in a child process before the server sees it."""
    preflight_timeout: Annotated[Duration, Field(gt=0)] = 300.0
    """Time the child may take."""
    preflight_memory: Size = 8 * 1024**3
    """Address space the child may use."""
    plugin_properties: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()
    """Device properties that cards may set beside the usual ones, such as `CPU:LOG_LEVEL,GPU:CACHE_MODE`; add
    none that acts on other models."""
    signatures: Annotated[Literal["off", "verify", "require"], BeforeValidator(_on_or_off)] = "off"
    """`verify`: reject an upload whose `model.sig` does not hold; `require`: one without it, too."""
    trusted_keys: Annotated[Path | None, BeforeValidator(lambda value: value or None)] = None
    """Folder with the PEM files of public keys and certificates that may vouch for models."""
    max_bytes: Size = 0
    """Bytes that models may take on the volume, staging included; 0: only the volume itself limits."""
    min_free_bytes: Annotated[int | None, BeforeValidator(_size_or_unset)] = None
    """Bytes that stay free on the volume; unset: 256 MiB, or 5 % of the volume where that is less."""
    concurrency: Annotated[int, Field(ge=1, le=64)] = 8
    """Downloads at the same time."""
    bandwidth: Size = 0
    """Bytes per second that all downloads together may take; 0: as many as there are."""
    delete_grace: Duration = 60.0
    """How long a removal must last before it is carried out."""
    hold: Duration = 600.0
    """How long no removal is believed once a listing is empty or much smaller."""
    keep_previous: Annotated[int, Field(ge=0, le=100)] = 1
    """Retired versions kept on the volume for rollback, per model."""
    activation_timeout: Annotated[Duration, Field(gt=0)] = 300.0
    """Time the model server may take to load a version."""
    watch_after_swap: Duration = 300.0
    """How long a new version is compared with the one before, and taken back when clearly worse; 0: never."""
    status_to_bucket: Switch = "on"
    """Write `_status/<instance>.json` into the bucket."""
    log_format: LogFormat = LogFormat.AUTO
    """`json`, `console`, or `auto`: console on a terminal."""
    log_level: LogLevel = LogLevel.INFO
    """DEBUG, INFO, WARNING or ERROR."""

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if bool(self.s3_access_key.get_secret_value()) != bool(self.s3_secret_key.get_secret_value()):
            raise ValueError("s3_access_key and s3_secret_key go together; set both or none")
        if 0 < len(self.api_token.get_secret_value()) < _LEAST_TOKEN:
            raise ValueError(
                f"api_token is too short to be a secret; give it {_LEAST_TOKEN} characters or more"
            )
        if self.signatures != "off" and self.trusted_keys is None:
            raise ValueError(
                f"signatures is {self.signatures!r}, but trusted_keys is not set; name the folder of the keys"
            )
        for prefix in self.prefix:
            meant = prefix.replace("\\", "/").strip("/") + "/"
            if prefix and prefix != meant:
                raise ValueError(f"prefix {prefix!r} must end with '/' and not begin with one; write {meant}")
        for one, other in permutations(self.prefix, 2):
            if one.startswith(other):
                raise ValueError(f"prefix {one!r} lies within {other!r}; name only one of them")
        return self

    @property
    def home_prefix(self) -> str:
        """The prefix under which this sidecar writes."""
        return self.prefix[0]


def read_settings(environ: Mapping[str, str], overrides: Mapping[str, Any] | None = None) -> Settings:
    """The effective settings; raises FatalError that names the setting at fault."""
    return load_settings(
        Settings,
        prefix=PREFIX,
        environ=environ,
        file=CONFIG_FILE,
        overrides=overrides,
        reserved={_OF_OTHER_COMMANDS},
    )
