"""`car-client serve`."""

from contextlib import closing
from typing import Annotated

import typer
from edge_common.stopping import leave_now, stop_on_signals

from car_client.cli.options import (
    GrpcAddress,
    Interval,
    Models,
    Results,
    SampleInterval,
    SendAs,
    ServerUrl,
    SidecarUrl,
    Speak,
    Timeout,
)
from car_client.cli.output import configure_log
from car_client.output.sinks import open_sink
from car_client.service import serve as serve_until
from car_client.settings import load_settings
from car_client.sources.address import open_source


def serve(
    source: Annotated[
        str | None,
        typer.Argument(help="Watched as well: a folder, s3://..., rtsp://..., camera:0, urls:FILE."),
    ] = None,
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of page and API; 0: a free one.")] = None,
    model: Models = None,
    interval: Interval = None,
    sample_interval: SampleInterval = None,
    results: Results = None,
    transport: SendAs = None,
    protocol: Speak = None,
    grpc_address: GrpcAddress = None,
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
        protocol=protocol,
        grpc_address=grpc_address,
        interval=interval,
        source=source,
        sample_interval=sample_interval,
        results=results,
        http_host=host,
        http_port=port,
        models=tuple(model) if model else None,
    )
    configure_log(settings, answers_on_terminal=False)
    sink = open_sink(settings)
    watched = open_source(settings.source, settings) if settings.source is not None else None
    with closing(sink), stop_on_signals() as stop:
        serve_until(settings, watched, sink, stop)
    leave_now()
