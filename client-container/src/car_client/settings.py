"""The settings of `car-client`: flags, variables, files that hold secrets, `/config/client-config.yaml`."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from edge_common import settings_source
from edge_common.logs import LogFormat, LogLevel
from edge_common.quantities import Duration, Size
from pydantic import (
    AnyHttpUrl,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    field_validator,
)

PREFIX = "CAR_CLIENT_"
CONFIG_FILE = Path("/config/client-config.yaml")
_HTTP_URL = TypeAdapter(AnyHttpUrl)


class Transport(StrEnum):
    """What is sent for a picture."""

    AUTO = "auto"
    TENSOR = "tensor"
    JPEG = "jpeg"


class Protocol(StrEnum):
    """How inferences are asked for; models are always discovered over HTTP."""

    HTTP = "http"
    GRPC = "grpc"


class SourceSettings(BaseModel):
    """One source of pictures; what is not set is as for all of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: Annotated[str, Field(min_length=1, max_length=2000)]
    name: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    """For people; unset: made of the address."""
    sample_interval: Annotated[Duration, Field(ge=0.02, le=3600)] | None = None
    models: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    """Only these are asked about its pictures; empty: all."""


class Settings(BaseModel):
    """Every setting with its default; durations are in seconds, sizes in bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    server_url: str = "http://localhost:8000"
    """Address of the model server's REST port."""
    sidecar_url: str | None = "http://localhost:8081"
    """Address of the sidecar, asked for model cards and, by `serve`, for what became of uploads; `none` asks
    nobody. It may be absent."""
    sidecar_token: SecretStr = SecretStr("")
    """The sidecar's MODEL_SYNC_SYNC_TOKEN, without which it takes reports from its own host only."""
    report_answers: bool = True
    """Whether `serve` tells the sidecar how a new version answers, in counts, while that is watched."""
    models: tuple[str, ...] = ()
    """Use only these models, separated by commas; empty: every model the server serves."""
    protocol: Protocol = Protocol.HTTP
    """How inferences are asked for: `http` or `grpc`. Discovery is always HTTP."""
    grpc_address: str = "localhost:9001"
    """`host:port` of the server's gRPC interface."""
    transport: Transport = Transport.AUTO
    """`tensor`: pixels prepared here. `jpeg`: the file itself, where the server makes the same of it, else
    the tensor. `auto`: as `jpeg`, but only for pictures that have the model's size already."""
    timeout: Annotated[Duration, Field(gt=0, le=300)] = 10.0
    """Time limit of one request, its one retry included."""
    interval: Annotated[Duration, Field(ge=0.05, le=3600)] = 1.0
    """Pause of `watch` between two looks at the models and the folder; also how long a file must be unchanged
    to count as complete."""
    source: Annotated[tuple[SourceSettings, ...], Field(max_length=32)] = ()
    """Where pictures come from: a folder, `s3://BUCKET/PREFIX`, a stream (`rtsp://...`, `http://...`),
    `camera:0`, `video:FILE`, or `urls:FILE` with one address a line. Several, up to 32: a YAML list of such
    addresses, or of `{address: ..., name: ..., sample_interval: ..., models: [...]}`."""
    subfolders: bool = True
    """Whether a folder is watched with its subfolders, such as those that cameras make for each day."""
    sample_interval: Annotated[Duration, Field(ge=0.02, le=3600)] = 1.0
    """Pause between two pictures of a stream, camera or address."""
    results: str | None = None
    """Where results go besides the log: `FILE.csv`, `FILE.jsonl` or `s3://BUCKET/PREFIX`."""
    history: Annotated[Path | None, BeforeValidator(lambda value: value or None)] = None
    """Database file in which `serve` and `watch` keep every answer, such as
    `/var/lib/car-client/history.sqlite`, on a disk of this machine; one client a file. Unset: none."""
    history_max_bytes: Annotated[Size, Field(ge=16 * 1024 * 1024)] = 256 * 1024 * 1024
    """Size of that file, at least 16 MiB; beyond it the oldest answers go. Its log may take some MiB more."""
    history_max_age: Annotated[Duration, Field(ge=60)] = 30 * 86400.0
    """Answers that are older are deleted from it."""
    history_thumbnails: bool = True
    """Whether `serve` keeps small pictures (at most 160 pixels) with the newest answers, in up to half of the
    size."""
    review: Annotated[str | None, BeforeValidator(lambda value: value or None)] = None
    """Where `serve` puts pictures that are sent to review from the page: `s3://BUCKET/PREFIX`. Unset: it does
    not."""
    s3_endpoint: str = "http://localhost:9000"
    """Store of sources, results and reviews that begin with `s3://`."""
    s3_access_key: SecretStr = SecretStr("")
    """Its access key; without one: anonymous."""
    s3_secret_key: SecretStr = SecretStr("")
    """Its secret key."""
    s3_region: str = ""
    """Its region; empty: asked of it."""
    s3_ca_file: Annotated[Path | None, BeforeValidator(lambda value: value or None)] = None
    """PEM file of the authority that signed its certificate; empty: the public ones."""
    s3_addressing: Literal["auto", "path", "virtual"] = "auto"
    """`path`, `virtual` or `auto`: how the bucket appears in the address."""
    batch_size: Annotated[int, Field(ge=1, le=256)] = 8
    """Most pictures in one request, for models with a dynamic batch."""
    max_picture_bytes: Annotated[Size, Field(ge=1)] = 32 * 1024 * 1024
    """A larger file is refused unread."""
    max_picture_pixels: Annotated[int, Field(ge=1, le=80_000_000)] = 50_000_000
    """A picture with more pixels is refused before it is decoded."""
    http_host: str = "0.0.0.0"  # noqa: S104 - what a pod needs; the text says how to narrow it
    """Address `serve` listens on: all, as a pod needs it. On a machine of your own say `127.0.0.1`: the page
    has no sign-in."""
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of `serve`; 0 takes a free one, which the log line `http_listening` tells."""
    allowed_hosts: tuple[str, ...] = ()
    """Names besides addresses, single words and local domains under which the page is opened, such as
    `cars.example.com` or `*.example.com`; others are refused, `*` allows all."""
    page_addresses: Literal["off", "public", "any"] = "off"
    """Which addresses `serve` fetches for its page: `off` none, `public` those outside of private networks,
    `any` all. Whoever reaches the page may then have this client ask them."""
    log_format: LogFormat = LogFormat.AUTO
    """`json`, `console`, or `auto`: console on a terminal, else JSON."""
    log_level: LogLevel | None = None
    """Least severe line written to standard error. Unset: INFO, and WARNING for `models` and `classify` on a
    terminal, which print their answer anyway."""

    @field_validator("server_url", "sidecar_url", "s3_endpoint", mode="before")
    @classmethod
    def _http_address(cls, value: Any) -> Any:
        if value is None or (isinstance(value, str) and value.strip().lower() in {"", "none"}):
            return None
        return str(_HTTP_URL.validate_python(value)).rstrip("/")

    @field_validator("source", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = _list_in(value)
        many = value if isinstance(value, list | tuple) else [] if value is None else [value]
        return tuple({"address": one} if isinstance(one, str) else one for one in many)

    @field_validator("models", "allowed_hosts", mode="before")
    @classmethod
    def _split_at_commas(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(name for name in (part.strip() for part in value.split(",")) if name)
        return value


def _list_in(text: str) -> Any:
    """The YAML list that `text` is, else `text` as the one address; none when it is empty."""
    text = text.strip()
    if not text.startswith(("[", "- ")):
        return [text] if text else []
    # imported here because most starts have one source
    from edge_common.plain_yaml import PlainYamlError, parse_plain_yaml  # noqa: PLC0415

    try:
        return parse_plain_yaml(text.encode())
    except PlainYamlError as error:
        raise ValueError(f"the list of sources {error}") from error


def load_settings(**flags: object) -> Settings:
    """The effective settings: those `flags` that are not None, the environment, the YAML file.

    Raises FatalError that names the setting at fault, also for names that do not exist.
    """
    return settings_source.load_settings(
        Settings, prefix=PREFIX, environ=os.environ, file=CONFIG_FILE, overrides=flags
    )
