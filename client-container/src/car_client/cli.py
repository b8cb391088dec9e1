"""The command `car-client`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from edge_common.errors import EdgeError
from edge_common.logs import LogLevel, configure_logging
from rich.console import Console

from car_client.classify import Classification
from car_client.decode import Picture, decode_picture
from car_client.display import show_classifications, show_models
from car_client.errors import NotAPictureError, UnknownModelError, UnusableModelError
from car_client.model_table import ModelTable
from car_client.reports import classification_document, log_inference, table_document
from car_client.served_model import ServedModel
from car_client.session import Session
from car_client.settings import Settings, Transport, load_settings
from car_client.sources import FolderSource
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
    _configure_logging(settings, answers_on_terminal=not as_json)
    session = Session(settings)
    pictures, rejected = _decode_all(images, session)
    chosen = _chosen_models(session.discovery.refresh(), model or ())
    console = Console()
    results: list[Classification] = []
    for served in chosen if pictures else ():
        for result in session.classifier.classify(served, pictures, top_k=top_k):
            log_inference(result)
            results.append(result)
            if not as_json:
                show_classifications(console, [result])
    if as_json:
        _print_json(
            {"results": [classification_document(result) for result in results], "rejected": rejected}
        )
    if rejected:
        raise NotAPictureError("; ".join(entry["error"] for entry in rejected))


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
        session.discovery,
        session.classifier,
        FolderSource(folder, max_bytes=settings.max_picture_bytes),
        limits=session.limits,
        interval=settings.interval,
        show=_print_json_line if as_json else lambda _result: None,
    )
    with stop_on_signals() as stop:
        if not once:
            watching.run(stop)
            return
        watching.run_once(stop)
    if watching.rejected:
        raise NotAPictureError(f"{watching.rejected} of the pictures could not be classified; see the log")


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


def _decode_all(images: list[Path], session: Session) -> tuple[list[Picture], list[dict[str, str]]]:
    pictures: list[Picture] = []
    rejected: list[dict[str, str]] = []
    for path in images:
        try:
            pictures.append(decode_picture(str(path), _read(path, session), session.limits))
        except NotAPictureError as error:
            rejected.append({"image": str(path), "error": str(error)})
    return pictures, rejected


def _read(path: Path, session: Session) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(session.limits.max_bytes + 1)
    except OSError as error:
        raise NotAPictureError(f"{path} cannot be read: {error.strerror}") from error


def _chosen_models(table: ModelTable, names: list[str] | tuple[()]) -> list[ServedModel]:
    """The models named, or all that can be used. Raises when one named is unknown, or when there is none."""
    for name in names:
        if name in table.unusable:
            raise UnusableModelError(table.unusable[name])
        if name not in table.usable:
            raise UnknownModelError(name, [*table.usable, *table.unusable])
    if not names and not table.usable:
        reasons = "; ".join(table.unusable.values()) or "none is available"
        raise UnusableModelError(f"the server has no model to classify with: {reasons}")
    return [model for name, model in table.usable.items() if not names or name in names]


def _print_json(document: dict[str, Any]) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def _print_json_line(result: Classification) -> None:
    sys.stdout.write(json.dumps(classification_document(result)) + "\n")
    sys.stdout.flush()
