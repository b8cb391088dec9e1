"""`car-client serve`."""

from contextlib import ExitStack, closing

from edge_common.stopping import leave_now, stop_on_signals

from car_client import service
from car_client.cli.options import WATCH, with_settings
from car_client.output.sinks import open_sink
from car_client.settings import Settings
from car_client.watching.cameras import open_cameras


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
