"""Settings: `CAR_CLIENT_*` variables, overridden by flags; an unknown variable is an error."""

import os
from enum import StrEnum
from typing import Annotated, Any

from edge_common.errors import FatalError
from edge_common.logs import LogFormat, LogLevel
from edge_common.quantities import Duration, Size
from pydantic import AnyHttpUrl, Field, SecretStr, TypeAdapter, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "CAR_CLIENT_"
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


class Settings(BaseSettings):
    """Everything that can be set; `car-client --help` and the README describe the same fields."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    server_url: str = Field("http://localhost:8000", description="Address of the model server's REST port.")
    sidecar_url: str | None = Field(
        "http://localhost:8081",
        description="Address of the sidecar, asked for model cards; `none` asks nobody. It may be absent.",
    )
    models: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Use only these models, separated by commas; empty: every model the server serves."
    )
    protocol: Protocol = Field(
        Protocol.HTTP, description="How inferences are asked for: `http` or `grpc`. Discovery is always HTTP."
    )
    grpc_address: str = Field("localhost:9001", description="`host:port` of the server's gRPC interface.")
    transport: Transport = Field(
        Transport.AUTO,
        description="`tensor`: pixels prepared here. `jpeg`: the file itself, where the server makes "
        "the same of it, else the tensor. `auto`: the tensor, unless the file is smaller and proves faster.",
    )
    timeout: Annotated[Duration, Field(gt=0, le=300)] = Field(
        10.0, description="Time limit of one request, its one retry included."
    )
    interval: Annotated[Duration, Field(ge=0.05, le=3600)] = Field(
        1.0,
        description="Pause of `watch` between two looks at the models and the folder; also how long a file "
        "must be unchanged to count as complete.",
    )
    source: str | None = Field(
        None,
        description="Where pictures come from: a folder, `s3://BUCKET/PREFIX`, a stream (`rtsp://...`, "
        "`http://...`), `camera:0`, `video:FILE`, or `urls:FILE` with one address a line.",
    )
    sample_interval: Annotated[Duration, Field(ge=0.02, le=3600)] = Field(
        1.0, description="Pause between two pictures of a stream, camera or address."
    )
    results: str | None = Field(
        None,
        description="Where results go besides the log: `FILE.csv`, `FILE.jsonl` or `s3://BUCKET/PREFIX`.",
    )
    s3_endpoint: str = Field(
        "http://localhost:9000", description="Store of sources and results that begin with `s3://`."
    )
    s3_access_key: SecretStr = Field(SecretStr(""), description="Its access key; without one: anonymous.")
    s3_secret_key: SecretStr = Field(SecretStr(""), description="Its secret key.")
    batch_size: Annotated[int, Field(ge=1, le=256)] = Field(
        8, description="Most pictures in one request, for models with a dynamic batch."
    )
    max_picture_bytes: Annotated[Size, Field(ge=1)] = Field(
        32 * 1024 * 1024, description="A larger file is refused unread."
    )
    max_picture_pixels: Annotated[int, Field(ge=1, le=80_000_000)] = Field(
        50_000_000, description="A picture with more pixels is refused before it is decoded."
    )
    http_host: str = Field(
        "0.0.0.0",  # noqa: S104 - what a pod needs; the description says how to narrow it
        description="Address `serve` listens on: all, as a pod needs it. On a machine of your own say "
        "`127.0.0.1`: the page has no sign-in.",
    )
    http_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        8080, description="Port of `serve`; 0 takes a free one, which the log line `listening` tells."
    )
    log_format: LogFormat = Field(
        LogFormat.AUTO, description="`json`, `console`, or `auto`: console on a terminal, else JSON."
    )
    log_level: LogLevel | None = Field(
        None,
        description="Least severe line written to standard error. Unset: INFO, and WARNING for `models` and "
        "`classify` on a terminal, which print their answer anyway.",
    )

    @field_validator("server_url", "sidecar_url", "s3_endpoint", mode="before")
    @classmethod
    def _http_address(cls, value: Any) -> Any:
        if value is None or (isinstance(value, str) and value.strip().lower() in {"", "none"}):
            return None
        return str(_HTTP_URL.validate_python(value)).rstrip("/")

    @field_validator("models", mode="before")
    @classmethod
    def _split_at_commas(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(name for name in (part.strip() for part in value.split(",")) if name)
        return value


def load_settings(**flags: object) -> Settings:
    """Settings from the environment, overridden by those `flags` that are not None.

    Raises FatalError that names the variable at fault, also for `CAR_CLIENT_` names that do not exist.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    unknown = sorted(
        name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known
    )
    if unknown:
        raise FatalError(
            f"{unknown[0]} is not a setting of car-client; correct its spelling or remove it "
            f"(settings: {', '.join(sorted(known))})"
        )
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})  # type: ignore[arg-type]  # pydantic checks the values
    except ValidationError as error:
        first = error.errors()[0]
        variable = PREFIX + str(first["loc"][0]).upper()
        raise FatalError(f"{variable} (or its flag) cannot be {first['input']!r}: {first['msg']}") from error
