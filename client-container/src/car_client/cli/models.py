"""`car-client models`."""

from rich.console import Console

from car_client.cli.options import SERVER, AsJson, print_json, with_settings
from car_client.output.documents import table_document
from car_client.output.terminal import show_models
from car_client.session import Session
from car_client.settings import Settings


@with_settings(*SERVER, answers_on_terminal=True)
def models(settings: Settings, *, as_json: AsJson = False) -> None:
    """List the server's models, their versions and states, and how pictures are prepared for them."""
    table = Session(settings).discovery.refresh()
    if as_json:
        print_json(table_document(settings.server_url, table))
    else:
        show_models(Console(), settings.server_url, table)
