"""What the commands have in common: options, and how the settings are read."""
# ruff: noqa: PLC0415 - see `cli`

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from model_sync.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
StatusUrl = Annotated[str, typer.Option(help="Address of the sidecar.", envvar="MODEL_SYNC_STATUS_URL")]


def settings_of_command(overrides: dict[str, Any] | None = None) -> "Settings":
    """The settings of the surroundings, with logs as they say; raises FatalError that names what is wrong."""
    from edge_common.logs import configure_logging

    from model_sync.settings import read_settings

    settings = read_settings(os.environ, overrides)
    configure_logging(settings.log_format, settings.log_level)
    return settings
