"""The pod's mode: page, API and probes, beside the watch over a source if there is one."""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from edge_common.http_server import ThreadedHttpServer
from edge_common.logs import get_logger
from edge_common.pictures.decode import Picture
from edge_common.watchdog import watched_by_systemd
from starlette.applications import Starlette

from car_client.history.history import History, kept_history
from car_client.models.follower import ModelFollower, ServerView
from car_client.output.recent import RecentInferences
from car_client.output.sinks import ResultSink
from car_client.pipeline.classifier import Classification
from car_client.pipeline.jobs import Pipeline
from car_client.review.bucket import open_review
from car_client.session import Session
from car_client.settings import Settings
from car_client.sidecar.follower import SidecarFollower
from car_client.sidecar.observations import Reporter
from car_client.watching.cameras import Camera, run_together, watches_of
from car_client.web.app import create_app
from car_client.web.broadcast import Broadcast
from car_client.web.cameras import tell_changes
from car_client.web.gateway import Gateway
from car_client.web.health import health_routes
from car_client.web.platform.platform import Platform

_log = get_logger()
_PAGE_REQUESTS = 8
_LOOKS_MISSED = 10


def alive_within(settings: Settings) -> float:
    """Seconds without a look at the models after which the process counts as hanging: ten slow looks."""
    return _LOOKS_MISSED * (settings.interval + settings.timeout)


def serve(settings: Settings, cameras: Sequence[Camera], sink: ResultSink, stop: threading.Event) -> None:
    """Serve, and watch `cameras`, until `stop` is set. Raises FatalError when the address is taken."""
    session = Session(settings)
    with kept_history(settings, session.metrics) as history:
        _serve(session, cameras, sink, history, stop)


def _serve(
    session: Session,
    cameras: Sequence[Camera],
    sink: ResultSink,
    history: History | None,
    stop: threading.Event,
) -> None:
    settings = session.settings
    review = open_review(settings)
    broadcast = Broadcast()
    recent = RecentInferences(on_new=lambda document: broadcast.publish("inference", document))

    def tell(view: ServerView) -> None:
        broadcast.publish("models", {"reachable": view.error is None})

    def show(source: str, picture: Picture, result: Classification) -> None:
        thumbnail = recent.add(picture, result, origin="watch")
        sink.write(result)
        if history is not None:
            history.add(source, result, thumbnail)

    follower = ModelFollower(session.discovery, on_change=tell)
    sidecar = SidecarFollower(session.sidecar)
    platform = Platform(
        sidecar, follower, server_url=settings.server_url, on_change=lambda: broadcast.publish("platform", {})
    )
    sources = [camera.record for camera in cameras]
    pipeline = Pipeline(session.classifier, requests=_PAGE_REQUESTS, counted=session.tally.source())
    gateway = Gateway(
        server_url=settings.server_url,
        follower=follower,
        pipeline=pipeline,
        limits=session.limits,
        metrics=session.metrics,
        recent=recent,
        broadcast=broadcast,
        platform=platform,
        sidecar=session.sidecar,
        sources=sources,
        alive_within=alive_within(settings),
        addresses=settings.page_addresses,
        history=history,
        review=review,
    )
    http = _http_server(create_app(gateway), settings, settings.http_port)
    with ExitStack() as running:
        running.callback(pipeline.close)
        running.enter_context(http)
        running.callback(broadcast.close)  # before the server stops, which waits for open streams
        _log.info("http_listening", host=settings.http_host, port=http.port)
        running.enter_context(watched_by_systemd(settings.http_host, http.port, "/healthz"))
        _in_background("models", lambda: follower.run(stop, interval=settings.interval))
        _in_background("platform", lambda: platform.run(stop))
        _in_background("sources", lambda: tell_changes(sources, broadcast, stop))
        if session.sidecar is not None and settings.report_answers:
            token = settings.sidecar_token.get_secret_value()
            reporter = Reporter(session.sidecar, sidecar, session.tally, token=token)
            _in_background("reports", lambda: reporter.run(stop))
        watches = watches_of(cameras, session, follower, show)
        run_together([partial(watch.run, stop) for watch in watches], stop)
        stop.wait()  # a video ends before the page does, and there may be no source


def probes(session: Session, follower: ModelFollower, port: int) -> ThreadedHttpServer:
    """`/healthz`, `/readyz` and `/metrics` alone, for a watch without the page; a context manager."""
    routes = health_routes(follower, session.metrics, alive_within=alive_within(session.settings))
    return _http_server(Starlette(routes=routes), session.settings, port)


def _http_server(app: Starlette, settings: Settings, port: int) -> ThreadedHttpServer:
    return ThreadedHttpServer(app, host=settings.http_host, port=port, allowed_hosts=settings.allowed_hosts)


def _in_background(name: str, run: Callable[[], None]) -> None:
    """Run in a thread of its own, so that a slow source does not make the page stale."""
    threading.Thread(target=run, name=name, daemon=True).start()
