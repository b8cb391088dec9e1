"""`car-client serve`."""

from pathlib import Path
from typing import Annotated

import typer

from car_client.cli.options import Interval, Models, SendAs, ServerUrl, SidecarUrl, Timeout
from car_client.cli.output import configure_log
from car_client.results.sink import NoSink
from car_client.serve import serve as serve_until
from car_client.settings import load_settings
from car_client.sources.folder import FolderSource
from car_client.stopping import leave_now, stop_on_signals


def serve(
    folder: Annotated[Path | None, typer.Argument(help="Folder to watch as well.")] = None,
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of page and API; 0: a free one.")] = None,
    model: Models = None,
    interval: Interval = None,
    transport: SendAs = None,
    server_url: ServerUrl = None,
    sidecar_url: SidecarUrl = None,
    timeout: Timeout = None,
) -> None:
    """Serve the web page and the API until SIGTERM, and watch a source of pictures beside it.

    The page has no sign-in: whoever reaches the port may classify and sees the recent pictures.
    """
    settings = load_settings(
        server_url=server_url,
        sidecar_url=sidecar_url,
        timeout=timeout,
        transport=transport,
        interval=interval,
        http_host=host,
        http_port=port,
        models=tuple(model) if model else None,
    )
    configure_log(settings, answers_on_terminal=False)
    source = None
    if folder is not None:
        source = FolderSource(folder, max_bytes=settings.max_picture_bytes, settle=settings.interval)
    with stop_on_signals() as stop:
        serve_until(settings, source, NoSink(), stop)
    leave_now()
