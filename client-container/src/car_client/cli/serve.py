"""`car-client serve`."""

from contextlib import closing

from edge_common.stopping import leave_now, stop_on_signals

from car_client import service
from car_client.cli.options import WATCH, with_settings
from car_client.output.sinks import open_sink
from car_client.settings import Settings
from car_client.sources.address import open_source


@with_settings("source", "http_host", "http_port", *WATCH)
def serve(settings: Settings) -> None:
    """Serve the web page and the API until SIGTERM, and watch a source of pictures beside it.

    The page has no sign-in: whoever reaches the port may classify and sees the recent pictures.
    """
    sink = open_sink(settings)
    watched = open_source(settings.source, settings) if settings.source is not None else None
    with closing(sink), stop_on_signals() as stop:
        service.serve(settings, watched, sink, stop)
    leave_now()
