"""`car-client watch` and `serve`, which run until they are told to stop, and `healthcheck`."""

from contextlib import ExitStack, closing
from functools import partial
from typing import Annotated

import typer
from edge_common.errors import FatalError, RejectedError, RetryableError
from edge_common.pictures.decode import Picture
from edge_common.stopping import leave_now, stop_on_signals

from car_client import service
from car_client.cli.options import WATCH, AsJson, print_json_line, with_settings
from car_client.history.history import kept_history
from car_client.kserve.connection import Connection
from car_client.models.follower import ModelFollower
from car_client.output.documents import classification_document
from car_client.output.sinks import open_sink
from car_client.pipeline.classifier import Classification
from car_client.service import probes
from car_client.session import Session
from car_client.settings import Settings, load_settings
from car_client.watching.cameras import open_cameras, run_together, watches_of

_OK = 200
_SECONDS = 3.0
_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - not listened on, but recognised


@with_settings("source", *WATCH)
def watch(
    settings: Settings,
    *,
    health_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Answer /healthz, /readyz and /metrics on this port.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Classify what is there now, then end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Classify every picture of the sources with every model, those there and those to come, until SIGTERM.

    Models that appear, change or go are followed live. Log lines on standard error tell everything; --json
    prints one JSON object a result on standard output as well.
    """
    if not settings.source:
        raise FatalError("there is no source to watch; name one, or set CAR_CLIENT_SOURCE")
    session = Session(settings)

    def show(source: str, _picture: Picture, result: Classification) -> None:
        if as_json:
            print_json_line(classification_document(result))
        sink.write(result)
        if history is not None:
            history.add(source, result)

    follower = ModelFollower(session.discovery)
    with ExitStack() as running:
        sink = running.enter_context(closing(open_sink(settings)))
        history = running.enter_context(kept_history(settings, session.metrics))
        cameras = [running.enter_context(closing(camera)) for camera in open_cameras(settings)]
        if health_port is not None:
            running.enter_context(probes(session, follower, health_port))
        watches = watches_of(cameras, session, follower, show)
        stop = running.enter_context(stop_on_signals())
        if once:
            run_together([partial(each.run_once, stop) for each in watches])
        else:
            run_together([partial(each.run, stop) for each in watches], stop)
    if not once:
        leave_now()
    rejected = sum(each.rejected for each in watches)
    if rejected:
        raise RejectedError(f"{rejected} of the pictures could not be classified; see the log")


@with_settings("source", "review", "http_host", "http_port", *WATCH)
def serve(settings: Settings) -> None:
    """Serve the web page and the API until SIGTERM, and watch sources of pictures beside it.

    The page has no sign-in: whoever reaches the port may classify and sees the recent pictures.
    """
    with ExitStack() as running:
        sink = running.enter_context(closing(open_sink(settings)))
        cameras = [running.enter_context(closing(camera)) for camera in open_cameras(settings)]
        stop = running.enter_context(stop_on_signals())
        service.serve(settings, cameras, sink, stop)
    leave_now()


def healthcheck(
    *, port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of page and API.")] = None
) -> None:
    """Ask the running `serve` of this machine whether it is alive; for containers. Ends with 0 or 75."""
    settings = load_settings(http_port=port)
    host = "127.0.0.1" if settings.http_host in _EVERYWHERE else settings.http_host
    url = f"http://{host}:{settings.http_port}"
    answer = Connection(url, timeout=_SECONDS).get("/healthz")
    if answer.status != _OK:
        raise RetryableError(f"{url}/healthz answers {answer.status}: {answer.error_text}")
