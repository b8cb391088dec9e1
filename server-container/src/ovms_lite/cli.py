"""The command `ovms-lite`: OVMS's flags for classic models, and its exit codes."""

import inspect
import logging
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import typer
from edge_common.errors import EdgeError
from edge_common.logs import LogFormat, LogLevel, configure_logging
from edge_common.openvino_runtime import ov

from ovms_lite.errors import StartError, UsageError
from ovms_lite.options import LOOPBACK, Cors, GrpcOptions, ServerOptions, channel_arguments, single_model
from ovms_lite.server import run_server

_EXAMPLES = """Serve models with the REST and gRPC interfaces of OpenVINO Model Server 2026.2.1.

Examples:

    ovms-lite --config_path /models/config.json --rest_port 8000 --port 9000

    ovms-lite --model_name resnet --model_path /models/resnet --rest_port 8000 --target_device CPU

Exit codes: 0 after SIGTERM or SIGINT, 1 when the start failed, 64 when a flag is wrong."""

_LEVELS = {"TRACE": LogLevel.DEBUG} | {level.value: level for level in LogLevel}
_ONE_MODEL = "One model"
_WITHOUT_EFFECT = "Taken for compatibility, without effect"
_POLL = "Seconds between looks at config.json (when renamed: a tenth) and versions; 0: never."
_WORKERS = "REST requests answered at a time, each holding its worker; without it: any number."
_FLAGS: tuple[tuple[str, Any, Any, str], ...] = (
    ("config_path", Path | None, None, "config.json with the models."),
    ("rest_port", int, 0, "Port of the REST interface."),
    ("rest_bind_address", str, LOOPBACK, "Addresses to listen on, separated by commas."),
    ("file_system_poll_wait_seconds", int, 1, _POLL),
    ("log_level", str, "INFO", "TRACE, DEBUG, INFO, WARNING or ERROR."),
    ("metrics_enable", bool, False, "Answer /metrics."),
    ("metrics_list", str, "", "Metric families to show, separated by commas."),
    ("cache_dir", Path | None, None, "Folder for compiled models; without it /opt/cache, if that is there."),
    ("cpu_extension", Path | None, None, "Library with custom CPU operations."),
    ("allowed_origins", str, "", "Access-Control-Allow-Origin of every answer; empty: no CORS."),
    ("allowed_methods", str, "*", "Access-Control-Allow-Methods of every answer."),
    ("allowed_headers", str, "*", "Access-Control-Allow-Headers of every answer."),
    ("allow_credentials", bool, False, "Send Access-Control-Allow-Credentials."),
    ("allowed_hosts", str, "", "Names to answer to besides addresses and local ones; *: any."),
    ("model_name", str | None, None, f"{_ONE_MODEL}: its name."),
    ("model_path", str | None, None, f"{_ONE_MODEL}: folder with its versions."),
    ("batch_size", str | None, None, f"{_ONE_MODEL}: batch size, range or auto."),
    ("shape", str | None, None, f"{_ONE_MODEL}: shape, or JSON object of shapes."),
    ("layout", str | None, None, f"{_ONE_MODEL}: layout, or JSON object of layouts."),
    ("nireq", int | None, None, f"{_ONE_MODEL}: parallel infer requests; 0: automatic."),
    ("target_device", str | None, None, f"{_ONE_MODEL}: OpenVINO device."),
    ("plugin_config", str | None, None, f"{_ONE_MODEL}: JSON object of device properties."),
    ("model_version_policy", str | None, None, f"{_ONE_MODEL}: JSON of the version policy."),
    ("port", int, 0, "Port of the gRPC interface; 0: none."),
    ("grpc_bind_address", str, LOOPBACK, "Addresses for gRPC, separated by commas."),
    ("grpc_channel_arguments", str, "", "name=value,… for the gRPC library."),
    ("log_path", Path | None, None, "File that gets the log, too."),
    ("rest_workers", int | None, None, _WORKERS),
    ("grpc_workers", int | None, None, _WITHOUT_EFFECT),
    ("grpc_max_threads", int | None, None, _WITHOUT_EFFECT),
    ("grpc_memory_quota", str | None, None, _WITHOUT_EFFECT),
    ("custom_node_resources_cleaner_interval_seconds", int | None, None, _WITHOUT_EFFECT),
)
"""Name, type, default, and what --help says."""
_OF_ONE_MODEL = tuple(
    name
    for name, _, _, text in _FLAGS
    if text.startswith(_ONE_MODEL) and name not in {"model_name", "model_path"}
)


