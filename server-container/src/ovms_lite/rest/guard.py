"""Requests that browsers send for pages of strangers, refused before the application sees them."""

from collections.abc import Awaitable, Callable

from edge_common.allowed_hosts import AllowedHosts

from ovms_lite.wire.http_message import Request, Response, json_response

App = Callable[[Request], Response | Awaitable[Response]]


class Guarded:
    """An application for clients that know it by a name of its own; `any_origin` takes pages of all sites."""

    def __init__(self, app: App, hosts: AllowedHosts, *, any_origin: bool = False) -> None:
        self._app = app
        self._hosts = hosts
        self._any_origin = any_origin

    def __call__(self, request: Request) -> Response | Awaitable[Response]:
        """The application's answer, or the refusal."""
        headers = request.headers
        origin = b"" if self._any_origin else headers.get(b"origin", b"")
        refusal = self._hosts.refusal(
            request.method, headers.get(b"host", b"").decode("latin-1"), origin.decode("latin-1")
        )
        if refusal is None:
            return self._app(request)
        return json_response({"error": refusal.sentence}, refusal.status)
