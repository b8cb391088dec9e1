"""What the command line asks for, checked as a whole."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from ovms_lite.config.entries import ModelConfig, parse_config
from ovms_lite.errors import ConfigError, StartError, UsageError

MAX_PORT = 65535
LOOPBACK = "127.0.0.1"
"""Where the ports are unless told otherwise: nobody signs in, so other machines are let in by a decision."""
MIN_WORKERS, MAX_WORKERS = 2, 10_000
"""How many REST workers OVMS accepts."""


@dataclass(frozen=True, slots=True)
class Cors:
    """Values of the `Access-Control-Allow-*` headers; sent with every answer when `origins` is not empty."""

    origins: str = ""
    methods: str = "*"
    headers: str = "*"
    credentials: bool = False

    def hosts(self) -> tuple[str, ...]:
        """Names in the origins, whose pages may send what changes something."""
        names = (urlsplit(origin).hostname for origin in self.origins.split(","))
        return tuple(name for name in names if name)

    def header_lines(self) -> bytes:
        """Complete header lines."""
        if not self.origins:
            return b""
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
class GrpcOptions:
    """The gRPC port; `channel_arguments` go to the gRPC library as they are."""

    port: int
    bind_addresses: tuple[str, ...] = (LOOPBACK,)
    channel_arguments: tuple[tuple[str, int | str], ...] = ()
    workers: int | None = None

    def __post_init__(self) -> None:
        """Refuse what OVMS refuses; raises UsageError."""
        if not 1 <= self.port <= MAX_PORT:
            raise UsageError(f"--port is {self.port}; give a port from 1 to {MAX_PORT}, or 0 for no gRPC")
        cores = os.cpu_count() or 1
        if self.workers is not None and not 1 <= self.workers <= cores:
            raise UsageError(f"--grpc_workers is {self.workers}; give 1 to {cores}, the number of cores")


def channel_arguments(text: str) -> tuple[tuple[str, int | str], ...]:
    """`name=value,name=value` with whole numbers as such; raises StartError, as OVMS ends with 1 here."""
    arguments = []
    for pair in filter(None, text.split(",")):
        name, separator, value = (part.strip() for part in pair.partition("="))
        if not (name and separator and value):
            raise StartError(f"--grpc_channel_arguments has {pair!r}; write name=value,name=value")
        arguments.append((name, int(value) if value.lstrip("-").isdecimal() else value))
    return tuple(arguments)


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """A checked command line: models from `config_path`, or the one `single_model`.

    `rest_port` 0: no REST interface; `grpc` None: no gRPC interface. One of the two has to be there.
    """

    rest_port: int = 0
    rest_workers: int | None = None
    grpc: GrpcOptions | None = None
    config_path: Path | None = None
    single_model: ModelConfig | None = None
    rest_bind_addresses: tuple[str, ...] = (LOOPBACK,)
    poll_seconds: int = 1
    metrics_enable: bool = False
    metrics_families: tuple[str, ...] = ()
    cors: Cors = Cors()
    allowed_hosts: tuple[str, ...] = ()
    cache_dir: Path | None = None
    cpu_extension: Path | None = None

    @property
    def grpc_port(self) -> int:
        """The gRPC port; 0: there is none."""
        return 0 if self.grpc is None else self.grpc.port

    def __post_init__(self) -> None:
        """Refuse combinations that make no sense; raises UsageError."""
        for is_wrong, message in self._faults():
            if is_wrong:
                raise UsageError(message)

    def _faults(self) -> Iterator[tuple[bool, str]]:
        rest, grpc, workers = self.rest_port, self.grpc_port, self.rest_workers
        yield not 0 <= rest <= MAX_PORT, f"--rest_port is {rest}; give a port from 1 to {MAX_PORT}"
        yield not rest and not grpc, "give --rest_port, --port (gRPC), or both"
        for flag, addresses in (
            ("--rest_bind_address", self.rest_bind_addresses),
            ("--grpc_bind_address", () if self.grpc is None else self.grpc.bind_addresses),
        ):
            wrong = [address for address in addresses if not is_host(address)]
            yield bool(wrong), f"{flag} has {wrong[:1]}; give IP addresses or host names, separated by commas"
        yield rest == grpc, f"--port and --rest_port are both {rest}; gRPC and REST need a port each"
        yield workers is not None and not rest, "--rest_workers needs --rest_port"
        yield (
            workers is not None and not MIN_WORKERS <= workers <= MAX_WORKERS,
            f"--rest_workers is {workers}; give {MIN_WORKERS} to {MAX_WORKERS}",
        )
        yield (
            (self.config_path is None) == (self.single_model is None),
            "give either --config_path, or --model_name and --model_path",
        )
        yield self.poll_seconds < 0, "--file_system_poll_wait_seconds must be 0 (never) or more"
        yield self.metrics_enable and not rest, "--metrics_enable needs --rest_port, where they are answered"
        yield bool(self.metrics_families) and not self.metrics_enable, "--metrics_list needs --metrics_enable"
        extension = self.cpu_extension
        yield (
            extension is not None and not extension.exists(),
            f"--cpu_extension {extension} does not exist",
        )


_ALL_NUMERIC = re.compile(r"[0-9a-fA-F.:]*")
_LABEL = "[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_MAX_HOST_NAME = 255


def is_host(text: str) -> bool:
    """Whether OVMS takes it for an address or a host name; whether there is such a host is another matter.

    Read in its source: what consists of hexadecimal digits, dots and colons has to be an IP address.
    """
    if not _ALL_NUMERIC.fullmatch(text):
        return len(text) <= _MAX_HOST_NAME and _HOST_NAME.fullmatch(text) is not None
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


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
