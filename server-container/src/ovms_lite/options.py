"""What the command line asks for, checked as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from ovms_lite.config_file import parse_config
from ovms_lite.errors import ConfigError, UsageError
from ovms_lite.model_config import ModelConfig

MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Cors:
    """Values of the `Access-Control-Allow-*` headers; sent with every answer, as OVMS does."""

    origins: str = "*"
    methods: str = "*"
    headers: str = "*"
    credentials: bool = False

    def header_lines(self) -> bytes:
        """Complete header lines."""
        lines = [
            f"access-control-allow-origin: {self.origins}",
            f"access-control-allow-methods: {self.methods}",
            f"access-control-allow-headers: {self.headers}",
        ]
        if self.credentials:
            lines.append("access-control-allow-credentials: true")
        if not all(line.isascii() and line.isprintable() for line in lines):
            raise UsageError("the --allowed_… flags take printable ASCII only; they become HTTP headers")
        return "".join(f"{line}\r\n" for line in lines).encode()


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """A checked command line: models from `config_path`, or the one `single_model`."""

    rest_port: int
    config_path: Path | None = None
    single_model: ModelConfig | None = None
    rest_bind_addresses: tuple[str, ...] = ("0.0.0.0",)  # noqa: S104 - OVMS's default: reachable in a pod
    poll_seconds: int = 1
    metrics_enable: bool = False
    metrics_families: tuple[str, ...] = ()
    cors: Cors = Cors()
    cache_dir: Path | None = None
    cpu_extension: Path | None = None

    def __post_init__(self) -> None:
        """Refuse combinations that make no sense; raises UsageError."""
        if not 1 <= self.rest_port <= MAX_PORT:
            raise UsageError(f"--rest_port is {self.rest_port}; give a port from 1 to {MAX_PORT}")
        if (self.config_path is None) == (self.single_model is None):
            raise UsageError("give either --config_path, or --model_name and --model_path")
        if self.poll_seconds < 0:
            raise UsageError("--file_system_poll_wait_seconds must be 0 (never) or more")
        if self.metrics_families and not self.metrics_enable:
            raise UsageError("--metrics_list needs --metrics_enable")
        if self.cpu_extension is not None and not self.cpu_extension.exists():
            raise UsageError(f"--cpu_extension {self.cpu_extension} does not exist")


_JSON_SETTINGS = frozenset(("plugin_config", "model_version_policy"))


def single_model(name: str | None, settings: Mapping[str, object]) -> ModelConfig | None:
    """The one model of `--model_name`; None when no flag speaks of one.

    `settings` are the flags by their names in config.json, None where not given; texts that must be, or
    look like, JSON are read as such. Raises UsageError.
    """
    given = {key: value for key, value in settings.items() if value is not None}
    if name is None and not given:
        return None
    if name is None or "base_path" not in given:
        raise UsageError(
            "--model_name and --model_path go together, and are needed by the flags of one model"
        )
    config = {"name": name} | {key: _read_setting(key, value) for key, value in given.items()}
    document = orjson.dumps({"model_config_list": [{"config": config}]})
    try:
        return parse_config(document, Path.cwd()).models[0]
    except ConfigError as error:
        raise UsageError(f"a flag of {name} is wrong: {error}") from error


def _read_setting(key: str, value: object) -> object:
    if not isinstance(value, str) or not (key in _JSON_SETTINGS or value.startswith("{")):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"--{key} {value!r} is not JSON: {error}") from error
