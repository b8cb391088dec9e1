"""`car-client models`."""

from rich.console import Console

from car_client.cli.options import AsJson, ServerUrl, SidecarUrl, Timeout
from car_client.cli.output import configure_log, print_json
from car_client.output.documents import table_document
from car_client.output.terminal import show_models
from car_client.session import Session
from car_client.settings import load_settings


def models(
    *,
    server_url: ServerUrl = None,
    sidecar_url: SidecarUrl = None,
    timeout: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """List the server's models, their versions and states, and how pictures are prepared for them."""
    settings = load_settings(server_url=server_url, sidecar_url=sidecar_url, timeout=timeout)
    configure_log(settings, answers_on_terminal=True)
    table = Session(settings).discovery.refresh()
    if as_json:
        print_json(table_document(settings.server_url, table))
    else:
        show_models(Console(), settings.server_url, table)
