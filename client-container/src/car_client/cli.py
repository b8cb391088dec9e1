"""The command `car-client`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from edge_common.errors import EdgeError, RejectedError
from edge_common.logs import LogLevel, configure_logging
from edge_common.pictures.decode import Picture
from rich.console import Console

from car_client.classify_files import classify_files
from car_client.display import show_classification, show_models
from car_client.following import ModelFollower
from car_client.inference.classifier import Classification
from car_client.reports import classification_document, log_inference, outcome_document, table_document
from car_client.session import Session
from car_client.settings import Settings, Transport, load_settings
from car_client.sources.folder import FolderSource
from car_client.stopping import stop_on_signals
from car_client.watch import Watch

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Classify pictures with every model that a KServe v2 server has. Settings come from CAR_CLIENT_* "
    "variables; flags override them. Exit codes: 0 done, 65 a picture or model is at fault, 75 the server "
    "cannot be reached, 78 a setting is wrong.",
)

ServerUrl = Annotated[str | None, typer.Option(help="Model server, such as http://localhost:8000.")]
SidecarUrl = Annotated[str | None, typer.Option(help="Sidecar with the model cards; `none` asks nobody.")]
Timeout = Annotated[str | None, typer.Option(help="Time limit of one request: 10, 500ms, 1m.")]
Models = Annotated[list[str] | None, typer.Option("--model", help="Only this model; may be repeated.")]
SendAs = Annotated[Transport | None, typer.Option(help="What to send for a picture.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.command(epilog="Example: car-client models --server-url http://edge-1:8000")
def models(
    *,
    server_url: ServerUrl = None,
    sidecar_url: SidecarUrl = None,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """List the server's models, their versions and states, and how pictures are prepared for them."""
    settings = load_settings(server_url=server_url, sidecar_url=sidecar_url, timeout=timeout)
    _configure_logging(settings, answers_on_terminal=True)
    table = Session(settings).discovery.refresh()
    if as_json:
        _print_json(table_document(settings.server_url, table))
    else:
        show_models(Console(), settings.server_url, table)


@app.command(
    epilog="Examples: car-client classify car.jpg / car-client classify *.jpg --model effnet --top-k 3 --json"
)
def classify(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="JPEG, PNG, WebP or BMP files.")],
    *,
    model: Models = None,
    top_k: Annotated[
        int | None, typer.Option(min=1, max=100, help="Classes to show; else what the card says.")
    ] = None,
    transport: SendAs = None,
    server_url: ServerUrl = None,
    sidecar_url: SidecarUrl = None,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Classify pictures once, with every model or with those named.

    Pictures that cannot be classified are told on standard error, the others are classified all the same.
    """
    settings = load_settings(
        server_url=server_url, sidecar_url=sidecar_url, timeout=timeout, transport=transport
    )
    _configure_logging(settings, answers_on_terminal=True)
    console = Console()

    def show(result: Classification) -> None:
        log_inference(result)
        if not as_json:
            show_classification(console, result)

    outcome = classify_files(Session(settings), images, models=model or (), top_k=top_k, show=show)
    if as_json:
        _print_json(outcome_document(outcome))
    outcome.check()


@app.command(epilog="Examples: car-client watch /pictures / car-client watch inbox --once --json")
def watch(
    folder: Annotated[Path, typer.Argument(help="Folder in which picture files arrive.")],
    *,
    model: Models = None,
    interval: Annotated[str | None, typer.Option(help="Pause between two looks: 1, 500ms.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Classify what is there now, then end.")] = False,
    transport: SendAs = None,
    server_url: ServerUrl = None,
    sidecar_url: SidecarUrl = None,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Classify every picture of a folder with every model, those there and those to come, until SIGTERM.

    Models that appear, change or go are followed live. Log lines on standard error tell everything; --json
    prints one JSON object a result on standard output as well.
    """
    settings = load_settings(
        server_url=server_url,
        sidecar_url=sidecar_url,
        timeout=timeout,
        transport=transport,
        interval=interval,
        models=tuple(model) if model else None,
    )
    _configure_logging(settings, answers_on_terminal=False)
    session = Session(settings)
    watching = Watch(
        ModelFollower(session.discovery),
        session.classifier,
        FolderSource(folder, max_bytes=settings.max_picture_bytes, settle=settings.interval),
        limits=session.limits,
        interval=settings.interval,
        show=_print_json_line if as_json else _show_nothing,
    )
    with stop_on_signals() as stop:
        if not once:
            watching.run(stop)
            return
        watching.run_once(stop)
    if watching.rejected:
        raise RejectedError(f"{watching.rejected} of the pictures could not be classified; see the log")


def main() -> None:
    """Run the command; a deliberate error becomes one sentence and its exit code."""
    try:
        app()
    except EdgeError as error:
        sys.stderr.write(f"car-client: {error}\n")
        sys.exit(error.exit_code)


def _configure_logging(settings: Settings, *, answers_on_terminal: bool) -> None:
    quiet = answers_on_terminal and sys.stderr.isatty()
    level = settings.log_level or (LogLevel.WARNING if quiet else LogLevel.INFO)
    configure_logging(settings.log_format, level)


def _print_json(document: dict[str, Any]) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def _show_nothing(_picture: Picture, _result: Classification) -> None:
    pass


def _print_json_line(_picture: Picture, result: Classification) -> None:
    sys.stdout.write(json.dumps(classification_document(result)) + "\n")
    sys.stdout.flush()
