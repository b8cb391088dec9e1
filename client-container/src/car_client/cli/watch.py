"""`car-client watch`."""

from pathlib import Path
from typing import Annotated

import typer
from edge_common.errors import RejectedError
from edge_common.pictures.decode import Picture

from car_client.cli.options import AsJson, Interval, Models, SendAs, ServerUrl, SidecarUrl, Timeout
from car_client.cli.output import configure_log, print_json_line
from car_client.following import ModelFollower
from car_client.inference.classifier import Classification
from car_client.reports import classification_document
from car_client.session import Session
from car_client.settings import load_settings
from car_client.sources.folder import FolderSource
from car_client.stopping import stop_on_signals
from car_client.watch import Watch


def watch(
    folder: Annotated[Path, typer.Argument(help="Folder in which picture files arrive.")],
    *,
    model: Models = None,
    interval: Interval = None,
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
    configure_log(settings, answers_on_terminal=False)
    session = Session(settings)

    def show(_picture: Picture, result: Classification) -> None:
        if as_json:
            print_json_line(classification_document(result))

    watching = Watch(
        ModelFollower(session.discovery),
        session.classifier,
        FolderSource(folder, max_bytes=settings.max_picture_bytes, settle=settings.interval),
        limits=session.limits,
        interval=settings.interval,
        show=show,
    )
    with stop_on_signals() as stop:
        if not once:
            watching.run(stop)
            return
        watching.run_once(stop)
    if watching.rejected:
        raise RejectedError(f"{watching.rejected} of the pictures could not be classified; see the log")
