"""`car-client watch`."""

from contextlib import ExitStack, closing
from typing import Annotated

import typer
from edge_common.errors import RejectedError
from edge_common.pictures.decode import Picture
from edge_common.stopping import leave_now, stop_on_signals

from car_client.cli.options import (
    AsJson,
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
from car_client.cli.output import configure_log, print_json_line
from car_client.models.follower import ModelFollower
from car_client.output.documents import classification_document
from car_client.output.sinks import open_sink
from car_client.pipeline.classifier import Classification
from car_client.service import probes, watch_of
from car_client.session import Session
from car_client.settings import load_settings
from car_client.sources.address import open_source

HealthPort = Annotated[
    int | None, typer.Option(min=0, max=65535, help="Answer /healthz, /readyz and /metrics on this port.")
]


def watch(
    source: Annotated[
        str, typer.Argument(help="A folder, s3://BUCKET/PREFIX, rtsp://..., camera:0, video:FILE, urls:FILE.")
    ],
    *,
    model: Models = None,
    interval: Interval = None,
    sample_interval: SampleInterval = None,
    results: Results = None,
    health_port: HealthPort = None,
    once: Annotated[bool, typer.Option("--once", help="Classify what is there now, then end.")] = False,
    transport: SendAs = None,
    protocol: Speak = None,
    grpc_address: GrpcAddress = None,
    server_url: ServerUrl = None,
    sidecar_url: SidecarUrl = None,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Classify every picture of a source with every model, those there and those to come, until SIGTERM.

    Models that appear, change or go are followed live. Log lines on standard error tell everything; --json
    prints one JSON object a result on standard output as well.
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
        models=tuple(model) if model else None,
    )
    configure_log(settings, answers_on_terminal=False)
    session = Session(settings)

    def show(_picture: Picture, result: Classification) -> None:
        if as_json:
            print_json_line(classification_document(result))
        sink.write(result)

    follower = ModelFollower(session.discovery)
    with ExitStack() as running:
        sink = running.enter_context(closing(open_sink(settings)))
        watched = running.enter_context(closing(open_source(source, settings)))
        if health_port is not None:
            running.enter_context(probes(session, follower, health_port))
        watching = watch_of(watched, session, follower, show)
        stop = running.enter_context(stop_on_signals())
        if once:
            watching.run_once(stop)
        else:
            watching.run(stop)
    if not once:
        leave_now()
    if watching.rejected:
        raise RejectedError(f"{watching.rejected} of the pictures could not be classified; see the log")
