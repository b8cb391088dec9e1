"""The command `ovms-lite`: OVMS's flags for classic models, and its exit codes."""

import logging
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

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

app = typer.Typer(rich_markup_mode=None)

_Text = Annotated[str | None, typer.Option()]
_LEVELS = {"TRACE": LogLevel.DEBUG} | {level.value: level for level in LogLevel}
_ONE_MODEL = "One model"
_WITHOUT_EFFECT = "Taken for compatibility, without effect"


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ovms-lite {version('edgeai-cars-ovms-lite')}, OpenVINO {ov.__version__}")
        raise typer.Exit


@app.command(help=_EXAMPLES, context_settings={"help_option_names": ["--help", "-h"]})
def serve(  # noqa: D103 - its text is _EXAMPLES
    *,
    config_path: Annotated[
        Path | None, typer.Option("--config_path", help="config.json with the models.")
    ] = None,
    rest_port: Annotated[int, typer.Option("--rest_port", help="Port of the REST interface.")] = 0,
    rest_bind_address: Annotated[
        str, typer.Option("--rest_bind_address", help="Addresses to listen on, separated by commas.")
    ] = LOOPBACK,
    file_system_poll_wait_seconds: Annotated[
        int,
        typer.Option(
            "--file_system_poll_wait_seconds",
            help="Seconds between looks at config.json (when renamed: a tenth) and versions; 0: never.",
        ),
    ] = 1,
    log_level: Annotated[
        str, typer.Option("--log_level", help="TRACE, DEBUG, INFO, WARNING or ERROR.")
    ] = "INFO",
    metrics_enable: Annotated[bool, typer.Option("--metrics_enable", help="Answer /metrics.")] = False,
    metrics_list: Annotated[
        str, typer.Option("--metrics_list", help="Metric families to show, separated by commas.")
    ] = "",
    cache_dir: Annotated[
        Path | None,
        typer.Option(
            "--cache_dir", help="Folder for compiled models; without it /opt/cache, if that is there."
        ),
    ] = None,
    cpu_extension: Annotated[
        Path | None, typer.Option("--cpu_extension", help="Library with custom CPU operations.")
    ] = None,
    allowed_origins: Annotated[
        str,
        typer.Option(
            "--allowed_origins", help="Access-Control-Allow-Origin of every answer; empty: no CORS."
        ),
    ] = "",
    allowed_methods: Annotated[
        str, typer.Option("--allowed_methods", help="Access-Control-Allow-Methods of every answer.")
    ] = "*",
    allowed_headers: Annotated[
        str, typer.Option("--allowed_headers", help="Access-Control-Allow-Headers of every answer.")
    ] = "*",
    allow_credentials: Annotated[
        bool, typer.Option("--allow_credentials", help="Send Access-Control-Allow-Credentials.")
    ] = False,
    allowed_hosts: Annotated[
        str,
        typer.Option("--allowed_hosts", help="Names to answer to besides addresses and local ones; *: any."),
    ] = "",
    model_name: Annotated[str | None, typer.Option("--model_name", help=f"{_ONE_MODEL}: its name.")] = None,
    model_path: Annotated[
        str | None, typer.Option("--model_path", help=f"{_ONE_MODEL}: folder with its versions.")
    ] = None,
    batch_size: Annotated[
        str | None, typer.Option("--batch_size", help=f"{_ONE_MODEL}: batch size, range or auto.")
    ] = None,
    shape: Annotated[
        str | None, typer.Option("--shape", help=f"{_ONE_MODEL}: shape, or JSON object of shapes.")
    ] = None,
    layout: Annotated[
        str | None, typer.Option("--layout", help=f"{_ONE_MODEL}: layout, or JSON object of layouts.")
    ] = None,
    nireq: Annotated[
        int | None, typer.Option("--nireq", help=f"{_ONE_MODEL}: parallel infer requests; 0: automatic.")
    ] = None,
    target_device: Annotated[
        str | None, typer.Option("--target_device", help=f"{_ONE_MODEL}: OpenVINO device.")
    ] = None,
    plugin_config: Annotated[
        str | None, typer.Option("--plugin_config", help=f"{_ONE_MODEL}: JSON object of device properties.")
    ] = None,
    model_version_policy: Annotated[
        str | None, typer.Option("--model_version_policy", help=f"{_ONE_MODEL}: JSON of the version policy.")
    ] = None,
    port: Annotated[int, typer.Option("--port", help="Port of the gRPC interface; 0: none.")] = 0,
    grpc_bind_address: Annotated[
        str, typer.Option("--grpc_bind_address", help="Addresses for gRPC, separated by commas.")
    ] = LOOPBACK,
    grpc_channel_arguments: Annotated[
        str, typer.Option("--grpc_channel_arguments", help="name=value,… for the gRPC library.")
    ] = "",
    log_path: Annotated[Path | None, typer.Option("--log_path", help="File that gets the log, too.")] = None,
    rest_workers: Annotated[
        int | None,
        typer.Option(
            "--rest_workers",
            help="REST requests answered at a time, each holding its worker; without it: any number.",
        ),
    ] = None,
    grpc_workers: Annotated[int | None, typer.Option("--grpc_workers", help=_WITHOUT_EFFECT)] = None,
    grpc_max_threads: Annotated[int | None, typer.Option("--grpc_max_threads", help=_WITHOUT_EFFECT)] = None,
    grpc_memory_quota: Annotated[
        str | None, typer.Option("--grpc_memory_quota", help=_WITHOUT_EFFECT)
    ] = None,
    custom_node_resources_cleaner_interval_seconds: Annotated[
        int | None,
        typer.Option("--custom_node_resources_cleaner_interval_seconds", help=_WITHOUT_EFFECT),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit."),
    ] = False,
) -> None:
    if log_level not in _LEVELS:
        raise UsageError(f"--log_level {log_level!r} is unknown; use one of {', '.join(_LEVELS)}")
    of_one_model = {
        "base_path": model_path,
        "batch_size": batch_size,
        "shape": shape,
        "layout": layout,
        "nireq": nireq,
        "target_device": target_device,
        "plugin_config": plugin_config,
        "model_version_policy": model_version_policy,
    }
    options = ServerOptions(
        rest_port=rest_port,
        rest_workers=rest_workers,
        grpc=None
        if port == 0
        else GrpcOptions(
            port, _addresses(grpc_bind_address), channel_arguments(grpc_channel_arguments), grpc_workers
        ),
        config_path=config_path,
        single_model=single_model(model_name, of_one_model),
        rest_bind_addresses=_addresses(rest_bind_address),
        poll_seconds=file_system_poll_wait_seconds,
        metrics_enable=metrics_enable,
        metrics_families=_listed(metrics_list),
        cors=Cors(allowed_origins, allowed_methods, allowed_headers, allow_credentials),
        allowed_hosts=_listed(allowed_hosts),
        cache_dir=cache_dir,
        cpu_extension=cpu_extension,
    )
    configure_logging(LogFormat.AUTO, _LEVELS[log_level])
    if log_path is not None:
        _log_also_to(log_path)
    for flag, value in (
        ("--grpc_workers", grpc_workers),
        ("--grpc_max_threads", grpc_max_threads),
        ("--grpc_memory_quota", grpc_memory_quota),
        ("--custom_node_resources_cleaner_interval_seconds", custom_node_resources_cleaner_interval_seconds),
    ):
        if value is not None:
            typer.echo(f"{flag} has no effect: see README.md for how requests are spread", err=True)
    run_server(options)


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