def _serve(*, _version: bool, **given: Any) -> None:
    flags = SimpleNamespace(**given)
    if flags.log_level not in _LEVELS:
        raise UsageError(f"--log_level {flags.log_level!r} is unknown; use one of {', '.join(_LEVELS)}")
    of_one_model = {"base_path": flags.model_path} | {name: given[name] for name in _OF_ONE_MODEL}
    options = ServerOptions(
        rest_port=flags.rest_port,
        rest_workers=flags.rest_workers,
        grpc=None if flags.port == 0 else _grpc_options(flags),
        config_path=flags.config_path,
        single_model=single_model(flags.model_name, of_one_model),
        rest_bind_addresses=_addresses(flags.rest_bind_address),
        poll_seconds=flags.file_system_poll_wait_seconds,
        metrics_enable=flags.metrics_enable,
        metrics_families=_listed(flags.metrics_list),
        cors=Cors(
            flags.allowed_origins, flags.allowed_methods, flags.allowed_headers, flags.allow_credentials
        ),
        allowed_hosts=_listed(flags.allowed_hosts),
        cache_dir=flags.cache_dir,
        cpu_extension=flags.cpu_extension,
    )
    configure_logging(LogFormat.AUTO, _LEVELS[flags.log_level])
    if flags.log_path is not None:
        _log_also_to(flags.log_path)
    for name, _, _, text in _FLAGS:
        if text == _WITHOUT_EFFECT and given[name] is not None:
            typer.echo(f"--{name} has no effect: see README.md for how requests are spread", err=True)
    run_server(options)


def _grpc_options(flags: SimpleNamespace) -> GrpcOptions:
    arguments = channel_arguments(flags.grpc_channel_arguments)
    return GrpcOptions(flags.port, _addresses(flags.grpc_bind_address), arguments, flags.grpc_workers)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ovms-lite {version('edgeai-cars-ovms-lite')}, OpenVINO {ov.__version__}")
        raise typer.Exit


def _parameter(name: str, kind: Any, option: Any, default: Any) -> inspect.Parameter:
    annotation = Annotated[kind, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_VERSION = typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
_PARAMETERS = [
    *(
        _parameter(name, kind, typer.Option(f"--{name}", help=text), given)
        for name, kind, given, text in _FLAGS
    ),
    _parameter("_version", bool, _VERSION, default=False),
]
_serve.__signature__ = inspect.Signature(_PARAMETERS)  # type: ignore[attr-defined]  # as inspect documents
_serve.__annotations__ = {parameter.name: parameter.annotation for parameter in _PARAMETERS}
app = typer.Typer(rich_markup_mode=None)
app.command("serve", help=_EXAMPLES, context_settings={"help_option_names": ["--help", "-h"]})(_serve)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _addresses(text: str) -> tuple[str, ...]:
    """As they are written: OVMS takes no spaces between them; an empty text is the default."""
    return tuple(text.removesuffix(",").split(",")) if text else (LOOPBACK,)


def _log_also_to(path: Path) -> None:
    """Write every log line to `path` as well, as JSON or coloured like standard error; raises StartError."""
    try:
        handler = logging.FileHandler(path)
    except OSError as error:
        raise StartError(f"--log_path {path} cannot be written: {error.strerror}; choose another") from error
    handler.setFormatter(logging.root.handlers[0].formatter)
    logging.root.addHandler(handler)


def main() -> None:
    """Run the command and end the process with OVMS's exit code."""
    arguments = sys.argv[1:] or ["--help"]
    try:
        app(arguments, prog_name="ovms-lite", standalone_mode=False)
    except EdgeError as error:
        typer.echo(f"ovms-lite: {error}", err=True)
        sys.exit(error.exit_code)
    except typer.Exit as end:
        sys.exit(end.exit_code)
    except typer.Abort:
        sys.exit(1)
    except typer.TyperException as error:  # an unknown flag, or a value of the wrong type
        typer.echo(f"ovms-lite: {error.format_message()}", err=True)
        sys.exit(UsageError.exit_code)
