"""`car-client healthcheck`."""

from typing import Annotated

import typer
from edge_common.errors import RetryableError

from car_client.kserve.connection import Connection
from car_client.settings import load_settings

_OK = 200
_SECONDS = 3.0
_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - not listened on, but recognised


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
